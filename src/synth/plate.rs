//! Machined plates: large images of a brushed surface with holes, and small spots as defects.
//!
//! A plate lies nearly where the others do (a few pixels off), is lit unevenly, and no two are brushed alike. A spot is a disc whose
//! edge is a pixel wide, brighter or darker than what it lies on. It shows what becomes of a defect of a few pixels in an image of
//! millions; it is no measured surface.

use super::{SynthError, files};
use crate::image::write_png_grey8;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// Plates in a folder, at most: what four digits count.
pub const MAX_PLATES: usize = 10_000;
/// Sides of a plate, pixels.
pub const PLATE_SIDES_PX: std::ops::RangeInclusive<usize> = 64..=16_384;
/// Diameters of a spot, pixels.
pub const SPOT_PX: std::ops::RangeInclusive<usize> = 2..=64;

/// The file that a finished folder has.
const PLAN_FILE: &str = "plate-plan.txt";
/// Raised when other plates come of the same plan.
const MODEL_VERSION: u32 = 1;
/// One hole in so many pixels along each side, with this radius.
const HOLE_EVERY_PX: f32 = 480.0;
const HOLE_RADIUS_PX: f32 = 70.0;
/// How far a plate lies from its place, pixels.
const JITTER_PX: f32 = 4.0;
/// Grey levels, 0 to 1: of the surface, of a hole, and of how much they vary.
const SURFACE: f32 = 0.55;
const HOLE: f32 = 0.12;
const SHADING: f32 = 0.06;
const BRUSH: f32 = 0.035;
const GRAIN: f32 = 0.02;
/// By how much a spot differs from what it lies on.
const SPOT: std::ops::Range<f32> = 0.15..0.3;

/// What to simulate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlatePlan {
    /// Rows and columns.
    pub size: (usize, usize),
    /// Diameter of a spot, pixels.
    pub spot_px: usize,
    /// Chooses every random draw.
    pub seed: u64,
    /// Normal plates to train on.
    pub n_train: usize,
    /// Normal plates to test with.
    pub n_test_good: usize,
    /// Plates with a spot.
    pub n_test_spot: usize,
}

impl Default for PlatePlan {
    /// Plates of 4096 x 3000 pixels with spots of 8.
    fn default() -> Self {
        Self { size: (3000, 4096), spot_px: 8, seed: 0, n_train: 20, n_test_good: 20, n_test_spot: 20 }
    }
}

/// A plate.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plate {
    /// `[height, width]`, grey, 8 bits.
    pub pixels: Vec<u8>,
    /// Row and column of the centre of its spot, if it has one.
    pub spot: Option<(usize, usize)>,
}

/// Where plates go.
#[derive(Clone, Copy)]
enum Split {
    Train,
    Good,
    Spot,
}

impl Split {
    const ALL: [Self; 3] = [Self::Train, Self::Good, Self::Spot];

    fn folder(self) -> &'static str {
        match self {
            Self::Train => "train/good",
            Self::Good => "test/good",
            Self::Spot => "test/spot",
        }
    }
}

impl PlatePlan {
    fn count(&self, split: Split) -> usize {
        match split {
            Split::Train => self.n_train,
            Split::Good => self.n_test_good,
            Split::Spot => self.n_test_spot,
        }
    }

