//! A module that misbehaves on demand. The end-to-end tests run it in the real gateway.
//!
//! What it does is chosen by the setting `mode`, or by VAR1 where that is not set, whatever the action:
//!
//! | mode | what it does |
//! |---|---|
//! | `trap` | panics |
//! | `spin` | computes for ever |
//! | `grow` | takes memory, 1 MiB at a time and touching all of it, for ever |
//! | `log-flood` | logs 10,000 lines of 1 KiB that hold an escape sequence and a line break, then answers done |
//! | `sleep` | waits for `sleep_ms` (an hour unless set), then answers done |
//! | `fetch` | sends one request to `url` by `method` (GET unless set; POST has a JSON body), with the secret that `secret` names, if it names one, and the header that `header` is, see `fetch.rs`; answers the status as VAR1 and the body, if it has one, as VAR2 (in hexadecimal digits if `body_as` is `hex`) |
//! | `fetch-all` | sends a GET for each line of the settings `urls.0`, `urls.1` and so on; answers as VAR1 a character for each: the first digit of the status, or `-` where there was no answer |
//! | `two-step` | POSTs to `url`, then to `second_url`; a failure of either is returned as `?` makes it |
//! | `claim` | POSTs to `url` if that is set, with the setting `authorization` as that header, then, whatever came of it, ends as the setting `claim` says, see `claim.rs` |
//! | `cross` | breaks the one rule of wasi:http that `rule` names, see `crossing.rs` |
//! | `echo` | answers what it was given, see `echo.rs`, and logs the documents as JSON |
//! | `say` | answers what is hard to pass on, see `say.rs` |
//!
//! Any other mode is rejected with `No such mode: …`. What it says when it is asked something else is in `follow_up.rs`.

mod claim;
#[cfg(target_family = "wasm")]
mod crossing;
mod echo;
mod exhaust;
mod fetch;
mod follow_up;
mod say;

use patchbay_module::{Failure, Module, Order, Outcome, Suspension, config};

/// The module.
pub struct Hostile;

impl Module for Hostile {
    fn create(order: &Order) -> Outcome {
        act(order)
    }
    fn replenish(order: &Order) -> Outcome {
        act(order)
    }
    fn suspend(order: &Order, _: Suspension) -> Outcome {
        act(order)
    }
    fn restore(order: &Order) -> Outcome {
        act(order)
    }
    fn swap(order: &Order) -> Outcome {
        act(order)
    }
    fn cancel(order: &Order) -> Outcome {
        act(order)
    }
    fn usage_limit(order: &Order) -> Outcome {
        act(order)
    }
    fn change_password(order: &Order) -> Outcome {
        act(order)
    }
    fn other(order: &Order) -> Outcome {
        act(order)
    }
}

patchbay_module::export!(Hostile: completion, reconcile, usage, audit);

fn act(order: &Order) -> Outcome {
    let mode = config::get("mode").or_else(|| order.var(1).map(str::to_owned));
    match mode.as_deref().unwrap_or_default() {
        "trap" => exhaust::trap(),
        "spin" => exhaust::spin(),
        "grow" => exhaust::grow(),
        "log-flood" => Ok(exhaust::log_flood()),
        "sleep" => Ok(exhaust::sleep()),
        "fetch" => fetch::fetch(order),
        "fetch-all" => Ok(fetch::fetch_all()),
        "two-step" => fetch::two_step(order),
        "claim" => claim::claim(order),
        #[cfg(target_family = "wasm")]
        "cross" => crossing::cross(),
        "echo" => echo::echo(order),
        "say" => say::say(),
        other => Err(Failure::rejected(format!("No such mode: {other}"))),
    }
}
