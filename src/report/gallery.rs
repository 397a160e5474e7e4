//! Which images are worth a look.

use super::report_image::ReportImage;
use crate::score::Verdict;

/// Why an image is shown. In the order of the page: what went wrong first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GalleryGroup {
    /// Anomalous, but called normal.
    MissedDefect,
    /// Normal, but called anomalous.
    FalseAlarm,
    /// Called anomalous, rightly.
    FoundDefect,
    /// Called anomalous, with the truth unknown.
    Alarm,
    /// Normal and called so, but near the threshold.
    WorstNormal,
}

/// Folders of the pictures that belong to a page, below its own: small ones, those with the map, those without.
pub const PICTURE_FOLDERS: [&str; 3] = ["report_files/thumb", "report_files/map", "report_files/image"];

/// An image chosen for the gallery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GalleryPick {
    /// Why.
    pub group: GalleryGroup,
    /// Position in the list of images.
    pub image_idx: usize,
}

/// An image of the gallery with its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GalleryItem {
    /// Why it is shown.
    pub group: GalleryGroup,
    /// Position in [`super::Report::images`].
    pub image_idx: usize,
    /// Its small picture as a JPEG file, for the page itself; where it is empty, or the page has no room for it, the file is
    /// shown that lies at `place`.
    pub thumb: Vec<u8>,
    /// Where its pictures lie below the folder of the page: `place` in [`PICTURE_FOLDERS`], its parts joined by `/`.
    pub place: Option<String>,
}

impl GalleryGroup {
    /// All groups, in the order of the page.
    pub const ALL: [Self; 5] =
        [Self::MissedDefect, Self::FalseAlarm, Self::FoundDefect, Self::Alarm, Self::WorstNormal];

    /// Heading of the group.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::MissedDefect => "Missed defects",
            Self::FalseAlarm => "False alarms",
            Self::WorstNormal => "Normal images nearest to an alarm",
            Self::FoundDefect => "Found defects",
            Self::Alarm => "Alarms",
        }
    }

    /// One sentence on what the group shows and in which order.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::MissedDefect => "Anomalous images whose score stayed below the threshold, furthest below first.",
            Self::FalseAlarm => "Normal images whose score exceeds the threshold, highest first.",
            Self::WorstNormal => "Rightly called normal, nearest to the threshold first.",
            Self::FoundDefect => "Rightly called anomalous, highest score first.",
            Self::Alarm => "Called anomalous, highest score first.",
        }
    }
}

/// Picks at most `per_group` images of each group, the most telling first.
///
/// Images are ordered by how far their score lies above or below their own
/// threshold, ties in the order given. Failed images are never picked, and
/// only [`GalleryGroup::Alarm`] holds images whose truth is unknown.
#[must_use]
pub fn select_gallery(images: &[ReportImage], per_group: usize) -> Vec<GalleryPick> {
    let mut members: Vec<(GalleryGroup, f32, usize)> = Vec::new();
    for (image_idx, image) in images.iter().enumerate() {
        let (Some(group), Some(margin)) = (group_of(image), image.margin()) else {
            continue;
        };
        // Ascending key: missed defects from the bottom, all others from the top.
        let key = if group == GalleryGroup::MissedDefect { margin } else { -margin };
        members.push((group, key, image_idx));
    }
    members.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    members
        .chunk_by(|a, b| a.0 == b.0)
        .flat_map(|group| group.iter().take(per_group))
        .map(|&(group, _, image_idx)| GalleryPick { group, image_idx })
        .collect()
}

fn group_of(image: &ReportImage) -> Option<GalleryGroup> {
    match (image.anomalous, image.row.verdict?) {
        (Some(true), Verdict::Normal) => Some(GalleryGroup::MissedDefect),
        (Some(false), Verdict::Anomalous) => Some(GalleryGroup::FalseAlarm),
        (Some(false), Verdict::Normal) => Some(GalleryGroup::WorstNormal),
        (Some(true), Verdict::Anomalous) => Some(GalleryGroup::FoundDefect),
        (None, Verdict::Anomalous) => Some(GalleryGroup::Alarm),
        (None, Verdict::Normal) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ResultRow;

    fn image(score: f32, anomalous: Option<bool>) -> ReportImage {
        ReportImage {
            row: ResultRow {
                score: Some(score),
                threshold: Some(1.0),
                verdict: Some(Verdict::of(score, 1.0)),
                ..ResultRow::default()
            },
            anomalous,
            defect: None,
        }
    }

    #[test]
    fn errors_come_first_and_each_group_starts_with_its_worst() {
        let images = [
            image(0.2, Some(false)),
            image(0.9, Some(false)),
            image(3.0, Some(true)),
            image(0.5, Some(true)),
            image(0.1, Some(true)),
            image(1.5, Some(false)),
            image(2.0, None),
            image(0.3, None),
            ReportImage::default(),
        ];
        let picks = |per_group| -> Vec<(GalleryGroup, usize)> {
            select_gallery(&images, per_group).iter().map(|pick| (pick.group, pick.image_idx)).collect()
        };
        use GalleryGroup::{Alarm, FalseAlarm, FoundDefect, MissedDefect, WorstNormal};
        let all = [
            (MissedDefect, 4),
            (MissedDefect, 3),
            (FalseAlarm, 5),
            (FoundDefect, 2),
            (Alarm, 6),
            (WorstNormal, 1),
            (WorstNormal, 0),
        ];
        assert_eq!(picks(10), all);
        assert_eq!(picks(1), [all[0], all[2], all[3], all[4], all[5]]);
        assert!(picks(0).is_empty());
    }
}
