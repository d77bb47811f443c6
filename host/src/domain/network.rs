//! Networks that are not the internet: named by the platform admin, and then in the grants of those who may reach them.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::name::NetworkName;

/// Why a text is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBlock {
    /// No address, no slash, or no length that an address of its family has.
    #[error("{0:?} is not a block of addresses, such as 10.20.0.0/16 or fd12::/48")]
    Form(String),
    /// It names an address inside of the block instead of the block.
    #[error("{given} is an address in a block: write {block}")]
    Inside {
        /// What was written.
        given: String,
        /// The block that holds it.
        block: Block,
    },
}

/// A block of addresses, such as `10.20.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Block {
    first: IpAddr,
    length: u8,
}

impl Block {
    /// Reads a block: its first address, a slash, and the number of bits that all of its addresses have in common.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, InvalidBlock> {
        let form = || InvalidBlock::Form(text.chars().take(80).collect());
        let (address, length) = text.split_once('/').ok_or_else(form)?;
        let address: IpAddr = address.parse().map_err(|_| form())?;
        // Numbers may have a sign in Rust, lengths have none.
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u8 = length.parse().ok().filter(|_| digits).ok_or_else(form)?;
        let block = Self::around(address, length).ok_or_else(form)?;
        if block.first != address {
            return Err(InvalidBlock::Inside {
                given: text.to_owned(),
                block,
            });
        }
        Ok(block)
    }

    /// The block of this length that holds an address. None where no address is that long.
    #[must_use]
    pub fn around(address: IpAddr, length: u8) -> Option<Self> {
        let first = match address {
            IpAddr::V4(v4) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
            _ => return None,
        };
        Some(Self { first, length })
    }

    /// Whether an address is in it. An IPv4 address is in no IPv6 block, however that is written.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && Self::around(address, self.length) == Some(*self)
    }

    /// Whether all of its addresses are in `other`.
    #[must_use]
    pub fn lies_in(&self, other: &Self) -> bool {
        self.length >= other.length && other.contains(self.first)
    }

    /// Whether it has an address in common with `other`: of two blocks that do, one lies in the other.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.lies_in(other) || other.lies_in(self)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

impl TryFrom<String> for Block {
    type Error = InvalidBlock;
    fn try_from(text: String) -> Result<Self, InvalidBlock> {
        Self::parse(&text)
    }
}

impl std::str::FromStr for Block {
    type Err = InvalidBlock;
    fn from_str(text: &str) -> Result<Self, InvalidBlock> {
        Self::parse(text)
    }
}

impl From<Block> for String {
    fn from(block: Block) -> Self {
        block.to_string()
    }
}

/// A network that grants can name. Such a grant reaches the addresses in it and no others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What grants call it: `[a-z0-9-]{1,63}`.
    #[schema(value_type = String, example = "lab")]
    pub name: NetworkName,
    /// The blocks of addresses that it has.
    #[schema(value_type = Vec<String>, example = json!(["10.20.0.0/16", "fd12::/48"]))]
    pub blocks: Vec<Block>,
}

impl Network {
    /// Whether an address is in one of its blocks.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.blocks.iter().any(|block| block.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        Block::parse(text).expect(text)
    }

    #[test]
    fn a_block_holds_what_begins_like_it_and_nothing_else() {
        for (text, inside, outside) in [
            (
                "10.20.0.0/16",
                vec!["10.20.0.0", "10.20.255.255"],
                vec!["10.19.255.255", "10.21.0.0"],
            ),
            ("192.0.2.7/32", vec!["192.0.2.7"], vec!["192.0.2.6", "192.0.2.8"]),
            (
                "0.0.0.0/0",
                vec!["0.0.0.0", "255.255.255.255"],
                vec!["::", "::ffff:10.0.0.1"],
            ),
            (
                "fd12::/48",
                vec!["fd12::1", "fd12:0:0:ffff::1"],
                vec!["fd12:0:1::", "fd11::1"],
            ),
            ("::/0", vec!["::", "ffff::1"], vec!["10.0.0.1"]),
            ("::ffff:10.0.0.0/104", vec!["::ffff:10.0.0.1"], vec!["10.0.0.1"]),
        ] {
            for address in inside {
                assert!(
                    block(text).contains(address.parse().expect("an address")),
                    "{text} {address}"
                );
            }
            for address in outside {
                assert!(
                    !block(text).contains(address.parse().expect("an address")),
                    "{text} {address}"
                );
            }
        }
    }

    #[test]
    fn a_text_that_is_no_block_is_told_what_is_right() {
        let form = |text: &str| format!("{text:?} is not a block of addresses, such as 10.20.0.0/16 or fd12::/48");
        for text in [
            "",
            "10.0.0.1",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "/8",
            "fd12::/129",
            "lab/8",
            "10.0/8",
            "010.0.0.0/8",
            "[fd12::]/48",
            "fe80::%1/64",
            "10.0.0.0/255.0.0.0",
        ] {
            assert_eq!(Block::parse(text).expect_err(text).to_string(), form(text));
        }
        for (text, right) in [
            ("10.20.0.1/16", "10.20.0.0/16"),
            ("fd12::1/48", "fd12::/48"),
            ("1.2.3.4/0", "0.0.0.0/0"),
        ] {
            let told = Block::parse(text).expect_err(text).to_string();
            assert_eq!(told, format!("{text} is an address in a block: write {right}"));
            assert_eq!(block(right).to_string(), right);
        }
    }

    #[test]
    fn blocks_lie_in_each_other_or_apart() {
        for (one, other, lies_in, overlaps) in [
            ("10.20.0.0/16", "10.0.0.0/8", true, true),
            ("10.0.0.0/8", "10.20.0.0/16", false, true),
            ("10.0.0.0/8", "10.0.0.0/8", true, true),
            ("10.0.0.0/8", "11.0.0.0/8", false, false),
            ("::/0", "10.0.0.0/8", false, false),
            ("10.0.0.0/8", "::/0", false, false),
        ] {
            let (one, other) = (block(one), block(other));
            assert_eq!(
                (one.lies_in(&other), one.overlaps(&other)),
                (lies_in, overlaps),
                "{one} {other}"
            );
        }
    }
}
