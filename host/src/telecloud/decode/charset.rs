//! Bytes as text: UTF-8, or else windows-1252, in which every byte means something.

use encoding_rs::WINDOWS_1252;

/// The text. What declares a character set is not asked: senders get it wrong more often than this guess does.
pub(in crate::telecloud) fn text(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}
