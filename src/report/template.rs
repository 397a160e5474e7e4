//! Templates to text.

use askama::Template;

/// The text of a page.
pub(super) fn rendered<T: Template>(page: &T) -> String {
    let mut text = String::with_capacity(T::SIZE_HINT);
    // Writing to a String can't fail.
    let _ = page.render_into(&mut text);
    text
}
