//! The suspects of a fit as one self-contained HTML page.

use askama::Template;
use data_encoding::{Display, Encoding};

use super::html::{MAX_GALLERY_BYTES, SuspectRow};
use super::template::rendered;
use crate::bundle::SuspectEntry;
use crate::train::{SUSPECT_DEVIATIONS, SUSPECTS_FROM};

static BASE64: Encoding = data_encoding::BASE64;

/// What the page is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SuspectsReport {
    /// Headline.
    pub title: String,
    /// Images that were fitted on.
    pub n_images: usize,
    /// The suspects, in the order of the page.
    pub suspects: Vec<ShownSuspect>,
    /// What one needs to know to repeat the fit: name and value.
    pub facts: Vec<(String, String)>,
}

/// One of them, with its pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownSuspect {
    /// What the bundle says of it.
    pub entry: SuspectEntry,
    /// Whether it was left out of the fit.
    pub is_dropped: bool,
    /// The image as a PNG file, and the same with its map over it.
    pub pictures: Option<SuspectPictures>,
    /// The training image that its most anomalous patch is nearest to, and its picture as a PNG file.
    pub neighbour: Option<(String, Option<Vec<u8>>)>,
    /// Why a picture is missing.
    pub missing: Option<String>,
}

/// Pictures of a suspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectPictures {
    /// The image.
    pub image: Vec<u8>,
    /// Its map over it.
    pub overlay: Vec<u8>,
    /// Where the overlay lies in full size, below the folder of the page.
    pub place: String,
    /// Whether what drew the map knows the image, so that its map is too faint.
    pub is_known: bool,
}

/// The page as text. Texts are escaped, and the page loads nothing. Pictures beyond [`MAX_GALLERY_BYTES`] are left out of it,
/// which it says.
#[must_use]
pub fn suspects_page(report: &SuspectsReport) -> String {
    let SuspectsReport { title, n_images, suspects, facts } = report;
    let n_dropped = suspects.iter().filter(|suspect| suspect.is_dropped).count();
    let mut room = MAX_GALLERY_BYTES;
    let page = Page {
        title,
        subtitle: format!(
            "{n_images} training images fitted on; suspects: {} among them, {n_dropped} left out of the fit",
            suspects.len() - n_dropped
        ),
        n_images: *n_images,
        items: suspects.iter().map(|suspect| Item::of(suspect, &mut room)).collect(),
        facts_heading: "About this fit",
        facts,
    };
    rendered(&page)
}

#[derive(Template)]
#[template(path = "suspects/suspects.html")]
struct Page<'a> {
    title: &'a str,
    subtitle: String,
    n_images: usize,
    items: Vec<Item<'a>>,
    facts_heading: &'static str,
    facts: &'a [(String, String)],
}

/// A suspect on the page.
struct Item<'a> {
    row: SuspectRow<'a>,
    cards: Vec<Card<'a>>,
    /// Where the overlay lies in full size.
    place: Option<&'a str>,
    is_known: bool,
    /// What is missing, and why.
    notes: Vec<String>,
}

/// A picture with its words.
struct Card<'a> {
    png: Display<'a>,
    what: &'static str,
    name: &'a str,
}

impl<'a> Item<'a> {
    /// `room`: bytes of pictures that the page still takes.
    fn of(suspect: &'a ShownSuspect, room: &mut usize) -> Self {
        let ShownSuspect { entry, is_dropped, pictures, neighbour, missing } = suspect;
        let own = pictures.iter().flat_map(|own| {
            [("The image", &own.image, &*entry.name), ("What is unlike the others", &own.overlay, &*entry.name)]
        });
        let near = neighbour.iter().filter_map(|(name, png)| Some(("Nearest training image", png.as_ref()?, &**name)));
        let all: Vec<_> = own.chain(near).collect();
        let n_bytes = all.iter().map(|(_, png, _)| png.len()).sum::<usize>();
        let fits = n_bytes <= *room;
        let mut notes: Vec<String> = missing.iter().cloned().collect();
        match neighbour {
            None => notes.push("Which training image it comes nearest to is not known.".to_owned()),
            Some((name, None)) => notes.push(format!("Nearest to {name}, of which there is no picture here.")),
            Some((_, Some(_))) => {}
        }
        if !fits {
            notes.push(format!("Its pictures are left out: a page holds at most {} MiB.", MAX_GALLERY_BYTES >> 20));
        }
        *room -= if fits { n_bytes } else { 0 };
        let card = |(what, png, name): (&'static str, &'a Vec<u8>, &'a str)| Card {
            png: BASE64.encode_display(png),
            what,
            name,
        };
        Self {
            row: SuspectRow::of(entry, *is_dropped),
            cards: all.into_iter().filter(|_| fits).map(card).collect(),
            place: pictures.as_ref().map(|own| &*own.place),
            is_known: pictures.as_ref().is_some_and(|own| own.is_known),
            notes,
        }
    }
}

#[cfg(test)]
mod tests;
