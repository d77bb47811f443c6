//! Which limit an instance has died of, from wasmtime's word.

use wasmtime::component::ResourceTableError;

use crate::domain::limits::LimitName;

/// wasmtime's words for what it gives no type. The tests of hostile components notice when they change.
const WORDS: [(&str, LimitName); 2] = [
    ("store handle limit exceeded", LimitName::Handles),
    (
        "fuel allocated for hostcalls has been exhausted",
        LimitName::HostCallBytes,
    ),
];

/// Marks the trap that ends a call whose computing time is used up.
#[derive(Debug, thiserror::Error)]
#[error("computing time used up")]
pub(super) struct CpuUsedUp;

/// The limit that this error is about. A refused growth of memory is not among them: it is no error by itself.
pub(super) fn limit(error: &wasmtime::Error) -> Option<LimitName> {
    if error.is::<CpuUsedUp>() {
        return Some(LimitName::CpuMs);
    }
    error.chain().find_map(|cause| {
        if let Some(ResourceTableError::Full) = cause.downcast_ref() {
            return Some(LimitName::Handles);
        }
        let words = cause.to_string();
        let found = WORDS.iter().find(|(known, _)| words.contains(known));
        found.map(|(_, limit)| *limit)
    })
}
