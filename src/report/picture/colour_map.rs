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
    INFERNO[(position.clamp(0.0, 1.0) * 255.0).round() as usize]
}

const INFERNO: [[u8; 3]; 256] = parse(
    b"\
    00000401000501010601010802010a02020c02020e03021004031204031405041706041907051b08051d09061f0a0722\
    0b07240c08260d08290e092b10092d110a30120a32140b34150b37160b39180c3c190c3e1b0c411c0c431e0c451f0c48\
    210c4a230c4c240c4f260c51280b53290b552b0b572d0b592f0a5b310a5c320a5e340a5f3609613809623909633b0964\
    3d09653e0966400a67420a68440a68450a69470b6a490b6a4a0c6b4c0c6b4d0d6c4f0d6c510e6c520e6d540f6d550f6d\
    57106e59106e5a116e5c126e5d126e5f136e61136e62146e64156e65156e67166e69166e6a176e6c186e6d186e6f196e\
    71196e721a6e741a6e751b6e771c6d781c6d7a1d6d7c1d6d7d1e6d7f1e6c801f6c82206c84206b85216b87216b88226a\
    8a226a8c23698d23698f24699025689225689326679526679727669827669a28659b29649d29649f2a63a02a63a22b62\
    a32c61a52c60a62d60a82e5fa92e5eab2f5ead305dae305cb0315bb1325ab3325ab43359b63458b73557b93556ba3655\
    bc3754bd3853bf3952c03a51c13a50c33b4fc43c4ec63d4dc73e4cc83f4bca404acb4149cc4248ce4347cf4446d04545\
    d24644d34743d44842d54a41d74b3fd84c3ed94d3dda4e3cdb503bdd513ade5238df5337e05536e15635e25734e35933\
    e45a31e55c30e65d2fe75e2ee8602de9612bea632aeb6429eb6628ec6726ed6925ee6a24ef6c23ef6e21f06f20f1711f\
    f1731df2741cf3761bf37819f47918f57b17f57d15f67e14f68013f78212f78410f8850ff8870ef8890cf98b0bf98c0a\
    f98e09fa9008fa9207fa9407fb9606fb9706fb9906fb9b06fb9d07fc9f07fca108fca309fca50afca60cfca80dfcaa0f\
    fcac11fcae12fcb014fcb216fcb418fbb61afbb81dfbba1ffbbc21fbbe23fac026fac228fac42afac62df9c72ff9c932\
    f9cb35f8cd37f8cf3af7d13df7d340f6d543f6d746f5d949f5db4cf4dd4ff4df53f4e156f3e35af3e55df2e661f2e865\
    f2ea69f1ec6df1ed71f1ef75f1f179f2f27df2f482f3f586f3f68af4f88ef5f992f6fa96f8fb9af9fc9dfafda1fcffa4",
);

/// Reads `rrggbb` groups at compile time.
const fn parse(hex: &[u8; 1536]) -> [[u8; 3]; 256] {
    let mut table = [[0; 3]; 256];
    let mut i = 0;
    while i < 1536 {
        let digit = if hex[i] <= b'9' { hex[i] - b'0' } else { hex[i] - b'a' + 10 };
        let cell = &mut table[i / 6][i % 6 / 2];
        *cell = *cell * 16 + digit;
        i += 1;
    }
    table
}

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
        let values: Vec<f64> = INFERNO.iter().map(|&entry| lightness(entry)).collect();
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
