//! Any bytes through the whole engine: what is promised of the output, and that no cut and no neighbour changes it.
#![no_main]

use headrig_fuzz::input::Input;
use headrig_fuzz::whole;

libfuzzer_sys::fuzz_target!(|data: &[u8]| whole::check(&Input::read(data)));
