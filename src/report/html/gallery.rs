//! The pictures: of every alarm, every missed defect, and the normal images nearest to an alarm.

use askama::Template;
use data_encoding::Encoding;

use super::Report;
use crate::report::gallery::{GalleryGroup, GalleryItem, PICTURE_FOLDERS};
use crate::report::number::tick;
use crate::report::picture::colour;
use crate::report::report_image::ReportImage;
use crate::report::template::rendered;

static BASE64: Encoding = data_encoding::BASE64;

/// Pictures of a group that are seen at once; the others are folded away.
const N_OPEN: usize = 12;
/// Groups that are printed.
const MOST_IN_PRINT: usize = 4;
/// Most bytes of the list of pictures, without the pictures.
const MAX_LIST_BYTES: usize = 2_600_000;

/// The pictures, group by group.
#[derive(Template)]
#[template(path = "html/gallery.html")]
pub(super) struct Gallery {
    legend: Option<Legend>,
    n_shown: usize,
    n_items: usize,
    groups: Vec<Group>,
}

struct Group {
    group: GalleryGroup,
    n_cards: usize,
    open: Vec<String>,
    folded: Vec<String>,
}

/// The colour scale, once for all pictures.
struct Legend {
    low: String,
    high: String,
    stops: Vec<[u8; 3]>,
    contour: Option<Contour>,
    truth_outlined: bool,
}

/// Where on the scale the contour lies.
struct Contour {
    percent: f32,
    limit: String,
}

/// A picture and what is said of it.
#[derive(Template)]
#[template(path = "html/card.html")]
struct Card<'a> {
    image: &'a ReportImage,
    has_conditions: bool,
    is_wide: bool,
    /// What a click shows where no script enlarges.
    link: Option<String>,
    /// Where the pictures lie, if the link does not say so.
    place: Option<&'a str>,
    source: String,
}

impl Gallery {
    /// Pictures beyond `room` bytes are shown from their files; `None` without a picture.
    pub(super) fn of(report: &Report, room: usize) -> Option<Self> {
        let has_conditions = report.has_conditions();
        let (mut room, mut list_room) = (room, MAX_LIST_BYTES);
        let mut groups = vec![];
        let (mut n_items, mut n_shown) = (0, 0);
        for group in GalleryGroup::ALL {
            let items = report.gallery.iter().filter(|item| item.group == group);
            let items = items.filter_map(|item| Some((item, report.images.get(item.image_idx)?)));
            let mut cards = vec![];
            for (item, image) in items {
                n_items += 1;
                cards.extend(card((item, image), has_conditions, &mut room, &mut list_room));
            }
            n_shown += cards.len();
            if !cards.is_empty() {
                let n_cards = cards.len();
                let folded = cards.split_off(n_cards.min(N_OPEN));
                groups.push(Group { group, n_cards, open: cards, folded });
            }
        }
        let legend = report.legend.map(Legend::of);
        (n_shown > 0).then_some(Self { legend, n_shown, n_items, groups })
    }
}

/// The card with its picture in the page, or beside it, as far as there is room.
fn card(
    (item, image): (&GalleryItem, &ReportImage),
    has_conditions: bool,
    room: &mut usize,
    list_room: &mut usize,
) -> Option<String> {
    let place = item.place.as_deref().map(address);
    let [thumbs, maps, _] = PICTURE_FOLDERS;
    let map = place.as_ref().map(|place| format!("{maps}/{place}"));
    let overlay = image.row.overlay.as_deref().map(address);
    let draw = |source: String| {
        rendered(&Card {
            image,
            has_conditions,
            is_wide: item.group == GalleryGroup::MissedDefect,
            link: overlay.clone().or_else(|| map.clone()),
            place: place.as_deref().filter(|_| overlay.is_some()),
            source,
        })
    };
    let beside = place.as_ref().map(|place| draw(format!("{thumbs}/{place}")));
    let n_bytes = beside.as_ref().map_or(0, String::len);
    if n_bytes > *list_room {
        return None;
    }
    *list_room -= n_bytes;
    let n_inside = (item.thumb.len() / 3 + 1) * 4;
    if item.thumb.is_empty() || n_inside > *room {
        return beside;
    }
    let inside = draw(format!("data:image/jpeg;base64,{}", BASE64.encode(&item.thumb)));
    *room = room.saturating_sub(inside.len() - n_bytes.min(inside.len()));
    Some(inside)
}

/// A place below the folder of the page as an address in it.
pub(super) fn address(place: &str) -> String {
    let mut address = String::with_capacity(place.len());
    for byte in place.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                address.push(char::from(byte))
            }
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

impl Legend {
    fn of(legend: super::Legend) -> Self {
        let contour = |limit| Contour { percent: legend.scale.position(limit) * 100.0, limit: tick(limit) };
        Self {
            low: tick(legend.scale.low()),
            high: tick(legend.scale.high()),
            stops: (0..=16).map(|stop| colour(stop as f32 / 16.0)).collect(),
            contour: legend.contour.map(contour),
            truth_outlined: legend.truth_outlined,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_names_the_file_whatever_its_name_is() {
        assert_eq!(address("good/0 1#2?.png"), "good/0%201%232%3F.png");
        assert_eq!(address("k\u{e4}lte/100%.jpg"), "k%C3%A4lte/100%25.jpg");
        assert_eq!(address("a~0b-c_d/E.jpg"), "a~0b-c_d/E.jpg");
    }
}
