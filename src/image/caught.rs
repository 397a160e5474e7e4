//! Panics of the decoders, which are other people's code.

use super::ImageError;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside a decoder of image files, whose panic becomes [`ImageError::DecoderPanicked`]. A program's
/// panic hook, which is called before a panic is caught, can leave out what is told as the failure of one file.
pub fn is_decoding() -> bool {
    IS_DECODING.get()
}

/// What was decoding before, restored when it goes.
struct Before(bool);

impl Drop for Before {
    fn drop(&mut self) {
        IS_DECODING.set(self.0);
    }
}

/// Runs a decoder. Decoders have panicked on hostile files before, and one bad file must not end a batch.
///
/// # Errors
/// Those of `decode`, and [`ImageError::DecoderPanicked`].
pub(super) fn caught<T>(format: &'static str, decode: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    let _before = Before(IS_DECODING.replace(true));
    // They share no state with us: after a panic everything they held is gone, so nothing half-written can be seen and
    // asserting unwind safety is sound.
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|panic| Err(ImageError::DecoderPanicked { format, reason: reason(&*panic) }))
}

/// What a panic said, in one line.
fn reason(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let words: Vec<&str> = said.unwrap_or_default().split_whitespace().collect();
    if words.is_empty() { "it gave no reason".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes, while a panic unwinds, whether a decoder was at work.
    struct Look<'a>(&'a Cell<bool>);

    impl Drop for Look<'_> {
        fn drop(&mut self) {
            self.0.set(is_decoding());
        }
    }

    #[test]
    fn a_panic_in_a_decoder_is_the_failure_of_its_file_and_known_as_such() {
        let seen = Cell::new(false);
        let result: Result<(), _> = caught("TIFF", || {
            let _look = Look(&seen);
            panic!("no room\nfor {} bytes", 7)
        });
        let text = result.unwrap_err().to_string();
        assert!(text.contains("TIFF") && text.contains("no room for 7 bytes"), "{text}");
        assert!(seen.get() && !is_decoding());
    }

    #[test]
    fn a_decoder_inside_another_does_not_end_it() {
        let outer = caught("ICO", || {
            caught("BMP", || Ok(()))?;
            Ok(is_decoding())
        });
        assert!(outer.unwrap() && !is_decoding());
    }
}
