//! Text that is not all printable ASCII, in the glyphs of GNU Unifont: 16 rows, 8 or 16 columns, the Basic Multilingual
//! Plane.
//!
//! Letters are put one after the other from left to right as they are stored, also those of scripts that run the other way.
//! What the font lacks (Emoji, rare ideographs) is drawn as U+FFFD, a question mark in a diamond.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unifont::{Glyph, get_glyph};

use super::font;

/// Rows of a glyph.
const HEIGHT: usize = 16;

/// Pixels of the picture for one of the glyph, where one of [`font`]'s takes `scale`: so that lines are about as high.
pub(super) fn zoom(scale: usize) -> usize {
    ((font::GLYPH_HEIGHT * scale + HEIGHT / 2) / HEIGHT).max(1)
}

/// Where a line begins whose middle is that of a line of [`font`] at `top`.
pub(super) fn line_top(top: usize, scale: usize) -> usize {
    (top + font::GLYPH_HEIGHT * scale / 2).saturating_sub(HEIGHT * zoom(scale) / 2)
}

/// Columns that a line takes, in pixels of its glyphs.
pub(super) fn width(text: &str) -> usize {
    placed(text).map(|(column, glyph)| column + glyph.get_width()).max().unwrap_or(0)
}

/// Row and column of every pixel with ink.
pub(super) fn ink(text: &str) -> impl Iterator<Item = (usize, usize)> {
    placed(text).flat_map(|(start, glyph)| {
        let pixels = (0..HEIGHT).flat_map(|row| (0..glyph.get_width()).map(move |column| (row, column)));
        pixels.filter(|(row, column)| glyph.get_pixel(*column, *row)).map(move |(row, column)| (row, start + column))
    })
}

/// The glyphs and where each begins. A mark that does not combine with the letter before it into one glyph is drawn over it.
fn placed(text: &str) -> impl Iterator<Item = (usize, &'static Glyph)> {
    let (mut next, mut last) = (0, 0);
    text.nfc().filter_map(move |character| {
        let glyph = get_glyph(character).or_else(|| get_glyph('\u{fffd}'))?;
        if canonical_combining_class(character) == 0 {
            last = next;
            next += glyph.get_width();
        }
        Some((last, glyph))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn shape(text: &str) -> BTreeSet<(usize, usize)> {
        ink(text).collect()
    }

    /// The rows of a text, `#` for ink, without blank ones around it.
    fn drawn(text: &str) -> Vec<String> {
        let shape = shape(text);
        let line =
            |row| (0..width(text)).map(|column| if shape.contains(&(row, column)) { '#' } else { '.' }).collect();
        let lines: Vec<String> = (0..HEIGHT).map(line).collect();
        let first = lines.iter().position(|line| line.contains('#')).unwrap();
        let last = lines.iter().rposition(|line| line.contains('#')).unwrap();
        lines[first..=last].to_vec()
    }

    #[test]
    fn letters_look_like_themselves() {
        let expected = [
            "..#..#..", "..#..#..", "........", "........", "..####..", ".#....#.", "......#.", "..#####.", ".#....#.",
            ".#....#.", ".#...##.", "..###.#.",
        ];
        assert_eq!(drawn("\u{e4}"), expected);
        assert_eq!(drawn("a\u{308}"), expected, "as file names of macOS have it");
    }

    #[test]
    fn names_of_conditions_are_told_apart_and_none_of_their_characters_is_missing() {
        let names =
            ["K\u{e4}lte", "Kalte", "\u{5bd2}\u{51b7}", "\u{6696}\u{548c}", "\u{445}\u{43e}\u{43b}\u{43e}\u{434}"];
        let missing = shape("\u{fffd}");
        for name in names {
            assert!(name.chars().all(|character| shape(&character.to_string()) != missing), "{name}");
        }
        let shapes: BTreeSet<_> = names.iter().map(|name| shape(name)).collect();
        assert_eq!(shapes.len(), names.len());
        assert_eq!([width(names[0]), width(names[2]), width(names[4])], [40, 32, 40]);
    }

    #[test]
    fn what_the_font_lacks_is_one_character_and_a_mark_takes_no_room() {
        assert_eq!(drawn("\u{1f600}"), drawn("\u{fffd}"));
        assert_eq!(width("x\u{331}y"), 16);
        assert!(shape("x\u{331}").is_superset(&shape("x")));
        assert_eq!((width(""), shape("").len()), (0, 0));
    }

    #[test]
    fn lines_keep_about_the_height_of_the_other_font() {
        for scale in 1..=6 {
            let (own, other) = (font::GLYPH_HEIGHT * scale, HEIGHT * zoom(scale));
            assert!(own.abs_diff(other) <= 7, "{scale}: {own} {other}");
            assert!(line_top(100, scale) + other <= 100 + own + 4, "{scale}");
        }
    }
}
