//! Foreign text as messages show it.

/// Longest foreign text shown in a message.
const MAX_SHOWN_CHARS: usize = 40;

/// Foreign text cut to a length fit for a message.
pub(crate) fn shorten(text: &str) -> String {
    shorten_to(text, MAX_SHOWN_CHARS)
}

pub(super) fn shorten_to(text: &str, max_chars: usize) -> String {
    let mut shown: String = text.chars().take(max_chars).map(|c| if c.is_control() { '?' } else { c }).collect();
    if shown.len() < text.len() {
        shown.push_str("..");
    }
    shown
}
