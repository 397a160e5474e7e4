//! Text in CSV files that people open with a spreadsheet.

use std::borrow::Cow;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The text of a CSV cell: `'` is put before one that a spreadsheet would run, and before one that begins with `'` and would
/// be run without. To read a cell back, drop the first `'` of those that only `'` separate from one of `=`, `+`, `-`, `@`, tab
/// and carriage return. Cells of numbers are not to be treated so.
#[must_use]
pub fn csv_text(text: &str) -> Cow<'_, str> {
    if text.trim_start_matches('\'').starts_with(FORMULA) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The same in quotes (RFC 4180), for lines that are written by hand.
#[must_use]
pub fn csv_quoted(text: &str) -> String {
    format!("\"{}\"", csv_text(text).replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_run_and_no_two_texts_become_one() {
        let cases = [
            ("a.png", "a.png"),
            ("a=1.png", "a=1.png"),
            ("'a.png", "'a.png"),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("'=1", "''=1"),
            ("+1.png", "'+1.png"),
            ("-1.png", "'-1.png"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("", ""),
        ];
        let mut seen = std::collections::BTreeSet::new();
        for (text, cell) in cases {
            assert_eq!(csv_text(text), cell);
            assert!(seen.insert(cell), "{cell:?} twice");
            let read = if cell.trim_start_matches('\'').starts_with(FORMULA) { &cell[1..] } else { cell };
            assert_eq!(read, text);
        }
    }
}
