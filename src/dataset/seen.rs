//! What is known of images that are only to be inspected.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::layout::{self, Described, Kind, Layout, LayoutHints, MaskFinder, Said, SeenFromBelow};
use super::place::Role;
use super::walk::Walk;
use super::{DatasetError, Label, Why};

/// Labels, defects and masks of images to inspect, where their place tells; everything that is no mask is inspected,
/// labelled or not.
#[derive(Debug, Default)]
pub(super) struct Seen {
    described: Vec<Described>,
    below: SeenFromBelow,
    finder: MaskFinder,
    /// Folders that hold nothing but masks, absolute.
    masks: Vec<PathBuf>,
    /// The layout of a tree of `train` and `test` that was given.
    tree: Option<Layout>,
    /// Nothing is to be read off names.
    is_flat: bool,
}

impl Seen {
    /// Looks at the folders that were given.
    pub(super) fn new(given: &[PathBuf], hints: &LayoutHints) -> Result<Self, DatasetError> {
        let mut seen = Seen { is_flat: hints.layout == Some(Layout::Flat) && hints.split.is_none(), ..Seen::default() };
        for folder in given.iter().filter(|path| path.is_dir()) {
            seen.masks.extend(layout::named_masks(folder, hints)?);
            if seen.is_flat {
                continue;
            }
            let described = match layout::recognise_given(folder, hints)? {
                Some(described) => Some(described),
                None => layout::recognise_above(folder),
            };
            if described.is_none() && seen.tree.is_none() {
                seen.tree = layout::tree_layout(folder);
            }
            seen.described.extend(described);
        }
        Ok(seen)
    }

    /// Takes masks, and what is no image of its own, out of `walk`; `named` are the files that were written out.
    pub(super) fn leave_out(&mut self, named: &HashSet<PathBuf>, walk: &mut Walk) {
        for found in std::mem::take(&mut walk.files) {
            let (kind, _) = if named.contains(&found.place) { (None, None) } else { self.kind(&found.place) };
            match kind {
                Some(Kind::Mask) => walk.skip(found.path, Why::Mask),
                Some(Kind::NoImage(reason)) => walk.skip(found.path, reason),
                Some(Kind::Image { .. } | Kind::Unlabelled(_)) | None => walk.files.push(found),
            }
        }
    }

    /// What is known of the image at an absolute path.
    pub(super) fn role(&mut self, place: &Path) -> Role {
        let (Some(Kind::Image { said, defect, .. }), mask) = self.kind(place) else { return Role::default() };
        match said {
            Said::Normal => Role { label: Some(Label::Normal), ..Role::default() },
            Said::Anomalous => Role { label: Some(Label::Anomalous), defect, mask, product: None },
            Said::ByMask | Said::Nothing => Role::default(),
        }
    }

    /// The layout that was recognised at a folder given, and what shows it; `by_labels` is what the labels tell.
    pub(super) fn layout(&self, by_labels: Layout) -> (Layout, String) {
        match (self.described.first(), self.tree) {
            (Some(described), _) => (described.layout, described.detail.clone()),
            (None, Some(tree)) if by_labels == Layout::Mvtec => (tree, String::new()),
            (None, _) => (by_labels, String::new()),
        }
    }

    fn kind(&mut self, place: &Path) -> (Option<Kind>, Option<PathBuf>) {
        if self.masks.iter().any(|masks| place.starts_with(masks)) {
            return (Some(Kind::Mask), None);
        }
        if self.is_flat {
            return (None, None);
        }
        if let Some(described) = self.described.iter().find(|described| place.starts_with(&described.at)) {
            let kind = described.rule.kind(place, &mut self.finder);
            let is_anomalous = matches!(kind, Kind::Image { said: Said::Anomalous, .. });
            let mask = if is_anomalous { described.rule.mask(place, &mut self.finder) } else { None };
            return (Some(kind), mask);
        }
        if self.finder.is_beside_its_image(place) {
            return (Some(Kind::Mask), None);
        }
        let (kind, mask) = self.below.kind(place, &mut self.finder);
        (Some(kind), mask)
    }
}
