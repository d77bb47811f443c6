//! Using up whatever there is.

use std::hint::black_box;

use patchbay_module::bindings::wasi::clocks::monotonic_clock;
use patchbay_module::{Answer, config, log};

/// An hour: longer than any deadline.
const SLEEP_MS: u64 = 3_600_000;

#[expect(clippy::panic, reason = "this is what it is for")]
pub(crate) fn trap() -> ! {
    panic!("this module traps, as it was told to")
}

pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

pub(crate) fn grow() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1_u8; 1 << 20]));
    }
}

pub(crate) fn log_flood() -> Answer {
    let line = format!("\u{1b}[31mflood\n{}", "x".repeat(1024));
    for _ in 0..10_000 {
        log::info(&line);
    }
    Answer::done()
}

pub(crate) fn sleep() -> Answer {
    let set = config::get("sleep_ms").and_then(|text| text.parse().ok());
    let nanoseconds = set.unwrap_or(SLEEP_MS).saturating_mul(1_000_000);
    monotonic_clock::subscribe_duration(nanoseconds).block();
    Answer::done()
}
