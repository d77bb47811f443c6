//! Making a type the one that a component exports.

use crate::{Audit, Completion, Module, Reconcile, Usage};

/// Makes a type that implements [`Module`] the one that this component exports. Once in a crate.
///
/// After a colon come the other interfaces that it implements, each by the trait of that name: `completion`, `reconcile`,
/// `usage`, `audit`. What is not listed is not in the component, and the gateway offers just what is.
///
/// ```
/// # use patchbay_module::{Completion, Finding, Module, Order, Progress, Reconcile};
/// struct Lines;
///
/// impl Module for Lines {}
///
/// impl Completion for Lines {
/// #   fn check(_: &Order, state: &str) -> Result<Progress, String> {
/// #       Ok(Progress::waiting(state))
/// #   }
///     // …
/// }
///
/// impl Reconcile for Lines {
/// #   fn find(_: &Order) -> Result<Finding, String> {
/// #       Ok(Finding::Undecided)
/// #   }
///     // …
/// }
///
/// patchbay_module::export!(Lines: completion, reconcile);
/// ```
///
/// An interface that the type does not implement, or that there is not, is told when the crate is compiled, for its tests
/// as well:
///
/// ```compile_fail,E0277
/// # use patchbay_module::Module;
/// struct Lines;
/// impl Module for Lines {}
/// patchbay_module::export!(Lines: audit);
/// ```
///
/// ```compile_fail
/// # use patchbay_module::Module;
/// struct Lines;
/// impl Module for Lines {}
/// patchbay_module::export!(Lines: billing);
/// ```
#[macro_export]
macro_rules! export {
    ($module:ty $(: $($interface:ident),+ $(,)?)?) => {
        const _: () = $crate::export::is_module::<$module>();
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::exports::patchbay::module::handler::{Answer, Document, Event, Failure, Guest};
            struct Export;
            impl Guest for Export {
                fn handle(event: Event, request: &Document) -> Result<Answer, Failure> {
                    $crate::handler::handle::<$module>(event, request)
                }
            }
            $crate::bindings::export_world!(Export with_types_in $crate::bindings);
        };
        $($($crate::export_interface!($interface: $module);)+)?
    };
}

/// Exports one interface. Called by [`export!`](crate::export) only.
#[doc(hidden)]
#[macro_export]
macro_rules! export_interface {
    (completion: $module:ty) => {
        const _: () = $crate::export::is_completion::<$module>();
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::completion::exports::patchbay::module::completion::{
                Callback, Event, Guest, Notice, Progress,
            };
            struct Export;
            impl Guest for Export {
                fn check(event: Event, state: String) -> Result<Progress, String> {
                    $crate::completion::check::<$module>(event, &state)
                }
                fn receive(callback: Callback) -> Result<Vec<Notice>, String> {
                    $crate::completion::receive::<$module>(callback)
                }
            }
    $crate::bindings::completion::export_completion!(Export with_types_in $crate::bindings::completion);
        };
    };
    (reconcile: $module:ty) => {
        const _: () = $crate::export::is_reconcile::<$module>();
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::reconcile::exports::patchbay::module::reconcile::{Event, Finding, Guest};
            struct Export;
            impl Guest for Export {
                fn find(event: Event) -> Result<Finding, String> {
                    $crate::reconcile::find::<$module>(event)
                }
            }
    $crate::bindings::reconcile::export_reconcile!(Export with_types_in $crate::bindings::reconcile);
        };
    };
    (usage: $module:ty) => {
        const _: () = $crate::export::is_usage::<$module>();
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::usage::exports::patchbay::module::usage::{Guest, Page, Subscription};
            struct Export;
            impl Guest for Export {
                fn read(subscriptions: Vec<Subscription>, cursor: Option<String>) -> Result<Page, String> {
                    $crate::usage::read::<$module>(subscriptions, cursor.as_deref())
                }
            }
    $crate::bindings::usage::export_usage!(Export with_types_in $crate::bindings::usage);
        };
    };
    (audit: $module:ty) => {
        const _: () = $crate::export::is_audit::<$module>();
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::bindings::audit::exports::patchbay::module::audit::{Guest, Page};
            struct Export;
            impl Guest for Export {
                fn list_subscribers(cursor: Option<String>) -> Result<Page, String> {
                    $crate::audit::list::<$module>(cursor.as_deref())
                }
            }
    $crate::bindings::audit::export_audit!(Export with_types_in $crate::bindings::audit);
        };
    };
    ($other:ident: $module:ty) => {
        compile_error!(concat!(
            "there is no interface `",
            stringify!($other),
            "` to export: a module may export completion, reconcile, usage and audit"
        ));
    };
}

/// Compiles for what may be exported so. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub const fn is_module<M: Module>() {}

/// Compiles for what may be exported so. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub const fn is_completion<M: Completion>() {}

/// Compiles for what may be exported so. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub const fn is_reconcile<M: Reconcile>() {}

/// Compiles for what may be exported so. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub const fn is_usage<M: Usage>() {}

/// Compiles for what may be exported so. Called by [`export!`](crate::export) only.
#[doc(hidden)]
pub const fn is_audit<M: Audit>() {}
