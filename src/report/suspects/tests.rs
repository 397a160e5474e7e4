//! The page of suspects: complete, escaped, limited.

use super::*;

fn suspect(name: &str) -> ShownSuspect {
    ShownSuspect {
        entry: SuspectEntry { name: name.to_owned(), score: 1.25, deviations: 7.5, nearest: None },
        is_dropped: false,
        pictures: Some(SuspectPictures {
            image: b"image".to_vec(),
            overlay: b"overlay".to_vec(),
            place: "overlays/a.png".to_owned(),
            is_known: false,
        }),
        neighbour: Some(("good/3.png".to_owned(), Some(b"neighbour".to_vec()))),
        missing: None,
    }
}

fn page(suspects: Vec<ShownSuspect>) -> String {
    suspects_page(&SuspectsReport { title: "Line 7".to_owned(), n_images: 40, suspects, facts: vec![] })
}

#[test]
fn a_suspect_is_shown_with_its_numbers_its_map_and_its_neighbour() {
    let shown = page(vec![suspect("good/1.png"), ShownSuspect { is_dropped: true, ..suspect("good/2.png") }]);
    for expected in [
        "Score <strong>1.250</strong>, <strong>7.5</strong> deviations",
        "1 among them, 1 left out of the fit",
        "What is unlike the others: good/1.png",
        "Nearest training image: good/3.png",
        "In full size: overlays/a.png",
        &BASE64.encode(b"neighbour"),
    ] {
        assert!(shown.contains(expected), "{expected}");
    }
    assert!(!shown.contains("There are no suspects") && !shown.contains("too faint"));
    assert_eq!(shown.matches("<img ").count(), 6);
}

#[test]
fn what_is_missing_or_drawn_by_who_knows_the_image_is_said() {
    let mut known = suspect("a.png");
    known.pictures.as_mut().unwrap().is_known = true;
    let nothing = ShownSuspect {
        pictures: None,
        neighbour: None,
        missing: Some("No picture: it can't be read.".to_owned()),
        ..suspect("b.png")
    };
    let shown = page(vec![known, nothing]);
    for expected in ["so it is too faint", "No picture: it can&#39;t be read.", "comes nearest to is not known"] {
        assert!(shown.contains(expected), "{expected}");
    }
    assert!(page(vec![]).contains("There are no suspects</strong> among the 40"));
}

#[test]
fn names_are_escaped_and_pictures_limited() {
    let hostile = "<script>alert(1)</script>\u{1b}\".png";
    let mut first = suspect(hostile);
    first.neighbour = Some((hostile.to_owned(), None));
    first.pictures.as_mut().unwrap().place = hostile.to_owned();
    first.pictures.as_mut().unwrap().image = vec![0; MAX_GALLERY_BYTES];
    let shown = page(vec![first, suspect("b.png")]);
    assert!(!shown.contains("<script>alert") && !shown.contains('\u{1b}'));
    assert!(shown.contains("&#60;script&#62;alert(1)"));
    // What does not fit is left out with words, what comes after it has its pictures.
    assert!(shown.contains("Its pictures are left out") && shown.matches("<img ").count() == 3);
}