    /// Plates altogether.
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
            |what, expected: String, found: String| Err(SynthError::Pictures { of: "plates", what, expected, found });
        let (height, width) = self.size;
        if ![height, width].iter().all(|side| PLATE_SIDES_PX.contains(side)) {
            let expected = format!("sides from {} to {} pixels", PLATE_SIDES_PX.start(), PLATE_SIDES_PX.end());
            return refuse("size", expected, format!("{height} x {width}"));
        }
        if !SPOT_PX.contains(&self.spot_px) {
            let expected = format!("{} to {} pixels", SPOT_PX.start(), SPOT_PX.end());
            return refuse("spot", expected, self.spot_px.to_string());
        }
        match Split::ALL.iter().map(|split| self.count(*split)).find(|count| *count > MAX_PLATES) {
            Some(count) => refuse("number of plates in a folder", format!("at most {MAX_PLATES}"), count.to_string()),
            None => Ok(()),
        }
    }

    /// Plate number `index` of all, training plates first, then normal ones to test with, then those with a spot.
    #[must_use]
    pub fn plate(&self, index: usize) -> Plate {
        let has_spot = index >= self.n_train + self.n_test_good;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(index as u64 + 1);
        let (height, width) = self.size;
        let mut shift = || rng.random_range(-JITTER_PX..=JITTER_PX);
        let (dy, dx) = (shift(), shift());
        let light: [f32; 4] = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        // Brushed along the rows: a level for each, that drifts.
        let mut drift = 0.0f32;
        let brush: Vec<f32> = (0..height)
            .map(|_| {
                let draw: f32 = rng.sample(StandardNormal);
                drift = 0.9 * drift + draw;
                BRUSH * (0.3 * drift + 0.5 * rng.sample::<f32, _>(StandardNormal))
            })
            .collect();
        let grain_seed: u64 = rng.random();
        let radius = self.spot_px as f32 / 2.0;
        // Drawn last: without it the plate is the same.
        let spot = has_spot.then(|| {
            let mut at = |side: usize| rng.random_range(self.spot_px..side - self.spot_px);
            let (y, x) = (at(height), at(width));
            let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
            (y, x, sign * rng.random_range(SPOT))
        });
        let mut pixels = vec![0u8; height * width];
        pixels.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            let mut grain = ChaCha8Rng::seed_from_u64(grain_seed);
            grain.set_stream(y as u64);
            let (from_top, v) = (y as f32 + dy, y as f32 / height as f32 - 0.5);
            for (x, pixel) in row.iter_mut().enumerate() {
                let (from_left, u) = (x as f32 + dx, x as f32 / width as f32 - 0.5);
                let shade = SHADING * (light[0] * u + light[1] * v + light[2] * u * v + light[3] * (u * u - v * v));
                let off = |at: f32| (at / HOLE_EVERY_PX - (at / HOLE_EVERY_PX).floor() - 0.5) * HOLE_EVERY_PX;
                let hole = inside(off(from_top), off(from_left), HOLE_RADIUS_PX);
                let mut value = (SURFACE + shade + brush[y]) * (1.0 - hole) + HOLE * hole;
                if let Some((top, left, contrast)) = spot {
                    value += contrast * inside(y as f32 - top as f32, x as f32 - left as f32, radius);
                }
                // Two uniform numbers make noise that is nearly normal, in one draw.
                let draw = grain.next_u32();
                let noise = (f32::from(draw as u16) + f32::from((draw >> 16) as u16)) / 65_535.0 - 1.0;
                *pixel = ((value + 2.4 * GRAIN * noise).clamp(0.0, 1.0) * 255.0).round() as u8;
            }
        });
        Plate { pixels, spot: spot.map(|(y, x, _)| (y, x)) }
    }

    /// The spot's mask: 255 where it is.
    fn mask(&self, (top, left): (usize, usize)) -> Vec<u8> {
        let (height, width) = self.size;
        let mut mask = vec![0u8; height * width];
        let reach = self.spot_px / 2 + 1;
        for y in top.saturating_sub(reach)..(top + reach + 1).min(height) {
            for x in left.saturating_sub(reach)..(left + reach + 1).min(width) {
                let share = inside(y as f32 - top as f32, x as f32 - left as f32, self.spot_px as f32 / 2.0);
                mask[y * width + x] = if share >= 0.5 { 255 } else { 0 };
            }
        }
        mask
    }
}

/// How much of a disc's surface lies here: its edge is a pixel wide.
fn inside(dy: f32, dx: f32, radius: f32) -> f32 {
    (radius - (dy * dy + dx * dx).sqrt() + 0.5).clamp(0.0, 1.0)
}

