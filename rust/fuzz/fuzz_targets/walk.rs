//! The walker's verdict on a line beside those of serde_json and simdutf8.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headrig_fuzz::verdict::check(data));
