//! Every path this CPU has beside the scalar one: the same bytes, counts, totals and windows.
#![no_main]

#[path = "../src/paths.rs"]
mod paths;

use headrig_fuzz::input::Input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| paths::check(&Input::read(data)));
