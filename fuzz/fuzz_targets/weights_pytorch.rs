#![no_main]

use pcore_fuzz::{archive, read_weights};

// As a whole file; and as the pickle of an archive, whose directory then is always right.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read_weights(bytes);
    if !bytes.starts_with(b"PK") {
        read_weights(&archive(&[("data.pkl", bytes), ("data/0", &[0; 4096])]));
    }
});
