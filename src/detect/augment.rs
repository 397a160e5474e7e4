//! Ways in which normal images may vary, for a training.

use super::DetectError;
use std::fmt;
use std::str::FromStr;

/// A step that varies a training image at random each time it is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Augment {
    /// Left and right exchanged, every other time.
    FlipHorizontal,
    /// Top and bottom exchanged, every other time.
    FlipVertical,
    /// Turned by up to so many degrees, either way.
    Turn(f32),
    /// Larger or smaller by up to this share.
    Scale(f32),
    /// Moved by up to this share of its sides.
    Shift(f32),
    /// Each channel brighter or darker and of more or less contrast by up to this share; greys are left alone.
    Colour(f32),
    /// Blurred by a Gaussian of up to so many pixels.
    Blur(f32),
    /// Noise of this deviation, as a share of the range of pixels.
    Noise(f32),
}

/// Steps at most.
const MOST_STEPS: usize = 16;

impl Augment {
    /// Steps separated by commas, in the order in which they are taken; none of an empty text or `none`.
    ///
    /// # Errors
    /// [`DetectError::Setting`].
    pub fn list(text: &str) -> Result<Vec<Self>, DetectError> {
        if text.is_empty() || text == "none" {
            return Ok(vec![]);
        }
        let steps: Vec<Self> = text.split(',').map(|step| step.trim().parse()).collect::<Result<_, _>>()?;
        if steps.len() > MOST_STEPS { Err(refused(text)) } else { Ok(steps) }
    }
}

fn refused(text: &str) -> DetectError {
    let expected = "none, or steps with commas between: flip:h, flip:v, turn:DEGREES (to 180), scale:SHARE, shift:SHARE, colour:SHARE, noise:SHARE (to .5), blur:PIXELS (to 10)";
    DetectError::Setting { setting: "augment", expected: expected.to_owned(), found: text.to_owned() }
}

impl FromStr for Augment {
    type Err = DetectError;

    fn from_str(text: &str) -> Result<Self, DetectError> {
        let (name, amount) = text.split_once(':').ok_or_else(|| refused(text))?;
        let up_to = |most: f32| {
            let amount: f32 = amount.parse().map_err(|_| refused(text))?;
            if amount > 0.0 && amount <= most { Ok(amount) } else { Err(refused(text)) }
        };
        Ok(match (name, amount) {
            ("flip", "h") => Self::FlipHorizontal,
            ("flip", "v") => Self::FlipVertical,
            ("turn", _) => Self::Turn(up_to(180.0)?),
            ("scale", _) => Self::Scale(up_to(0.5)?),
            ("shift", _) => Self::Shift(up_to(0.5)?),
            ("colour", _) => Self::Colour(up_to(0.5)?),
            ("noise", _) => Self::Noise(up_to(0.5)?),
            ("blur", _) => Self::Blur(up_to(10.0)?),
            _ => return Err(refused(text)),
        })
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FlipHorizontal => f.write_str("flip:h"),
            Self::FlipVertical => f.write_str("flip:v"),
            Self::Turn(degrees) => write!(f, "turn:{degrees}"),
            Self::Scale(share) => write!(f, "scale:{share}"),
            Self::Shift(share) => write!(f, "shift:{share}"),
            Self::Colour(share) => write!(f, "colour:{share}"),
            Self::Blur(pixels) => write!(f, "blur:{pixels}"),
            Self::Noise(share) => write!(f, "noise:{share}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_written_as_they_are_read_and_others_are_refused() {
        let text = "flip:h,flip:v,turn:5,scale:0.1,shift:0.02,colour:0.1,blur:1.5,noise:0.01";
        let steps = Augment::list(text).unwrap();
        assert_eq!(steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(","), text);
        assert!(Augment::list("none").unwrap().is_empty() && Augment::list("").unwrap().is_empty());
        for bad in ["flip", "flip:x", "turn:0", "turn:181", "turn:nan", "scale:0.9", "warp:1", "flip:h,,flip:v"] {
            let error = Augment::list(bad).unwrap_err().to_string();
            assert!(error.contains("augment") && error.contains("flip:h"), "{bad}: {error}");
        }
        assert!(Augment::list(&"flip:h,".repeat(17)).is_err());
    }
}
