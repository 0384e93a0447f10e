#![no_main]

use adatom_fuzz::read_bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| read_bytes(bytes));