/// Writes the plates of `plan` into `folder` as a data set: `train/good`, `test/good`, `test/spot` and `ground_truth/spot`. The
/// folder must be absent, empty or of the same plan. `progress` is told each finished plate.
///
/// # Errors
/// An invalid plan, a folder in other use, or a file that can't be written.
pub fn write_plates(plan: &PlatePlan, folder: &Path, mut progress: impl FnMut(usize)) -> Result<(), SynthError> {
    plan.validate()?;
    let text = format!("pcore synth plate, model {MODEL_VERSION}: {plan:?}\n");
    files::claim(folder, PLAN_FILE, &text)?;
    let (height, width) = plan.size;
    let io = |path: &Path| {
        let path = PathBuf::from(path);
        move |source| SynthError::Io { path, source }
    };
    let mut number = 0;
    for split in Split::ALL {
        let into = folder.join(split.folder());
        let masks = folder.join("ground_truth/spot");
        fs::create_dir_all(&into).map_err(io(&into))?;
        for index in 0..plan.count(split) {
            let Plate { pixels, spot } = plan.plate(number);
            write_png_grey8(&into.join(format!("{index:04}.png")), &pixels, height, width)?;
            if let Some(spot) = spot {
                fs::create_dir_all(&masks).map_err(io(&masks))?;
                write_png_grey8(&masks.join(format!("{index:04}_mask.png")), &plan.mask(spot), height, width)?;
            }
            number += 1;
            progress(1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PlatePlan {
        PlatePlan { size: (200, 600), n_train: 2, n_test_good: 1, n_test_spot: 2, ..PlatePlan::default() }
    }

    #[test]
    fn a_plate_follows_from_its_number_and_only_the_last_have_a_spot() {
        let plan = plan();
        let plates: Vec<Plate> = (0..plan.total()).map(|index| plan.plate(index)).collect();
        assert_eq!(plates[3], plan.plate(3));
        assert!(plates[..3].iter().all(|plate| plate.spot.is_none()) && plates[3..].iter().all(|p| p.spot.is_some()));
        assert!(plates.iter().all(|plate| plate.pixels != plates[3].pixels || *plate == plates[3]));
        assert_ne!(plan.plate(0).pixels, PlatePlan { seed: 1, ..plan.clone() }.plate(0).pixels);
    }

    #[test]
    fn a_spot_is_where_its_mask_says_and_nothing_else_differs() {
        let plan = plan();
        let (with, without) = (plan.plate(4), PlatePlan { n_test_good: 3, ..plan.clone() }.plate(4));
        let (top, left) = with.spot.unwrap();
        let mask = plan.mask((top, left));
        let n = mask.iter().filter(|m| **m > 0).count();
        assert!((45..58).contains(&n), "{n} pixels of a disc of 8");
        for (at, (a, b)) in with.pixels.iter().zip(&without.pixels).enumerate() {
            let off = (at / 600).abs_diff(top).max((at % 600).abs_diff(left));
            assert!(a == b || off <= 4, "{at}");
            assert!(mask[at] == 0 || a.abs_diff(*b) > 10 || *a == 255, "{at}: {a} {b}");
        }
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        let bad = [
            PlatePlan { size: (20, 600), ..plan() },
            PlatePlan { size: (200, 1 << 20), ..plan() },
            PlatePlan { spot_px: 1, ..plan() },
            PlatePlan { n_train: MAX_PLATES + 1, ..plan() },
        ];
        for plan in bad {
            assert!(matches!(plan.validate(), Err(SynthError::Pictures { .. })), "{plan:?}");
        }
    }

    #[test]
    fn a_folder_is_written_once_and_another_plan_does_not_touch_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let mut n = 0;
        write_plates(&plan(), folder.path(), |done| n += done).unwrap();
        assert_eq!(n, 5);
        let files = |of: &str| fs::read_dir(folder.path().join(of)).unwrap().count();
        assert_eq!(
            (files("train/good"), files("test/good"), files("test/spot"), files("ground_truth/spot")),
            (2, 1, 2, 2)
        );
        write_plates(&plan(), folder.path(), |_| ()).unwrap();
        let other = write_plates(&PlatePlan { seed: 9, ..plan() }, folder.path(), |_| ());
        assert!(matches!(other, Err(SynthError::OtherPlan { .. })));
        let foreign = tempfile::TempDir::new().unwrap();
        fs::write(foreign.path().join("x"), "x").unwrap();
        assert!(matches!(write_plates(&plan(), foreign.path(), |_| ()), Err(SynthError::ForeignFolder { .. })));
    }
}
