//! How the files of a data set lie.

use clap::Args as ClapArgs;
use pcore::dataset::{Layout, LayoutHints};
use std::path::PathBuf;

/// What pcore cannot see by itself; each way in which public data sets are laid out is recognised.
#[derive(ClapArgs)]
pub(crate) struct LayoutArgs {
    /// How the files lie: flat, good, mvtec, mvtec-ad2, mvtec-3d, mvtec-loco, hdmap, visa, btad, folder, kolektor,
    /// kolektor2, real-iad, dagm or products [default: recognised]
    #[arg(long, value_name = "NAME")]
    layout: Option<Layout>,
    /// Name of a folder that holds normal images, at any depth, instead of good and its like; can be repeated
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    good: Vec<String>,
    /// Folder of the masks, as it stands or below the data set
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    masks: Option<PathBuf>,
    /// CSV that says what each image is for, with the columns path (or image), split, label and perhaps mask, as VisA has
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    split: Option<PathBuf>,
}

impl LayoutArgs {
    pub(crate) fn hints(&self) -> LayoutHints {
        LayoutHints {
            layout: self.layout,
            good: self.good.clone(),
            masks: self.masks.clone(),
            split: self.split.clone(),
        }
    }
}
