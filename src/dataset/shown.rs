//! Foreign text on its way to a terminal.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::path::Path;

use super::names::path_text;

/// Text that a terminal shows and does not obey: control characters and those that turn the direction of writing are
/// escaped.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    text: Cow<'a, str>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Name,
    Paragraph,
    Json,
}

impl<'a> Shown<'a> {
    /// A name or another text of one line: line ends are escaped as well (`\u{a}`).
    #[must_use]
    pub fn name(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), form: Form::Name }
    }

    /// A path, in the form of [`path_text`].
    #[must_use]
    pub fn path(path: &Path) -> Self {
        Self::name(path_text(path))
    }

    /// A text that may have several lines: those after the first are indented, so that no name in it can pass for a line of
    /// its own.
    #[must_use]
    pub fn paragraph(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), form: Form::Paragraph }
    }

    /// Whole lines, perhaps of JSON: line ends and tabs stay, the rest is escaped as in JSON (`\u009b`), so that JSON remains
    /// the same JSON.
    #[must_use]
    pub fn lines(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), form: Form::Json }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.text.chars() {
            match (self.form, character) {
                (Form::Paragraph, '\n') => f.write_str("\n  ")?,
                (Form::Json, '\n' | '\t') => f.write_char(character)?,
                (Form::Json, other) if is_obeyed(other) => write!(f, "\\u{:04x}", u32::from(other))?,
                (_, other) if is_obeyed(other) => write!(f, "{}", other.escape_unicode())?,
                (_, other) => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Control characters, line and paragraph separators, and marks of direction; all within 16 bits.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_nothing_to_obey() {
        let cases = [
            ("a.png", "a.png", "a.png", "a.png"),
            ("시험편.png", "시험편.png", "시험편.png", "시험편.png"),
            ("\u{1b}[31m", "\\u{1b}[31m", "\\u{1b}[31m", "\\u001b[31m"),
            ("a\nb\r", "a\\u{a}b\\u{d}", "a\n  b\\u{d}", "a\nb\\u000d"),
            ("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J", "\\u009b2J"),
            ("\u{202e}gnp", "\\u{202e}gnp", "\\u{202e}gnp", "\\u202egnp"),
            ("\u{7f}\t", "\\u{7f}\\u{9}", "\\u{7f}\\u{9}", "\\u007f\t"),
        ];
        for (text, name, paragraph, lines) in cases {
            assert_eq!(Shown::name(text).to_string(), name);
            assert_eq!(Shown::paragraph(text).to_string(), paragraph);
            assert_eq!(Shown::lines(text).to_string(), lines);
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"path": "a\u{9b}\u{202e}\u{1b}\n.png", "n": 1});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = Shown::lines(&text).to_string();
        assert!(!shown.contains('\u{9b}') && text.contains('\u{9b}'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
