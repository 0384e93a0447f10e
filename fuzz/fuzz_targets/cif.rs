#![no_main]

use adatom_crystal::Crystal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Crystal::from_cif(text);
    }
});
