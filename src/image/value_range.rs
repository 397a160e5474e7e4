//! Which stored values become 0 and 1.

use std::fmt;
use std::str::FromStr;

use super::ImageError;

/// The stored values that become 0 and 1, for images that do not use the whole range of their type: 0 to 4095 for a
/// 12-bit camera's samples in 16-bit files, 280 to 340 for temperatures in kelvin. What lies outside is not clipped.
///
/// Integers count in units of the file: 0 to 255 up to eight bits (fewer bits are expanded to eight), 0 to 65535 above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueRange {
    min: f64,
    max: f64,
}

impl ValueRange {
    /// The range from `min` to `max`.
    ///
    /// # Errors
    /// [`ImageError::UnknownRange`] unless both are finite in 32-bit floats and `min` lies below `max`.
    pub fn new(min: f64, max: f64) -> Result<Self, ImageError> {
        let holds = (min as f32).is_finite() && (max as f32).is_finite() && (min as f32) < max as f32;
        if holds {
            Ok(ValueRange { min, max })
        } else {
            Err(ImageError::UnknownRange { found: format!("{min}:{max}") })
        }
    }

    /// The value that becomes 0.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The value that becomes 1.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// 0 to the full scale of an integer type, or of its stated significant part.
    pub(super) fn full(max: f64) -> Self {
        ValueRange { min: 0.0, max }
    }

    /// The same range of values that were stored turned over, `v` as `full - v`.
    pub(super) fn inverted(&self, full: f64) -> Self {
        ValueRange { min: full - self.max, max: full - self.min }
    }

    /// One value, rounded once.
    pub(super) fn unit(&self, value: f64) -> f32 {
        ((value - self.min) / (self.max - self.min)) as f32
    }

    /// The first `n_kept` of every `n_stored` samples: what follows them is alpha.
    pub(super) fn units<T: Copy + Into<f32> + Into<f64>>(
        &self,
        samples: &[T],
        n_stored: usize,
        n_kept: usize,
    ) -> Vec<f32> {
        let max = self.max as f32;
        // The quotient of two `f32` is the same, rounded once, and faster.
        if self.min == 0.0 && f64::from(max) == self.max {
            keep_channels(samples, n_stored, n_kept, |value| Into::<f32>::into(value) / max)
        } else {
            keep_channels(samples, n_stored, n_kept, |value| self.unit(value.into()))
        }
    }
}

/// `MIN:MAX`, the form that [`FromStr`] reads.
impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.min, self.max)
    }
}

impl FromStr for ValueRange {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let unknown = || ImageError::UnknownRange { found: text.to_owned() };
        let (min, max) = text.split_once(':').ok_or_else(unknown)?;
        match (min.trim().parse(), max.trim().parse()) {
            (Ok(min), Ok(max)) => ValueRange::new(min, max).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

/// The first `n_kept` of every `n_stored` samples, as `f32`: what follows them is alpha.
pub(super) fn keep_channels<T: Copy>(
    samples: &[T],
    n_stored: usize,
    n_kept: usize,
    to_f32: impl Fn(T) -> f32,
) -> Vec<f32> {
    let pixels = samples.chunks_exact(n_stored).flat_map(|pixel| &pixel[..n_kept]);
    let mut values = Vec::with_capacity(samples.len() / n_stored * n_kept);
    values.extend(pixels.map(|&value| to_f32(value)));
    values
}

/// Whether samples of `depth` bits that are said to have `n_significant` are stored as they are, in the lowest bits. The PNG
/// specification has them scaled up to the whole depth (section 13.12), and not every camera program does so.
pub(super) fn is_unscaled(samples: impl Iterator<Item = u32>, depth: u32, n_significant: u32) -> bool {
    let shift = depth - n_significant;
    let mut fits_scaling = true;
    for sample in samples {
        if sample >> n_significant != 0 {
            return false;
        }
        // Scaled up, the highest bits are repeated in the lowest ones, or these are zero.
        let repeated = (sample >> shift) << shift | sample >> n_significant;
        fits_scaling &= sample & ((1 << shift) - 1) == 0 || sample == repeated;
    }
    !fits_scaling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        for text in ["0:4095", "280:340", "-1:1", "0.5:0.75"] {
            assert_eq!(text.parse::<ValueRange>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1:1", "2:1", "nan:1", "0:inf", "0:1e300", "a:b", "1:2:3", "-1e-60:0"] {
            let error = text.parse::<ValueRange>().unwrap_err().to_string();
            assert!(error.contains("MIN:MAX"), "{text}: {error}");
        }
    }

    #[test]
    fn values_outside_a_range_are_not_clipped() {
        let range: ValueRange = "100:300".parse().unwrap();
        assert_eq!(range.units(&[100_u16, 200, 300, 0, 500], 1, 1), [0.0, 0.5, 1.0, -0.5, 2.0]);
        let full = ValueRange::full(65_535.0);
        let samples: Vec<u16> = (0..=u16::MAX).collect();
        let in_f32: Vec<f32> = samples.iter().map(|&v| f32::from(v) / 65_535.0).collect();
        assert_eq!(full.units(&samples, 1, 1), in_f32);
        assert!(samples.iter().zip(&in_f32).all(|(&v, x)| full.unit(f64::from(v)) == *x));
    }

    #[test]
    fn unscaled_samples_are_told_from_scaled_ones() {
        let camera: Vec<u32> = (0..300).map(|i| i * 13 % 4096).collect();
        let is = |samples: &[u32]| is_unscaled(samples.iter().copied(), 16, 12);
        assert!(is(&camera));
        assert!(!is(&camera.iter().map(|v| v << 4 | v >> 8).collect::<Vec<_>>()));
        // Dark pictures, scaled up in either way: still below 4096.
        assert!(!is(&(0..200).map(|v| v << 4).collect::<Vec<_>>()));
        assert!(!is(&(0..256).map(|v| v << 4 | v >> 8).collect::<Vec<_>>()));
        assert!(!is(&[0; 9]));
        // A value that 12 bits can't hold: the statement is wrong.
        assert!(!is(&[1, 2, 4096]));
        assert!(is_unscaled([1, 2, 3].into_iter(), 8, 5));
    }
}
