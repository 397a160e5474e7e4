//! What is known to be wrong with the station's files, and what to do about it.

use std::fmt;

/// A flaw of an imported bank. `Display` explains it and names the way out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StationWarning {
    /// The threshold promises no false-alarm rate.
    Threshold {
        /// The quantile it was taken as, where the file says so.
        q: Option<f64>,
    },
    /// The rows look like averages over neighbouring patches, and the station compares single patches with them.
    Averaged {
        /// Share of zeros among the gallery's values, 0..1.
        gallery_zeros: f64,
        /// Share of zeros among the values of the network's single patches, 0..1.
        single_zeros: f64,
    },
    /// Whether the rows are such averages can't be told.
    PerhapsAveraged,
    /// Rows are not exactly of length 1.
    Norm {
        /// Largest deviation of a row's length from 1.
        norm_error: f64,
    },
    /// The station does not follow its own description.
    InputSize {
        /// `input_size` of `meta.json`, pixels.
        said_px: u32,
    },
    /// The network gives another patch grid than described.
    Grid {
        /// Rows and columns by `meta.json`.
        said: (usize, usize),
        /// Rows and columns of the network.
        found: (usize, usize),
    },
    /// The station's heat maps are drawn in the wrong place.
    HeatMap,
}

/// Smallest difference between the shares of zeros of single and averaged patches that tells them apart.
const TELLING: f64 = 0.05;

impl StationWarning {
    /// Tells averages over a neighbourhood by their zeros. After a rectifier (ReLU) many values of a patch are exactly
    /// zero; their mean over 3 x 3 patches is zero only where all nine are. Length normalisation changes no zero.
    ///
    /// The arguments are shares of zeros, 0..1: of the gallery, of the network's single patches, and of these averaged
    /// over 3 x 3. `None` when the gallery looks like single patches.
    ///
    /// On magnetic tiles (30 images) and a synthetic probe image the shares were: ResNet-18 `layer3` 48 % single and
    /// 23 % averaged, the middle of the probe 36 %; ResNet-50v2 `layer3` 77, 49 and 67 %; MobileNetV2 69, 50 and 53 %.
    pub(super) fn neighbourhood(gallery_zeros: f64, single_zeros: f64, averaged_zeros: f64) -> Option<Self> {
        if single_zeros - averaged_zeros < TELLING {
            return Some(Self::PerhapsAveraged);
        }
        let middle = f64::midpoint(single_zeros, averaged_zeros);
        (gallery_zeros < middle).then_some(Self::Averaged { gallery_zeros, single_zeros })
    }
}

impl fmt::Display for StationWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WAY_OUT: &str = "`live::calibrate` NORMALS sets the threshold from normal images";
        match self {
            Self::Threshold { q: Some(q) } => write!(
                f,
                "threshold: a quantile ({q}) of distances between single patches of the bank, but an image is judged by its largest of all patch distances, so its false-alarm rate is not known; {WAY_OUT}"
            ),
            Self::Threshold { q: None } => write!(
                f,
                "threshold: the file does not say where it comes from, and no false-alarm rate is known; {WAY_OUT}"
            ),
            Self::Averaged { gallery_zeros, single_zeros } => write!(
                f,
                "neighbourhood: the bank seems to hold averages over neighbouring patches ({:.0} % of its values are zero, {:.0} % of a single patch's), while the station compares single patches with them; all distances are too large and small faults stand out less; {WAY_OUT}, and a new fit with `train::fit` `Options::metric` cosine treats both alike",
                100.0 * gallery_zeros,
                100.0 * single_zeros
            ),
            Self::PerhapsAveraged => write!(
                f,
                "neighbourhood: whether the bank holds averages over neighbouring patches can't be told for this network; the station compares single patches, and if they differ all distances are too large; {WAY_OUT}"
            ),
            Self::Norm { norm_error } => write!(
                f,
                "gallery: the lengths of its rows deviate from 1 by up to {norm_error:.1e}; pcore divides by the length, the station does not, so scores may differ by as much"
            ),
            Self::InputSize { said_px } => write!(
                f,
                "input size: meta.json says {said_px} pixels, the station's program always cuts 224 x 224 pixels, and so does this bundle"
            ),
            Self::Grid { said, found } => write!(
                f,
                "patch grid: meta.json says {} x {}, the network gives {} x {}; check that `StationOptions::backbone` and `StationOptions::layers` are those of the gallery",
                said.0, said.1, found.0, found.1
            ),
            Self::HeatMap => f.write_str(
                "heat map: the station stretches it over the whole image though only the centre (224 of 256 pixels) is inspected; pcore draws it where it belongs, and the border stays without",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_tell_averages_where_the_network_makes_zeros() {
        let averaged = StationWarning::Averaged { gallery_zeros: 0.1, single_zeros: 0.6 };
        assert_eq!(StationWarning::neighbourhood(0.1, 0.6, 0.2), Some(averaged));
        assert_eq!(StationWarning::neighbourhood(0.55, 0.6, 0.2), None);
        assert_eq!(StationWarning::neighbourhood(0.0, 0.0, 0.0), Some(StationWarning::PerhapsAveraged));
    }
}
