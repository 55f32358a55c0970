//! Every path this CPU has beside the scalar one: the same bytes, counts, totals and windows.
#![no_main]

#[path = "../src/paths_agree.rs"]
mod paths_agree;

use headrig_fuzz::input::Input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| paths_agree::check(&Input::read(data)));
