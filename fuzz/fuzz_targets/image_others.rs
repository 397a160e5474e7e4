#![no_main]

const MAGICS: [&[u8]; 11] = [
    b"RIFF", b"GIF8", b"P1", b"P2", b"P5", b"P6", b"P7", b"Pf", b"qoif", b"\x76\x2f\x31\x01", b"#?R",
];

libfuzzer_sys::fuzz_target!(
    init: pcore_fuzz::let_decoders_panic(),
    |bytes: &[u8]| pcore_fuzz::read_image(bytes, &MAGICS)
);
