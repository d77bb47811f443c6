//! The host's side of `patchbay:module`, generated from `wit/`.
//!
//! The world here names only our own interfaces: those of WASI are linked from their own crates. Of the exports, only the
//! types are used. The functions are found by `exports`, because a component has those that it likes.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated code"
)]

wasmtime::component::bindgen!({
    inline: "
        package patchbay:host;
        world module {
            import patchbay:module/orders@0.1.0;
            import patchbay:module/config@0.1.0;
            import patchbay:module/log@0.1.0;
            export patchbay:module/handler@0.1.0;
            export patchbay:module/completion@0.1.0;
            export patchbay:module/reconcile@0.1.0;
            export patchbay:module/usage@0.1.0;
            export patchbay:module/audit@0.1.0;
        }
    ",
    path: "../wit",
    with: { "patchbay:module/orders.document": super::state::PostedDocument },
    imports: { default: trappable },
    exports: { default: async },
});

pub(super) use self::exports::patchbay::module::{audit, completion, reconcile, usage};
pub(super) use self::patchbay::module::{config, log, orders};
