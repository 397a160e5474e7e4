//! The worst patches of an image, and the normal patches they were compared with.

use super::pictures::{PictureNames, write_bytes};
use super::{JobError, Opened};
use crate::dataset::{Sample, mark_output, path_text};
use crate::files::PartialFile;
use crate::image::Image;
use crate::infer::{ExplainPlan, Explanation, NormalImages, NormalPatch};
use crate::report::{ExplanationJson, ReportError, explain_picture};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What is explained, and where to.
#[derive(Clone, Debug)]
pub struct Explaining {
    /// How much of each image.
    pub plan: ExplainPlan,
    /// Folder of the training images, if it is known.
    pub normals: Option<PathBuf>,
    /// Where `explain.json` and `explain/NAME.png` go.
    pub folder: PathBuf,
}

/// What was explained.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explained {
    /// Images.
    pub n_images: usize,
    /// Normal patches that can't be shown, since their images are not there as they were at the fit.
    pub n_missing: usize,
}

/// Explains one image after the other.
pub(super) struct Explainer<'a> {
    normals: NormalImages,
    folder: &'a Path,
    json: PartialFile,
    done: Explained,
}

impl<'a> Explainer<'a> {
    pub(super) fn begin(explaining: &'a Explaining) -> Result<Self, JobError> {
        let folder = &explaining.folder;
        mark_output(folder, &["explain"]).map_err(JobError::file("writing into", folder))?;
        let path = folder.join("explain.json");
        let begin = || -> io::Result<PartialFile> {
            let mut json = PartialFile::create(&path)?;
            json.write_all(b"[")?;
            Ok(json)
        };
        let json = begin().map_err(JobError::file("writing", &path))?;
        let normals = NormalImages::new(explaining.normals.clone());
        Ok(Self { normals, folder, json, done: Explained { n_images: 0, n_missing: 0 } })
    }

    pub(super) fn explain(
        &mut self,
        opened: &Opened,
        names: &PictureNames<'_>,
        (sample, image): (&Sample, &Image),
        explanation: &Explanation,
    ) -> Result<(), JobError> {
        let mut normals = vec![];
        for patch in &explanation.patches {
            let all = patch.matches.iter().chain(&patch.by_condition);
            let found: Vec<NormalPatch> = all
                .map(|found| self.normals.patch(&opened.inspector, explanation.shown_part, found))
                .collect::<Result<_, _>>()?;
            self.done.n_missing += found.iter().filter(|f| !matches!(f, NormalPatch::Found { .. })).count();
            normals.push(found);
        }
        let place = names.place("explain", sample, "png");
        let png = explain_picture(image, explanation, &normals).and_then(|picture| picture.png());
        write_bytes(self.folder, &place, &png.map_err(JobError::report(&self.folder.join(&place)))?)?;
        let json = ExplanationJson::new(&path_text(&sample.path), explanation, &normals);
        let mut piece = if self.done.n_images == 0 { b"\n".to_vec() } else { b",\n".to_vec() };
        let written = serde_json::to_writer(&mut piece, &json).map_err(ReportError::from);
        written.and_then(|()| Ok(self.json.write_all(&piece)?)).map_err(JobError::report(&self.place()))?;
        self.done.n_images += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Explained, JobError> {
        let place = self.place();
        let ended = self.json.write_all(b"\n]\n").and_then(|()| self.json.put_in_place());
        ended.map_err(JobError::file("writing", &place))?;
        Ok(self.done)
    }

    fn place(&self) -> PathBuf {
        self.folder.join("explain.json")
    }
}
