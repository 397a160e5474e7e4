//! Scores become colours.
//!
//! The map is *inferno* by Nathaniel J. Smith and Stéfan van der Walt (2015),
//! dedicated to the public domain (CC0): equal steps in score are equal steps
//! in perceived colour, lightness rises all the way, and it reads the same
//! with red-green blindness and in grey print. All 256 entries are theirs,
//! rounded to 8 bits.

use super::super::ReportError;

/// The range of scores that the colours span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColourScale {
    low: f32,
    high: f32,
}

impl ColourScale {
    /// Scores from `low` (darkest, transparent) to `high` (brightest, most opaque).
    ///
    /// # Errors
    ///
    /// [`ReportError::Scale`] unless both are finite and `low < high`.
    pub fn new(low: f32, high: f32) -> Result<Self, ReportError> {
        if low.is_finite() && high.is_finite() && low < high && (high - low).is_finite() {
            Ok(Self { low, high })
        } else {
            Err(ReportError::Scale { low, high })
        }
    }

    /// Puts the threshold in the middle: from `low` (a typical normal score)
    /// as far beyond the threshold as below it.
    ///
    /// Such a scale depends on the bundle only, so pictures of different
    /// images and different days can be laid side by side.
    ///
    /// # Errors
    ///
    /// [`ReportError::Scale`] unless both are finite and `low < threshold`.
    pub fn around_threshold(low: f32, threshold: f32) -> Result<Self, ReportError> {
        Self::new(low, threshold + (threshold - low))
    }

    /// Lower end.
    #[must_use]
    pub fn low(&self) -> f32 {
        self.low
    }

    /// Upper end.
    #[must_use]
    pub fn high(&self) -> f32 {
        self.high
    }

    /// Where a score lies on the scale, in `[0, 1]`; 0 for NaN.
    #[must_use]
    pub fn position(&self, score: f32) -> f32 {
        let position = (score - self.low) / (self.high - self.low);
        if position.is_nan() { 0.0 } else { position.clamp(0.0, 1.0) }
    }
}

/// The colour at a position in `[0, 1]` of the scale; positions outside take
/// the colour of the nearer end.
#[must_use]
pub fn colour(position: f32) -> [u8; 3] {
    // `as` saturates, and NaN becomes 0.
    let [_, red, green, blue] = INFERNO[(position.clamp(0.0, 1.0) * 255.0).round() as usize].to_be_bytes();
    [red, green, blue]
}

