//! Textured parts: small colour photographs of a woven cover on a dark ground, with stains and scratches as defects.
//!
//! A part lies nearly where the others do, turned by a degree or so and lit unevenly; its weave begins anywhere. A stain is a ragged
//! patch that dims what lies below it, a scratch a thin bent line, lighter or darker. No measured surface is copied.

use super::{SynthError, files};
use crate::image::{write_png_grey8, write_png_rgb8};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::fs;
use std::path::{Path, PathBuf};

/// Parts in a folder, at most: what four digits count.
pub const MAX_PARTS: usize = 10_000;
/// Sides of a photograph, pixels.
pub const PART_SIDES_PX: std::ops::RangeInclusive<usize> = 64..=2048;

/// The file that a finished folder has.
const PLAN_FILE: &str = "part-plan.txt";
/// Raised when other parts come of the same plan.
const MODEL_VERSION: u32 = 1;
/// Half the side of a part, and the radius of its corners, shares of the photograph's.
const HALF: f32 = 0.40;
const CORNER: f32 = 0.08;
/// How far a part lies from its place, share of the side, and how far it is turned, radians.
const JITTER: f32 = 0.012;
const TURN: f32 = 0.02;
/// Threads along a side of the photograph.
const THREADS: f32 = 20.0;
/// Colours, 0 to 1.
const GROUND: [f32; 3] = [0.10, 0.11, 0.13];
const COVER: [f32; 3] = [0.62, 0.52, 0.38];
const WEAVE: f32 = 0.09;
const SHADING: f32 = 0.06;
const GRAIN: f32 = 0.02;
/// How much a stain takes from each colour.
const STAIN: [f32; 3] = [0.30, 0.36, 0.42];

/// What to simulate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartsPlan {
    /// Rows and columns of a photograph.
    pub side_px: usize,
    /// Chooses every random draw.
    pub seed: u64,
    /// Normal parts to train on.
    pub n_train: usize,
    /// Normal parts to test with.
    pub n_test_good: usize,
    /// Parts with a stain, and as many with a scratch.
    pub n_test_each: usize,
}

impl Default for PartsPlan {
    fn default() -> Self {
        Self { side_px: 128, seed: 0, n_train: 300, n_test_good: 50, n_test_each: 25 }
    }
}

/// A photograph.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// `[side, side, 3]`, 8 bits.
    pub pixels: Vec<u8>,
    /// 255 where its defect is, `[side, side]`; empty without one.
    pub mask: Vec<u8>,
}

/// Where parts go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    Train,
    Good,
    Scratch,
    Stain,
}

impl Split {
    const ALL: [Self; 4] = [Self::Train, Self::Good, Self::Scratch, Self::Stain];

    fn folder(self) -> &'static str {
        match self {
            Self::Train => "train/good",
            Self::Good => "test/good",
            Self::Scratch => "test/scratch",
            Self::Stain => "test/stain",
        }
    }

    fn masks(self) -> Option<&'static str> {
        match self {
            Self::Train | Self::Good => None,
            Self::Scratch => Some("ground_truth/scratch"),
            Self::Stain => Some("ground_truth/stain"),
        }
    }
}

/// How much of a defect lies at a pixel, in pixels from the centre of the part.
type Defect = Box<dyn Fn(f32, f32) -> f32>;

impl PartsPlan {
    fn count(&self, split: Split) -> usize {
        match split {
            Split::Train => self.n_train,
            Split::Good => self.n_test_good,
            Split::Scratch | Split::Stain => self.n_test_each,
        }
    }

    /// Parts altogether.
    #[must_use]
    pub fn total(&self) -> usize {
        Split::ALL.iter().fold(0, |sum, split| sum.saturating_add(self.count(*split)))
    }

    /// Refuses what can't be simulated.
    ///
    /// # Errors
    /// [`SynthError::Pictures`].
    pub fn validate(&self) -> Result<(), SynthError> {
        let refuse =
            |what, expected: String, found: String| Err(SynthError::Pictures { of: "parts", what, expected, found });
        if !PART_SIDES_PX.contains(&self.side_px) {
            let expected = format!("a side from {} to {} pixels", PART_SIDES_PX.start(), PART_SIDES_PX.end());
            return refuse("size", expected, self.side_px.to_string());
        }
        match Split::ALL.iter().map(|split| self.count(*split)).find(|count| *count > MAX_PARTS) {
            Some(count) => refuse("number of parts in a folder", format!("at most {MAX_PARTS}"), count.to_string()),
            None => Ok(()),
        }
    }

