//! XML bodies.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_properties::xml(data));
