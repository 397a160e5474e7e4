#![no_main]

use std::cell::LazyCell;
use std::fs;

use pcore::detect::station::{GALLERY_FILE, META_FILE, THRESHOLD_FILE, parse_meta, parse_threshold, read, write};
use tempfile::TempDir;

thread_local! {
    static FOLDERS: LazyCell<[TempDir; 2]> =
        LazyCell::new(|| [(); 2].map(|()| tempfile::tempdir().expect("a folder for temporary files")));
}

// The three files of a station one after the other: threshold, NUL, meta, NUL, gallery.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let [threshold, meta, gallery] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if parse_threshold(text(threshold)).is_err() | parse_meta(text(meta)).is_err() {
        return;
    }
    FOLDERS.with(|folders| {
        let [there, back] = [folders[0].path(), folders[1].path()];
        for (name, bytes) in [(THRESHOLD_FILE, threshold), (META_FILE, meta), (GALLERY_FILE, gallery)] {
            fs::write(there.join(name), bytes).expect("the folder is writable");
        }
        for dim in [None, Some(4)] {
            let Ok(artefact) = read(there, dim) else { continue };
            assert_eq!(artefact.n_rows() * artefact.dim, artefact.rows.len());
            write(back, &artefact).expect("what was read can be written");
            assert_eq!(fs::read(back.join(GALLERY_FILE)).expect("written"), gallery);
        }
    });
});