    /// The `index`-th part of a split.
    fn part(&self, split: Split, index: usize) -> Part {
        let side = self.side_px as f32;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((split as u64 + 1) << 32 | index as u64);
        let mut shift = || (0.5 + rng.random_range(-JITTER..=JITTER)) * side;
        let (middle_y, middle_x) = (shift(), shift());
        let (sin, cos) = rng.random_range(-TURN..=TURN).sin_cos();
        let light: [f32; 3] = std::array::from_fn(|_| SHADING * rng.random_range(-1.0..1.0f32));
        let phase: [f32; 2] = std::array::from_fn(|_| rng.random_range(0.0..std::f32::consts::TAU));
        let defect = match split {
            Split::Train | Split::Good => None,
            Split::Scratch => Some(scratch(side, &mut rng)),
            Split::Stain => Some(stain(side, &mut rng)),
        };
        let scratched =
            if rng.random_bool(0.5) { rng.random_range(0.15..0.3) } else { -rng.random_range(0.15..0.3f32) };
        let (mut pixels, mut mask) = (Vec::with_capacity(3 * self.side_px * self.side_px), vec![]);
        for at in 0..self.side_px * self.side_px {
            let (y, x) = ((at / self.side_px) as f32 + 0.5, (at % self.side_px) as f32 + 0.5);
            let (dy, dx) = (y - middle_y, x - middle_x);
            let (v, u) = (cos * dy - sin * dx, sin * dy + cos * dx);
            let on = rounded(v / side, u / side, side);
            let wave = |at: f32, phase: f32| (at / side * THREADS * std::f32::consts::TAU + phase).sin();
            let weave = WEAVE * wave(v, phase[0]) * wave(u, phase[1]);
            let shade = light[0] * (v / side) + light[1] * (u / side) + light[2] * (u * v / side / side);
            let grain = GRAIN * rng.sample::<f32, _>(StandardNormal);
            let share = defect.as_ref().map_or(0.0, |defect| defect(v, u)) * on;
            for (channel, (cover, ground)) in COVER.iter().zip(GROUND).enumerate() {
                let off = match split {
                    Split::Scratch => share * scratched,
                    Split::Stain => -share * STAIN[channel] * cover,
                    Split::Train | Split::Good => 0.0,
                };
                let value = on * (cover + weave + shade + off) + (1.0 - on) * ground + grain;
                pixels.push((value.clamp(0.0, 1.0) * 255.0).round() as u8);
            }
            if defect.is_some() {
                mask.push(if share > 0.25 { 255 } else { 0 });
            }
        }
        Part { pixels, mask }
    }
}

/// How much of a pixel lies on a square with round corners, in shares of the photograph's side from its middle.
fn rounded(v: f32, u: f32, side: f32) -> f32 {
    let beyond = |at: f32| (at.abs() - (HALF - CORNER)).max(0.0);
    let from_corner = (beyond(v).powi(2) + beyond(u).powi(2)).sqrt();
    ((CORNER - from_corner) * side + 0.5).clamp(0.0, 1.0)
}

/// A place on the part, away from its edge.
fn place(side: f32, rng: &mut ChaCha8Rng) -> (f32, f32) {
    let mut at = || rng.random_range(-0.75 * HALF..0.75 * HALF) * side;
    (at(), at())
}

/// A line 15 to 35 % of the side long, a pixel or so wide, bent a little.
fn scratch(side: f32, rng: &mut ChaCha8Rng) -> Defect {
    let (y, x) = place(side, rng);
    let (sin, cos) = rng.random_range(0.0..std::f32::consts::PI).sin_cos();
    let length = side * rng.random_range(0.15..0.35f32);
    let half_width = (0.006 * side).max(0.6) * rng.random_range(0.8..1.4f32);
    let bend = rng.random_range(-0.3..0.3f32);
    Box::new(move |v, u| {
        let (dy, dx) = (v - y, u - x);
        let (along, across) = (cos * dx + sin * dy, cos * dy - sin * dx);
        let off = (across - bend * along * along / length).abs();
        (half_width + 0.5 - off).clamp(0.0, 1.0) * (length / 2.0 + 0.5 - along.abs()).clamp(0.0, 1.0)
    })
}

