//! What can go wrong while fitting.

use crate::bank::BankError;
use crate::bundle::Defect;
use crate::condition::ConditionError;
use crate::dataset::{DatasetError, Shown};
use crate::detect::DetectError;
use crate::image::RoiError;
use crate::score::ScoreError;
use std::path::PathBuf;

/// Why no bundle could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An image is among the normal and among the defective ones.
    #[error("{} is among the defective images and, as {}, among the normal ones: take one of them away", defect.display(), normal.display())]
    Leak {
        /// Among the defective ones.
        defect: PathBuf,
        /// The same pixels among the normal ones.
        normal: PathBuf,
    },
    /// A method that does not learn from defective images.
    #[error("{kind} learns from normal images alone, not from `FitPlan::defects`; {known} does")]
    NoDefects {
        /// The method.
        kind: String,
        /// Those that do.
        known: String,
    },
    /// The images can't be listed or labelled.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The images can't be described or scored.
    #[error(transparent)]
    Infer(#[from] DetectError),
    /// The conditions can't be told.
    #[error(transparent)]
    Condition(#[from] ConditionError),
    /// No bank can be made of the descriptors.
    #[error(transparent)]
    Bank(#[from] BankError),
    /// The calibration is refused.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The parts do not make a bundle.
    #[error("the fitted parts do not make a valid bundle: {0}")]
    Bundle(#[from] Defect),
    /// Not one image could be read.
    #[error("none of the {n_images} training images could be read; the first: {first}")]
    NothingReadable {
        /// Images listed.
        n_images: usize,
        /// Why the first failed.
        first: String,
    },
    /// A region of interest that is none.
    #[error("{setting} {source}")]
    Roi {
        /// What was set.
        setting: &'static str,
        /// What is wrong with it.
        source: Box<RoiError>,
    },
    /// The region of interest holds nothing of a training image.
    #[error("{name}: {source}")]
    Outside {
        /// The image.
        name: String,
        /// What it holds.
        source: Box<DetectError>,
    },
    /// Too few images to hold one out.
    #[error(
        "calibration needs at least 2 readable images, found {n_images}: add normal images, or set the threshold yourself with `FitPlan::threshold`"
    )]
    TooFew {
        /// Images found.
        n_images: usize,
    },
    /// A share outside its range.
    #[error(
        "`FitPlan::holdout` {text}: expected auto, leave-one-out, cross or cross:N with 2 to 100 parts, or a share above 0 and below 1, such as 0.2"
    )]
    Holdout {
        /// What was asked for.
        text: String,
    },
    /// Turned copies that can't be made.
    #[error("`FitPlan::rotate` {found}: expected {expected}")]
    Rotate {
        /// What it can be.
        expected: &'static str,
        /// What was asked for.
        found: usize,
    },
    /// Turned copies of an image of which only a part is looked at.
    #[error(
        "{}: a mask says what is looked at, which lies elsewhere in a turned image; choose `FitPlan::rotate` 1",
        Shown::name(name)
    )]
    TurnedRoi {
        /// The image.
        name: String,
    },
    /// A rule for tiles that is none.
    #[error(
        "`FitPlan::tiles` {text}: expected auto, none, SIZE or SIZE:OVERLAP in pixels of the image, the overlap below the size"
    )]
    Tiles {
        /// What was asked for.
        text: String,
    },
    /// A rule for groups that is none.
    #[error(
        "`FitPlan::group` {text}: expected auto, none, folder, a CSV file with the columns path,group, or name:PATTERN with one {{}} for the group, such as name:{{}}_#"
    )]
    GroupRule {
        /// What was asked for.
        text: String,
    },
    /// An image has no group.
    #[error(
        "no group for {n_missing} of {n_images} training images by {rule}, the first: {first}; each needs one (`FitPlan::group`)"
    )]
    NoGroup {
        /// What tells the groups.
        rule: String,
        /// Images without.
        n_missing: usize,
        /// Images in all.
        n_images: usize,
        /// The first such image.
        first: String,
    },
    /// All images show the same part.
    #[error(
        "all {n_images} training images are of one group by {rule}, and a threshold takes two or more: add images of other parts, or set the threshold yourself with `FitPlan::threshold`"
    )]
    OneGroup {
        /// What tells the groups.
        rule: String,
        /// Images in all.
        n_images: usize,
    },
    /// A bundle that takes no further conditions.
    #[error("{what} takes no further conditions: fit again with the images of all of them")]
    CannotGrow {
        /// What does not.
        what: String,
    },
    /// A condition that is to be added is there.
    #[error("the bundle has a condition {name} already: give the new one another name, or fit again")]
    KnownCondition {
        /// Its name.
        name: String,
    },
    /// A condition that is to be added has no name.
    #[error(
        "the condition to be added has no name: give it one (`FitPlan::domain` NAME), or say what tells it (`ConditionRule::Folder`, or a CSV)"
    )]
    Unnamed,
    /// Two images in memory have one name.
    #[error("two images are called {name}: a bundle tells its images by their names, so give each one of its own")]
    SameName {
        /// The name.
        name: String,
    },
    /// Several products as if they were one.
    #[error(
        "the images are of {} products ({}), and one bank and one threshold for all of them suit none: tell them apart with `ConditionRule::Folder`, or give the folder of one product", products.len(), products.join(", ")
    )]
    SeveralProducts {
        /// Their names, sorted.
        products: Vec<String>,
    },
    /// Nothing is to be fitted.
    #[error("no detector to fit: the plan needs one")]
    NoParts,
    /// No images per condition were asked for.
    #[error("`FitPlan::shots` 0: expected at least one image per condition")]
    NoShots,
    /// An image has no condition.
    #[error(
        "no condition for {n_missing} of {n_images} training images, the first: {first}; add them to the table, or choose another rule with `FitPlan::conditions`"
    )]
    NoCondition {
        /// Images without.
        n_missing: usize,
        /// Images in all.
        n_images: usize,
        /// The first such image.
        first: String,
    },
    /// The fit does not fit the memory allowed, even with its descriptors in a file.
    #[error(
        "{n_images} images of {n_patches} patches with {dim} values need {needed_mib} MiB of memory, {base_mib} of them for the network and the images at work; {allowed_mib} MiB are allowed: raise `FitPlan::memory_bytes`, or use larger tiles or none (`FitPlan::tiles`), fewer images (`FitPlan::shots`), smaller ones (`PipelineSpec::preprocessing`), fewer directions (`Options::coreset_space` 32) or a smaller bank (`Options::coreset`)"
    )]
    Memory {
        /// Images for the bank.
        n_images: usize,
        /// Patches per image.
        n_patches: usize,
        /// Values per patch.
        dim: usize,
        /// MiB needed in all.
        needed_mib: u64,
        /// MiB of these that the process takes whatever the images.
        base_mib: u64,
        /// MiB allowed.
        allowed_mib: u64,
    },
    /// An image that is to be screened has nothing to be compared with.
    #[error("screening compares images with each other: give at least 2 that can be read, found {n_images}")]
    Alone {
        /// Images found.
        n_images: usize,
    },
    /// A lot that is to be screened does not fit the memory allowed.
    #[error(
        "screening {n_images} images takes {needed_mib} MiB of memory, {allowed_mib} MiB are allowed: raise `Pace::memory_bytes`, give fewer images, or take fewer `PipelineSpec::layers`"
    )]
    Lot {
        /// Images of the lot.
        n_images: usize,
        /// MiB needed in all.
        needed_mib: u64,
        /// MiB allowed.
        allowed_mib: u64,
    },
    /// The descriptors fit neither in memory nor on the disk.
    #[error(
        "{n_images} images of {n_patches} patches with {dim} values need {memory_mib} MiB of memory, {allowed_mib} MiB are allowed, or a scratch file of {disk_mib} MiB, {free_mib} MiB are free in {}: name another folder with `FitPlan::scratch`, raise `FitPlan::memory_bytes`, or use larger tiles or none (`FitPlan::tiles`), fewer images (`FitPlan::shots`), smaller ones (`PipelineSpec::preprocessing`) or fewer layers", folder.display()
    )]
    Disk {
        /// Images for the bank.
        n_images: usize,
        /// Patches per image.
        n_patches: usize,
        /// Values per patch.
        dim: usize,
        /// MiB of memory needed without a file.
        memory_mib: u64,
        /// MiB of memory allowed.
        allowed_mib: u64,
        /// MiB of the file.
        disk_mib: u64,
        /// MiB free on its disk.
        free_mib: u64,
        /// Where the file would be.
        folder: PathBuf,
    },
    /// The file for descriptors can't be made or written.
    #[error("the scratch file in {} can't be written: {source}; name another folder with `FitPlan::scratch`, or raise `FitPlan::memory_bytes`", folder.display())]
    Scratch {
        /// Where the file is.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
