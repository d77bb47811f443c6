//! Grants and the URLs that they are for.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_properties::grant(data));
