//! Which directory of a TIFF is the picture.

use std::num::NonZeroUsize;

use super::directory::{self, Directory};
use super::error::unsupported;
use crate::image::ImageError;

/// Bits of the new subfile type: a reduced-resolution copy of another image, and a transparency mask.
const NEW_SUBFILE_TYPE: u16 = 254;
const REDUCED: u64 = 1;
const MASK: u64 = 4;
/// The old subfile type: 1 full resolution, 2 reduced, 3 one page of many.
const SUBFILE_TYPE: u16 = 255;
const OLD_REDUCED: u64 = 2;

/// The full-resolution page asked for, or the only one. `None` where there is no directory, which the decoder says.
///
/// # Errors
/// [`ImageError::SeveralPages`] where nothing says which, [`ImageError::NoSuchPage`].
pub(super) fn choose(bytes: &[u8], page: Option<NonZeroUsize>) -> Result<Option<Directory<'_>>, ImageError> {
    let mut all = directory::list(bytes)?;
    // A picture on its own is the picture, whatever it was once made for.
    if all.len() > 1 {
        let n_all = all.len();
        all.retain(is_full);
        if all.is_empty() {
            return Err(unsupported(format!("{n_all} pages, all of them previews or masks")));
        }
    }
    let n_pages = all.len();
    match page {
        Some(page) if n_pages > 0 && page.get() > n_pages => Err(ImageError::NoSuchPage { page: page.get(), n_pages }),
        Some(page) => Ok(all.into_iter().nth(page.get() - 1)),
        None if n_pages > 1 => Err(ImageError::SeveralPages { n_pages }),
        None => Ok(all.pop()),
    }
}

fn is_full(directory: &Directory<'_>) -> bool {
    let kind = directory.integer(NEW_SUBFILE_TYPE).unwrap_or(0);
    kind & (REDUCED | MASK) == 0 && directory.integer(SUBFILE_TYPE) != Some(OLD_REDUCED)
}
