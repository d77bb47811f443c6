//! Device and SIM numbers: found wrong here, before a carrier is paid to find it.

use std::ops::RangeInclusive;

use patchbay_module::Failure;

/// Checks an IMEI, which VAR1 holds: 15 digits, the last of them a check digit.
pub(crate) fn imei(value: &str) -> Result<&str, Failure> {
    checked(value, "VAR1 (IMEI)", 15..=15)
}

/// Checks an ICCID, which VAR2 holds: 19 or 20 digits, the last of them a check digit.
pub(crate) fn iccid(value: &str) -> Result<&str, Failure> {
    checked(value, "VAR2 (ICCID)", 19..=20)
}

fn checked<'a>(value: &'a str, what: &str, digits: RangeInclusive<usize>) -> Result<&'a str, Failure> {
    if !value.bytes().all(|byte| byte.is_ascii_digit()) || !digits.contains(&value.len()) {
        let (least, most) = digits.into_inner();
        let count = if least == most {
            least.to_string()
        } else {
            format!("{least} to {most}")
        };
        return Err(Failure::rejected(format!("{what} must have {count} digits: {value}")));
    }
    if !luhn(value) {
        return Err(Failure::rejected(format!("{what} fails its check digit: {value}")));
    }
    Ok(value)
}

/// Whether the digits, the last of which checks the others, add up: from the right, every second digit counts twice.
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .zip([1, 2].into_iter().cycle())
        .map(|(byte, times)| u32::from(byte - b'0') * times)
        .map(|product| product / 10 + product % 10)
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_numbers_add_up() {
        // The textbook example of a checked number, that of an IMEI, and an invented ICCID.
        for good in ["79927398713", "490154203237518", "8901260000000000014"] {
            assert!(luhn(good), "{good}");
        }
    }

    #[test]
    fn one_wrong_digit_is_always_found() {
        let good = "490154203237518";
        for place in 0..good.len() {
            for digit in b'0'..=b'9' {
                let mut bytes = good.as_bytes().to_vec();
                bytes[place] = digit;
                let text = String::from_utf8(bytes).expect("digits");
                assert_eq!(luhn(&text), text == good, "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_so_many_digits_is_refused() {
        for bad in [
            "",
            "12345678901234",
            "1234567890123456",
            "35693803564380X",
            "３56938035643809",
        ] {
            let failure = checked(bad, "VAR1 (IMEI)", 15..=15).expect_err("not 15 digits");
            assert_eq!(
                failure,
                Failure::rejected(format!("VAR1 (IMEI) must have 15 digits: {bad}"))
            );
        }
    }
}
