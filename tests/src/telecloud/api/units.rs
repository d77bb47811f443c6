//! Amounts as TeleCloud writes them. Nothing is rounded on the way.

use std::fmt;
use std::ops::Add;
use std::str::FromStr;

/// Digits behind the point. A unit price of TeleCloud's has four.
const DECIMALS: usize = 6;
/// One unit.
const ONE: i128 = 1_000_000;
/// Digits before the point: more than any counter has, and few enough that a product fits.
const DIGITS_MAX: usize = 15;

/// A decimal number that is not negative, exact to six decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Units {
    millionths: i128,
}

/// The text is no such number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct NotDecimal;

impl Units {
    /// What so many units cost at this price.
    pub(super) fn times(self, price: Self) -> Self {
        Self {
            millionths: self.millionths * price.millionths / ONE,
        }
    }

    /// What is more in this than in `other`; negative amounts do not exist.
    pub(super) fn beyond(self, other: Self) -> Self {
        Self {
            millionths: (self.millionths - other.millionths).max(0),
        }
    }
}

impl FromStr for Units {
    type Err = NotDecimal;

    /// Digits, and a point only between digits: no sign, no exponent, no white space.
    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |part: &str, max: usize| (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole, DIGITS_MAX) || !digits(decimals, DECIMALS) {
            return Err(NotDecimal);
        }
        let millionths = format!("{whole}{decimals:0<DECIMALS$}");
        let millionths = millionths.parse().map_err(|_| NotDecimal)?;
        Ok(Self { millionths })
    }
}

impl From<u32> for Units {
    fn from(units: u32) -> Self {
        Self {
            millionths: i128::from(units) * ONE,
        }
    }
}

impl Add for Units {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            millionths: self.millionths + other.millionths,
        }
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.millionths / ONE, self.millionths % ONE);
        let decimals = format!(".{decimals:0DECIMALS$}");
        write!(f, "{whole}{}", decimals.trim_end_matches('0').trim_end_matches('.'))
    }
}
