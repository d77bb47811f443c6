//! What a hostile tenant may do for hours: each part gives figures, and fails when something happens that must not.

pub mod components;
pub mod interrupts;
pub mod mutation;
pub mod process;
