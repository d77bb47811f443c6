//! TeleCloud's answers to our calls.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| patchbay_properties::api_answer(data));
