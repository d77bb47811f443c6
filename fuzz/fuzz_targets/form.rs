//! Forms.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_properties::form(data));
