//! `pcore infer --explain`: the worst patches of an image, and the normal patches they were compared with.

use super::open::Opened;
use super::pictures::{PictureNames, write_bytes};
use crate::console::{print_line, say};
use crate::home;
use crate::terminal;
use anyhow::{Context, Result};
use pcore::dataset::{Sample, Shown, mark_output, path_text};
use pcore::files::PartialFile;
use pcore::image::Image;
use pcore::infer::{Explanation, Match, NormalImages, NormalPatch};
use pcore::report::{ExplanationJson, explain_picture};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where explanations go when `--out` names no folder.
pub(super) const DEFAULT_FOLDER: &str = "pcore-explain";

/// Explains one image after the other.
pub(super) struct Explainer {
    normals: NormalImages,
    folder: PathBuf,
    json: PartialFile,
    n_explained: usize,
    n_missing: usize,
    speaks: bool,
}

impl Explainer {
    /// `normal`: the folder of the training images, if it was named; else the one that was fitted on this machine.
    /// `speaks`: whether to print what was found.
    pub(super) fn new(opened: &Opened, normal: Option<&Path>, out: Option<&Path>, speaks: bool) -> Result<Self> {
        let folder = out.map_or_else(|| PathBuf::from(DEFAULT_FOLDER), Path::to_owned);
        let root = match normal {
            Some(folder) => Some(folder.to_owned()),
            None => home::recall_normals(&opened.inspector.manifest().data_fingerprint),
        };
        mark_output(&folder, &["explain"]).with_context(|| format!("writing into {}", folder.display()))?;
        let path = folder.join("explain.json");
        let mut json = PartialFile::create(&path).with_context(|| format!("writing {}", path.display()))?;
        json.write_all(b"[")?;
        let normals = NormalImages::new(root);
        Ok(Self { normals, folder, json, n_explained: 0, n_missing: 0, speaks })
    }

    pub(super) fn explain(
        &mut self,
        opened: &Opened,
        names: &PictureNames<'_>,
        (sample, image): (&Sample, &Image),
        explanation: &Explanation,
    ) -> Result<()> {
        let inspector = &opened.inspector;
        let mut normals = vec![];
        for patch in &explanation.patches {
            let all = patch.matches.iter().chain(&patch.by_condition);
            let found: Vec<NormalPatch> = all
                .map(|found| self.normals.patch(inspector, explanation.shown_part, found))
                .collect::<Result<_, _>>()?;
            self.n_missing += found.iter().filter(|f| !matches!(f, NormalPatch::Found { .. })).count();
            normals.push(found);
        }
        let png = explain_picture(image, explanation, &normals)?.png()?;
        write_bytes(&self.folder, &names.place("explain", sample, "png"), &png)?;
        let json = ExplanationJson::new(&path_text(&sample.path), explanation, &normals);
        let mut piece = if self.n_explained == 0 { b"\n".to_vec() } else { b",\n".to_vec() };
        serde_json::to_writer(&mut piece, &json)?;
        self.json.write_all(&piece)?;
        self.n_explained += 1;
        if self.speaks {
            tell(explanation)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.json.write_all(b"\n]\n")?;
        self.json.put_in_place()?;
        let n = self.n_missing;
        match self.normals.root() {
            Some(root) if n > 0 => say!(
                "{n} normal patches can't be shown: their images are not in {} as they were at the fit; --normal DIR names their folder",
                Shown::path(root)
            ),
            None if n > 0 => say!(
                "the normal patches can't be shown: the bundle was not fitted here; --normal DIR names the folder of its training images"
            ),
            Some(_) | None => {}
        }
        say!("explained {} images in {}", self.n_explained, terminal::shown(&self.folder));
        Ok(())
    }
}

/// The worst patches, a line each.
fn tell(explanation: &Explanation) -> Result<()> {
    let n_cols = explanation.grid.n_cols.max(1);
    for (index, part) in explanation.parts.iter().enumerate() {
        let shown = if explanation.shown_part == Some(index) { ", shown below" } else { "" };
        let (height_px, width_px) = part.input_px;
        print_line(&format!(
            "  part {}: {} at {height_px} x {width_px}, {:+.2} standard deviations{shown}",
            index + 1,
            part.kind,
            part.share
        ))?;
    }
    for (index, patch) in explanation.patches.iter().enumerate() {
        let pixels = patch.place.pixels;
        let nearest =
            patch.matches.first().map_or_else(String::new, |found| format!("  matches {}", named(found, n_cols)));
        let closer = patch.by_condition.iter().min_by(|a, b| a.distance.total_cmp(&b.distance));
        let own = explanation.inspection.condition.as_ref();
        let other = closer
            .filter(|found| own.is_some_and(|own| *own != found.condition))
            .map_or_else(String::new, |found| format!("  nearer in another condition: {}", named(found, n_cols)));
        print_line(&format!(
            "  {}. rows {}-{}, columns {}-{}  distance {:.4}{nearest}{other}",
            index + 1,
            pixels.top_px,
            pixels.top_px + pixels.height_px - 1,
            pixels.left_px,
            pixels.left_px + pixels.width_px - 1,
            patch.distance
        ))?;
    }
    Ok(())
}

fn named(found: &Match, n_cols: usize) -> String {
    let source = Shown::name(found.source.as_deref().unwrap_or("a normal image"));
    let place = found.position.map_or_else(String::new, |p| format!(" at {},{}", p / n_cols, p % n_cols));
    format!("{source}{place} ({}, {:.4})", found.condition, found.distance)
}
