//! A module's log lines, bounded and made safe to print.

use std::borrow::Cow;
use std::fmt::Write;

use super::mask::Masker;

/// Longest line, in bytes; the rest of it is cut off.
const LINE_BYTES_MAX: usize = 8 << 10;

/// What each line counts besides its text, in bytes, so that empty lines come to an end as well.
const LINE_BYTES_EXTRA: usize = 32;

/// What a cut text ends with.
pub(super) const CUT: &str = "… (cut)";

/// Counts the lines of one call.
#[derive(Debug)]
pub(super) struct Lines {
    left: usize,
    bytes: u64,
    dropped: u64,
}

impl Lines {
    /// Takes lines until `limit` bytes are kept.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            left: usize::try_from(limit).unwrap_or(usize::MAX),
            bytes: 0,
            dropped: 0,
        }
    }

    /// The line as it is kept, or `None` when it is dropped. A dropped line costs no more than being counted.
    pub(super) fn take(&mut self, masker: &mut Masker, message: &str) -> Option<String> {
        self.bytes = self.bytes.saturating_add(message.len() as u64);
        if self.left <= LINE_BYTES_EXTRA {
            self.dropped += 1;
            return None;
        }
        let masked = masker.cut(message, LINE_BYTES_MAX);
        let mut line = escaped(&masked).into_owned();
        let most = LINE_BYTES_MAX.min(self.left - LINE_BYTES_EXTRA);
        if line.len() > most || message.len() > LINE_BYTES_MAX {
            line.truncate(line.floor_char_boundary(most));
            line.push_str(CUT);
        }
        self.left -= (line.len() + LINE_BYTES_EXTRA).min(self.left);
        Some(line)
    }

    /// Bytes of all lines, kept and dropped.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lines that were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The text with everything escaped that a terminal or a browser could take for more than a character.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if steers(character) => {
                // Writing to a text does not fail.
                let _ = write!(line, "\\u{{{:x}}}", u32::from(character));
            }
            _ => line.push(character),
        }
    }
    Cow::Owned(line)
}

/// Control characters, line and paragraph separators, and those that turn the direction of text.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_break_out_or_paint() {
        let rows = [
            ("plain ünïcode 😀", "plain ünïcode 😀"),
            ("a\nb\r\nc\td", "a\\nb\\r\\nc\\td"),
            ("\u{1b}[31mred\u{7}\0", "\\u{1b}[31mred\\u{7}\\u{0}"),
            ("\u{9b}31m\u{2028}\u{202e}x", "\\u{9b}31m\\u{2028}\\u{202e}x"),
        ];
        for (line, expected) in rows {
            assert_eq!(
                Lines::new(1_000).take(&mut Masker::default(), line).as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn lines_past_the_limit_are_counted_and_dropped() {
        let mut lines = Lines::new(100);
        let mut masker = Masker::default();
        assert_eq!(lines.take(&mut masker, "0123456789").as_deref(), Some("0123456789"));
        let cut = lines
            .take(&mut masker, &"x".repeat(50))
            .expect("there is room for a part");
        assert_eq!(cut, format!("{}{CUT}", "x".repeat(26)));
        for _ in 0..3 {
            assert_eq!(lines.take(&mut masker, "more"), None);
        }
        assert_eq!((lines.bytes(), lines.dropped()), (72, 3));
    }

    #[test]
    fn a_flood_is_bounded_however_it_comes() {
        for line in ["", "x", "\u{1b}", &"\u{1b}".repeat(100_000)] {
            let mut lines = Lines::new(64 << 10);
            let kept: Vec<_> = (0..10_000)
                .filter_map(|_| lines.take(&mut Masker::default(), line))
                .collect();
            assert!(kept.iter().map(|line| line.len() + LINE_BYTES_EXTRA).sum::<usize>() <= (64 << 10) + 2 * CUT.len());
            assert!(lines.dropped() > 0);
            assert_eq!(lines.bytes(), 10_000 * line.len() as u64);
        }
    }
}
