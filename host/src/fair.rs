//! Sharing what there is among tenants: places, turns to compute, rates.
//!
//! Nothing here knows what a place is for, or what is computed.

mod allowance;
mod background;
mod computing;
mod places;
mod rate;

pub use self::allowance::{Allowance, Allowances};
pub use self::computing::{Account, Computing};
pub use self::places::{Bounds, Busy, Kind, Line, Place, Places};
pub use self::rate::{Rate, Rates};
