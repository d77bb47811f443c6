//! Write a Patchbay module in Rust.
//!
//! A module carries out TeleCloud's order events at a carrier. It implements [`Module`], one method per action, and is
//! handed to the gateway by [`export!`]. Each call runs in a fresh instance, so nothing that a module keeps in memory
//! outlives the call; what it may reach, its tenant has granted.
//!
//! - [`Order`] is the event: the numbered VARs, the order's numbers, and the [documents](Order::document) sent along.
//! - [`http`] speaks to the carrier, [`config`] reads the tenant's settings, [`log`] writes to the record of the call.
//! - [`Answer`] and [`Failure`] are what a module may say. The three kinds of failure differ in what may be done next.
//! - [`Completion`], [`Reconcile`], [`Usage`] and [`Audit`] are what a module may offer besides: finishing pending orders,
//!   finding lost answers, reporting usage, listing what the carrier has. [`export!`] lists those that it does.
//! - [`testing`] runs a module natively against a carrier made of a closure: `cargo test`, no WebAssembly.
//!
//! # A whole module, and its test
//!
//! ```
//! use patchbay_module::{Answer, Module, Order, Outcome, config, http};
//! use serde::Deserialize;
//!
//! struct Lines;
//!
//! #[derive(Deserialize)]
//! struct Created {
//!     mdn: String,
//! }
//!
//! impl Module for Lines {
//!     fn create(order: &Order) -> Outcome {
//!         let iccid = order.require_var(2, "ICCID")?;
//!         let url = format!("{}/lines", config::require("carrier_url")?);
//!         // The module never sees the token: this is a placeholder, and the gateway puts the token in its place.
//!         let token = config::secret("carrier-token")?;
//!         let response = http::post(url)
//!             .header("authorization", format!("Bearer {token}"))
//!             .header("idempotency-key", order.call_id())
//!             .json(&serde_json::json!({ "iccid": iccid }))?
//!             .send()? // refused: unreachable; sent without an answer: unknown
//!             .success_or(|refusal| refusal.text().into_owned())?; // 4xx: rejected; 5xx: unknown
//!         let created: Created = response.json()?;
//!         Ok(Answer::done().var(3, created.mdn))
//!     }
//! }
//!
//! patchbay_module::export!(Lines);
//!
//! // In the module's own tests:
//! use patchbay_module::Failure;
//! use patchbay_module::testing::{Event, Gateway, Reply};
//!
//! let gateway = || Gateway::new().config("carrier_url", "https://carrier.test").secret("carrier-token");
//! let event = || Event::create().var(2, "8901260000000000014");
//!
//! let run = gateway()
//!     .carrier(|request| match (request.method(), request.path()) {
//!         ("POST", "/lines") => Reply::json(201, &serde_json::json!({ "mdn": "2025550143" })),
//!         _ => Reply::Denied,
//!     })
//!     .run::<Lines>(event());
//! assert_eq!(run.outcome, Ok(Answer::done().var(3, "2025550143")));
//! assert_eq!(run.requests[0].body_json()["iccid"], "8901260000000000014");
//!
//! let run = gateway().carrier(|_| Reply::Refused).run::<Lines>(event());
//! assert!(matches!(run.outcome, Err(Failure::Unreachable(_))));
//!
//! let run = gateway().carrier(|_| Reply::Lost).run::<Lines>(event());
//! assert!(matches!(run.outcome, Err(Failure::Unknown(_))));
//!
//! // What the module does not implement, it refuses.
//! let run = gateway().run::<Lines>(Event::cancel());
//! assert_eq!(run.outcome, Err(Failure::rejected("Unsupported SERVICE: Order/Cancel")));
//! ```
//!
//! # Building
//!
//! A module's `Cargo.toml` says `crate-type = ["cdylib", "rlib"]`: the first is the component, the second lets its tests
//! use it. `cargo xtask guests` builds the modules of this workspace.

#[cfg(target_family = "wasm")]
mod allocator;
pub mod audit;
pub mod bindings;
pub mod completion;
pub mod config;
#[doc(hidden)]
pub mod export;
pub mod handler;
mod host;
pub mod http;
pub mod log;
pub mod orders;
mod page;
pub mod reconcile;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod usage;

pub use audit::{Audit, Subscriber};
pub use completion::{Callback, Completion, Notice, Progress};
pub use handler::Module;
pub use orders::{Answer, Document, Failure, Order, Outcome, ServiceStatus, Suspension};
pub use page::Page;
pub use reconcile::{Finding, Reconcile};
pub use usage::{Reading, Subscription, Usage};
