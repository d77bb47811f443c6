//! What holds of the gateway's parsers and writers, whatever they are given.
//!
//! Each property takes any bytes and panics if the gateway breaks it. It runs in three places: on random input in this
//! crate's tests, on every file of `fuzz/corpus` and `fuzz/regressions` in the same tests, and on what a fuzzer thinks up
//! in `cargo xtask fuzz`. What is expected is worked out here from the specification, by other code than the gateway's.

mod answer;
mod decoded;
mod form;
mod grant;
mod json;
mod multipart;
mod name;
mod path;
mod reply;
mod upload;
mod xml;

pub use self::answer::api_answer;
pub use self::form::form;
pub use self::grant::grant;
pub use self::json::json;
pub use self::multipart::multipart;
pub use self::name::name;
pub use self::path::path;
pub use self::reply::reply;
pub use self::upload::upload;
pub use self::xml::xml;

/// Panics if the gateway breaks a promise for these bytes.
pub type Property = fn(&[u8]);

/// Every property by the name of its fuzz target, which is also that of its folders in `fuzz/`.
pub const ALL: [(&str, Property); 10] = [
    ("api_answer", api_answer),
    ("form", form),
    ("grant", grant),
    ("json", json),
    ("multipart", multipart),
    ("name", name),
    ("path", path),
    ("reply", reply),
    ("upload", upload),
    ("xml", xml),
];
