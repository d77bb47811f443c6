//! What goes wrong at the carrier and at TeleCloud, at random: before an effect, after it, or by taking too long.
//!
//! A look-up may fail, and is never answered with a lie: what the carrier says of an operation is what the gateway goes by.

use std::time::Duration;

use tokio::time::sleep;

use crate::carrier::FakeCarrier;
use crate::peer::{Behaviour, Delivery, Reply};
use crate::power::Numbers;
use crate::telecloud::{FakeTelecloud, StatusCode};

/// What the carrier says when it refuses.
pub(super) const REFUSED: &str = "refused by chance";

/// Longer than the deadline of the module, and shorter than the time that it goes on afterwards.
const TOO_LATE_MS: u64 = 1_100;

/// How the carrier treats a request from now on.
pub(super) fn at_carrier(mut numbers: Numbers) -> impl FnMut(&str) -> Behaviour + Send + 'static {
    move |path| {
        let looks_up = path.starts_with("/v1/operations/") || path.starts_with("/v1/port-ins/");
        if looks_up {
            return match numbers.below(20) {
                0 => Behaviour::normal().delivered(Delivery::Closed),
                1 => failing().delivered(Delivery::Closed),
                2 => failing(),
                3 => Behaviour::reject(StatusCode::TOO_MANY_REQUESTS, "SLOW_DOWN", REFUSED),
                4 => Behaviour::normal().after(milliseconds(&mut numbers, 0, 400)),
                _ => Behaviour::normal(),
            };
        }
        match numbers.below(32) {
            // Done, and not said.
            0 | 1 => Behaviour::normal().delivered(Delivery::Closed),
            2 => Behaviour::normal().delivered(Delivery::Reset),
            3 => Behaviour::normal().delivered(Delivery::Declared(100_000)),
            4 => Behaviour::normal().delivered(Delivery::Replaced(failure())),
            5 => Behaviour::normal().delivered(Delivery::Never),
            // Not done, and not said.
            6 | 7 => failing().delivered(Delivery::Closed),
            8 => failing(),
            9 => failing().after(milliseconds(&mut numbers, TOO_LATE_MS, 500)),
            // Refused.
            10 | 11 => refusing(),
            12 => refusing().after(milliseconds(&mut numbers, TOO_LATE_MS, 500)),
            13 => Behaviour::reject(StatusCode::TOO_MANY_REQUESTS, "SLOW_DOWN", REFUSED),
            // Done, and said late.
            14 | 15 => Behaviour::normal().after(milliseconds(&mut numbers, TOO_LATE_MS, 500)),
            16..20 => Behaviour::normal().after(milliseconds(&mut numbers, 0, 400)),
            _ => Behaviour::normal(),
        }
    }
}

/// How TeleCloud treats a call from now on.
pub(super) fn at_telecloud(mut numbers: Numbers) -> impl FnMut(&str) -> Behaviour + Send + 'static {
    move |_| match numbers.below(14) {
        0 | 1 => Behaviour::telecloud_error("Try again later"),
        2 => failing(),
        3 => failing().delivered(Delivery::Closed),
        4 => Behaviour::normal().delivered(Delivery::Closed),
        5 => Behaviour::normal().delivered(Delivery::Replaced(failure())),
        6 => Behaviour::normal().after(milliseconds(&mut numbers, 0, 800)),
        _ => Behaviour::normal(),
    }
}

/// Takes the carrier and TeleCloud off the network for a moment, now and then.
pub(super) async fn outages(
    carrier: &FakeCarrier,
    telecloud: &FakeTelecloud,
    numbers: &mut Numbers,
) -> std::io::Result<()> {
    if numbers.below(3) == 0 {
        sleep(milliseconds(numbers, 0, 300)).await;
        carrier.refuse_connections().await;
        sleep(milliseconds(numbers, 10, 150)).await;
        carrier.accept_connections().await?;
    }
    if numbers.below(3) == 0 {
        sleep(milliseconds(numbers, 0, 300)).await;
        telecloud.refuse_connections().await;
        sleep(milliseconds(numbers, 10, 150)).await;
        telecloud.accept_connections().await?;
    }
    Ok(())
}

/// From `least` to less than `more` beyond.
pub(super) fn milliseconds(numbers: &mut Numbers, least: u64, more: u64) -> Duration {
    Duration::from_millis(least + numbers.below(more))
}

fn refusing() -> Behaviour {
    Behaviour::reject(StatusCode::UNPROCESSABLE_ENTITY, "REFUSED", REFUSED)
}

/// No effect, and an answer that promises nothing.
fn failing() -> Behaviour {
    Behaviour::answer(failure())
}

fn failure() -> Reply {
    Reply::new(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "come back later")
}
