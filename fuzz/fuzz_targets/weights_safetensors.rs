#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pcore_fuzz::read_weights(bytes));
