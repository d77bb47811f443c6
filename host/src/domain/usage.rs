//! What customers used, as a module reads it from its carrier.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::event::Vars;

/// An order whose usage is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The customer's account at TeleCloud.
    pub account_number: String,
    /// The order.
    pub order_number: String,
    /// As the order has them, so that the module finds the line.
    pub vars: Vars,
}

/// How a total behaves over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UsageKind {
    /// A plan's allowance: starts again with each cycle.
    Recurring,
    /// A top-up: used once.
    OnceOff,
    /// A kind that the module does not know, in the carrier's words.
    Other(String),
}

/// What one order used of one component of its plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The order.
    pub order_number: String,
    /// How the total behaves.
    pub kind: UsageKind,
    /// The plan component at TeleCloud that the total belongs to.
    pub component_id: String,
    /// Used since the cycle began, in the carrier's own unit.
    pub total: Amount,
    /// Saved on the order along with it.
    pub vars: Vars,
}

/// A part of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsagePage {
    /// In the carrier's order.
    pub readings: Vec<Reading>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// A decimal number that is not negative, exact to nine digits after the point. Zero by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount {
    billionths: u128,
}

/// Digits before the point that an amount may have: those of any 64-bit counter.
const WHOLE_DIGITS_MAX: usize = 20;

/// Digits after the point that are kept. A module that divides bytes by a power of ten loses none.
const FRACTION_DIGITS: usize = 9;

const BILLION: u128 = 1_000_000_000;

/// The largest amount: all of its 20 and 9 digits are nines.
const BILLIONTHS_MAX: u128 = 10_u128.pow(20 + 9) - 1;

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal number such as 12 or 0.75, with at most {WHOLE_DIGITS_MAX} digits before the point")]
pub struct InvalidAmount(String);

impl Amount {
    /// The amount in units of 0.000000001.
    #[must_use]
    pub fn billionths(self) -> u128 {
        self.billionths
    }

    /// So many units of 0.000000001, or the largest amount that can be written if they are more.
    #[must_use]
    pub fn from_billionths(billionths: u128) -> Self {
        Self {
            billionths: billionths.min(BILLIONTHS_MAX),
        }
    }

    /// What is left when `other` is taken away; `None` when it is more.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let billionths = self.billionths.checked_sub(other.billionths)?;
        Some(Self { billionths })
    }
}

impl FromStr for Amount {
    type Err = InvalidAmount;

    /// Digits after the ninth behind the point are cut off, so that a total that grows never reads as one that shrinks.
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let invalid = || InvalidAmount(text.chars().take(2 * WHOLE_DIGITS_MAX).collect());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > WHOLE_DIGITS_MAX {
            return Err(invalid());
        }
        let kept: String = fraction
            .chars()
            .chain(std::iter::repeat('0'))
            .take(FRACTION_DIGITS)
            .collect();
        let number = |digits: &str| digits.parse::<u128>().map_err(|_| invalid());
        Ok(Self {
            billionths: number(whole)? * BILLION + number(&kept)?,
        })
    }
}

impl fmt::Display for Amount {
    /// The shortest way to write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.billionths / BILLION, self.billionths % BILLION);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:0FRACTION_DIGITS$}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl TryFrom<String> for Amount {
    type Error = InvalidAmount;
    fn try_from(text: String) -> Result<Self, InvalidAmount> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_the_shortest_way() {
        for (text, shortest) in [
            ("0", "0"),
            ("0012", "12"),
            ("0.50", "0.5"),
            ("7.000", "7"),
            ("0.000000001", "0.000000001"),
            ("1.9999999999", "1.999999999"),
            ("18446744073709551615.25", "18446744073709551615.25"),
        ] {
            let amount: Amount = text.parse().expect(text);
            assert_eq!(amount.to_string(), shortest);
        }
    }

    #[test]
    fn amounts_compare_as_numbers() {
        let amount = |text: &str| text.parse::<Amount>().expect(text);
        assert!(amount("9.5") < amount("10"));
        assert!(amount("0.30000000000000004") >= amount("0.3"));
        assert_eq!(amount("2.50"), amount("2.5"));
        assert_eq!(amount("2.5").billionths(), 2_500_000_000);
    }

    #[test]
    fn an_amount_that_was_computed_can_be_read_again() {
        for billionths in [0, 1, BILLION, BILLIONTHS_MAX, BILLIONTHS_MAX + 1, u128::MAX] {
            let amount = Amount::from_billionths(billionths);
            assert_eq!(amount.to_string().parse(), Ok(amount));
        }
        let amount = |text: &str| text.parse::<Amount>().expect(text);
        assert_eq!(amount("10").checked_sub(amount("0.25")), Some(amount("9.75")));
        assert_eq!(amount("1").checked_sub(amount("1.1")), None);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for bad in [
            "",
            ".",
            ".5",
            "5.",
            "-1",
            "+1",
            "1e3",
            "1,5",
            " 1",
            "NaN",
            "1.2.3",
            "٣",
            "100000000000000000000",
            "000000000000000000001",
        ] {
            assert!(bad.parse::<Amount>().is_err(), "{bad:?}");
        }
        let endless = "x".repeat(1000).parse::<Amount>().expect_err("no number");
        assert!(endless.to_string().len() < 200);
    }
}