/// A patch whose radius, 4 to 9 % of the side, varies with the direction; its edge is soft.
fn stain(side: f32, rng: &mut ChaCha8Rng) -> Defect {
    let (y, x) = place(side, rng);
    let radius = side * rng.random_range(0.04..0.09f32);
    let lobes: [(f32, f32); 4] =
        std::array::from_fn(|_| (rng.random_range(0.0..0.16f32), rng.random_range(0.0..std::f32::consts::TAU)));
    let depth = rng.random_range(0.5..1.0f32);
    Box::new(move |v, u| {
        let (dy, dx) = (v - y, u - x);
        let direction = dy.atan2(dx);
        let ragged: f32 = lobes.iter().zip(2u8..).map(|((h, p), n)| h * (f32::from(n) * direction + p).sin()).sum();
        let edge = radius * (1.0 + ragged) - (dy * dy + dx * dx).sqrt();
        depth * (0.5 + edge / (0.03 * side)).clamp(0.0, 1.0)
    })
}

/// Writes the parts of `plan` into `folder` as a data set: `train/good`, `test/good`, `test/scratch`, `test/stain` and masks in
/// `ground_truth`. The folder must be absent, empty or of the same plan. `progress` is told each finished part.
///
/// # Errors
/// An invalid plan, a folder in other use, or a file that can't be written.
pub fn write_parts(plan: &PartsPlan, folder: &Path, mut progress: impl FnMut(usize)) -> Result<(), SynthError> {
    plan.validate()?;
    files::claim(folder, PLAN_FILE, &format!("pcore synth part, model {MODEL_VERSION}: {plan:?}\n"))?;
    let made =
        |path: &Path| fs::create_dir_all(path).map_err(|source| SynthError::Io { path: PathBuf::from(path), source });
    let side = plan.side_px;
    for split in Split::ALL {
        let into = folder.join(split.folder());
        made(&into)?;
        for index in 0..plan.count(split) {
            let Part { pixels, mask } = plan.part(split, index);
            write_png_rgb8(&into.join(format!("{index:04}.png")), &pixels, side, side)?;
            if let Some(masks) = split.masks() {
                let masks = folder.join(masks);
                made(&masks)?;
                write_png_grey8(&masks.join(format!("{index:04}_mask.png")), &mask, side, side)?;
            }
            progress(1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PartsPlan {
        PartsPlan { n_train: 2, n_test_good: 1, n_test_each: 2, ..PartsPlan::default() }
    }

    #[test]
    fn a_part_follows_from_its_number_and_defects_leave_the_rest_as_it_was() {
        let plan = plan();
        for split in [Split::Scratch, Split::Stain] {
            for index in 0..20 {
                let part = plan.part(split, index);
                assert_eq!(part, plan.part(split, index));
                let n = part.mask.iter().filter(|mask| **mask > 0).count();
                assert!((10..1500).contains(&n), "{} {index}: {n} pixels", split.folder());
            }
        }
        assert!(plan.part(Split::Good, 0).mask.is_empty());
        assert_ne!(plan.part(Split::Good, 0), plan.part(Split::Train, 0));
        assert_ne!(plan.part(Split::Good, 0), PartsPlan { seed: 1, ..plan.clone() }.part(Split::Good, 0));
    }

    #[test]
    fn a_folder_is_a_data_set_and_another_plan_does_not_touch_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut n = 0;
        write_parts(&plan(), folder.path(), |done| n += done).unwrap();
        assert_eq!((n, plan().total()), (7, 7));
        let files = |of: &str| fs::read_dir(folder.path().join(of)).unwrap().count();
        assert_eq!((files("train/good"), files("test/stain"), files("ground_truth/scratch")), (2, 2, 2));
        let other = write_parts(&PartsPlan { seed: 9, ..plan() }, folder.path(), |_| ());
        assert!(matches!(other, Err(SynthError::OtherPlan { .. })));
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        for bad in [PartsPlan { side_px: 20, ..plan() }, PartsPlan { n_train: MAX_PARTS + 1, ..plan() }] {
            assert!(matches!(bad.validate(), Err(SynthError::Pictures { .. })), "{bad:?}");
        }
    }
}