/// `0xrrggbb`.
const INFERNO: [u32; 256] = [
    0x000004, 0x010005, 0x010106, 0x010108, 0x02010a, 0x02020c, 0x02020e, 0x030210, 0x040312, 0x040314, 0x050417,
    0x060419, 0x07051b, 0x08051d, 0x09061f, 0x0a0722, 0x0b0724, 0x0c0826, 0x0d0829, 0x0e092b, 0x10092d, 0x110a30,
    0x120a32, 0x140b34, 0x150b37, 0x160b39, 0x180c3c, 0x190c3e, 0x1b0c41, 0x1c0c43, 0x1e0c45, 0x1f0c48, 0x210c4a,
    0x230c4c, 0x240c4f, 0x260c51, 0x280b53, 0x290b55, 0x2b0b57, 0x2d0b59, 0x2f0a5b, 0x310a5c, 0x320a5e, 0x340a5f,
    0x360961, 0x380962, 0x390963, 0x3b0964, 0x3d0965, 0x3e0966, 0x400a67, 0x420a68, 0x440a68, 0x450a69, 0x470b6a,
    0x490b6a, 0x4a0c6b, 0x4c0c6b, 0x4d0d6c, 0x4f0d6c, 0x510e6c, 0x520e6d, 0x540f6d, 0x550f6d, 0x57106e, 0x59106e,
    0x5a116e, 0x5c126e, 0x5d126e, 0x5f136e, 0x61136e, 0x62146e, 0x64156e, 0x65156e, 0x67166e, 0x69166e, 0x6a176e,
    0x6c186e, 0x6d186e, 0x6f196e, 0x71196e, 0x721a6e, 0x741a6e, 0x751b6e, 0x771c6d, 0x781c6d, 0x7a1d6d, 0x7c1d6d,
    0x7d1e6d, 0x7f1e6c, 0x801f6c, 0x82206c, 0x84206b, 0x85216b, 0x87216b, 0x88226a, 0x8a226a, 0x8c2369, 0x8d2369,
    0x8f2469, 0x902568, 0x922568, 0x932667, 0x952667, 0x972766, 0x982766, 0x9a2865, 0x9b2964, 0x9d2964, 0x9f2a63,
    0xa02a63, 0xa22b62, 0xa32c61, 0xa52c60, 0xa62d60, 0xa82e5f, 0xa92e5e, 0xab2f5e, 0xad305d, 0xae305c, 0xb0315b,
    0xb1325a, 0xb3325a, 0xb43359, 0xb63458, 0xb73557, 0xb93556, 0xba3655, 0xbc3754, 0xbd3853, 0xbf3952, 0xc03a51,
    0xc13a50, 0xc33b4f, 0xc43c4e, 0xc63d4d, 0xc73e4c, 0xc83f4b, 0xca404a, 0xcb4149, 0xcc4248, 0xce4347, 0xcf4446,
    0xd04545, 0xd24644, 0xd34743, 0xd44842, 0xd54a41, 0xd74b3f, 0xd84c3e, 0xd94d3d, 0xda4e3c, 0xdb503b, 0xdd513a,
    0xde5238, 0xdf5337, 0xe05536, 0xe15635, 0xe25734, 0xe35933, 0xe45a31, 0xe55c30, 0xe65d2f, 0xe75e2e, 0xe8602d,
    0xe9612b, 0xea632a, 0xeb6429, 0xeb6628, 0xec6726, 0xed6925, 0xee6a24, 0xef6c23, 0xef6e21, 0xf06f20, 0xf1711f,
    0xf1731d, 0xf2741c, 0xf3761b, 0xf37819, 0xf47918, 0xf57b17, 0xf57d15, 0xf67e14, 0xf68013, 0xf78212, 0xf78410,
    0xf8850f, 0xf8870e, 0xf8890c, 0xf98b0b, 0xf98c0a, 0xf98e09, 0xfa9008, 0xfa9207, 0xfa9407, 0xfb9606, 0xfb9706,
    0xfb9906, 0xfb9b06, 0xfb9d07, 0xfc9f07, 0xfca108, 0xfca309, 0xfca50a, 0xfca60c, 0xfca80d, 0xfcaa0f, 0xfcac11,
    0xfcae12, 0xfcb014, 0xfcb216, 0xfcb418, 0xfbb61a, 0xfbb81d, 0xfbba1f, 0xfbbc21, 0xfbbe23, 0xfac026, 0xfac228,
    0xfac42a, 0xfac62d, 0xf9c72f, 0xf9c932, 0xf9cb35, 0xf8cd37, 0xf8cf3a, 0xf7d13d, 0xf7d340, 0xf6d543, 0xf6d746,
    0xf5d949, 0xf5db4c, 0xf4dd4f, 0xf4df53, 0xf4e156, 0xf3e35a, 0xf3e55d, 0xf2e661, 0xf2e865, 0xf2ea69, 0xf1ec6d,
    0xf1ed71, 0xf1ef75, 0xf1f179, 0xf2f27d, 0xf2f482, 0xf3f586, 0xf3f68a, 0xf4f88e, 0xf5f992, 0xf6fa96, 0xf8fb9a,
    0xf9fc9d, 0xfafda1, 0xfcffa4,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE 1976 lightness of an sRGB colour.
    fn lightness(colour: [u8; 3]) -> f64 {
        let linear = colour.map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        let y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        if y > 0.008_856 { 116.0 * y.cbrt() - 16.0 } else { 903.3 * y }
    }

    #[test]
    fn ends_and_middle_are_the_published_colours() {
        assert_eq!(colour(0.0), [0, 0, 4]);
        assert_eq!(colour(1.0), [252, 255, 164]);
        assert_eq!(colour(128.0 / 255.0), [188, 55, 84]);
    }

    #[test]
    fn lightness_rises_evenly() {
        let values: Vec<f64> = (0..256).map(|entry| lightness(colour(entry as f32 / 255.0))).collect();
        let mean_step = (values[255] - values[0]) / 255.0;
        for (index, pair) in values.windows(2).enumerate() {
            let step = pair[1] - pair[0];
            assert!(step > -0.2 && step < 3.0 * mean_step, "entry {index}: {step}");
        }
        // The first entries are too dark for 8 bits to show equal steps.
        for (index, pair) in values.windows(9).enumerate().skip(16) {
            let step = (pair[8] - pair[0]) / 8.0;
            assert!((0.5..1.6).contains(&(step / mean_step)), "entry {index}: {step}");
        }
    }

    #[test]
    fn positions_outside_the_scale_take_the_nearer_end() {
        let scale = ColourScale::new(1.0, 3.0).unwrap();
        assert_eq!(scale.position(2.0), 0.5);
        assert_eq!(scale.position(-5.0), 0.0);
        assert_eq!(scale.position(f32::INFINITY), 1.0);
        assert_eq!(scale.position(f32::NAN), 0.0);
        assert_eq!(colour(f32::NAN), colour(0.0));
        assert_eq!(colour(7.0), colour(1.0));
    }

    #[test]
    fn a_scale_around_the_threshold_has_it_in_the_middle() {
        let scale = ColourScale::around_threshold(1.0, 4.0).unwrap();
        assert_eq!((scale.low(), scale.high()), (1.0, 7.0));
        assert_eq!(scale.position(4.0), 0.5);
    }

    #[test]
    fn rejects_scales_without_a_range() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f32::NAN, 1.0), (0.0, f32::INFINITY), (f32::MIN, f32::MAX)] {
            assert!(matches!(ColourScale::new(low, high), Err(ReportError::Scale { .. })));
        }
    }
}
