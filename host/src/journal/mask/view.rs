//! A text with an encoding undone, so that a value is found however it was spelled.
//!
//! Undoing what was sent covers every encoder: those that escape more than they must, those that write `%2f` for `%2F`,
//! and those that write a space as `+`.

use std::ops::Range;

/// Decoded bytes, and where in the text each of them came from.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// One more than there are bytes: where each begins, and where the last one ends.
    starts: Vec<usize>,
}

/// A way to write a text inside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// RFC 3986.
    Percent,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// The inside of a JSON string; also what most languages print for debugging.
    Json,
    /// XML and HTML.
    Xml,
}

const ENCODINGS: [Encoding; 4] = [Encoding::Percent, Encoding::Form, Encoding::Json, Encoding::Xml];

/// What one escape sequence stands for: at most four bytes of UTF-8, and its own length.
struct Escape {
    stands_for: [u8; 4],
    length: usize,
    consumed: usize,
}

/// Shows every way to read the text that differs from the text itself: one encoding undone, or one within another, as in
/// JSON inside a form. Two of them are in memory at a time, each at nine bytes for one of the text.
pub(super) fn each(text: &[u8], mut show: impl FnMut(&View)) {
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+' | b'\\' | b'&')) {
        return;
    }
    for outer in ENCODINGS {
        let Some(outer) = outer.undo(text) else { continue };
        show(&outer);
        for inner in ENCODINGS {
            if let Some(inner) = inner.undo(&outer.bytes) {
                show(&inner.within(&outer));
            }
        }
    }
}

/// The text of a JSON string between its quotes, or of a name in a form, decoded.
pub(super) fn decoded(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    each(text.as_bytes(), |view| {
        all.extend(str::from_utf8(&view.bytes).ok().map(str::to_owned));
    });
    all
}

impl View {
    /// Where in the text a range of the decoded bytes came from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        self.starts[range.start]..self.starts[range.end]
    }

    fn within(mut self, outer: &Self) -> Self {
        self.starts.iter_mut().for_each(|start| *start = outer.starts[*start]);
        self
    }
}

impl Encoding {
    /// `None` where there is nothing to undo.
    fn undo(self, text: &[u8]) -> Option<View> {
        if self == Self::Form && !text.contains(&b'+') {
            // It is the same as percent-encoding.
            return None;
        }
        let first = (0..text.len()).find(|at| self.marks(text[*at]) && self.escape(&text[*at..]).is_some())?;
        let mut view = View {
            bytes: text[..first].to_vec(),
            starts: (0..first).collect(),
        };
        let mut at = first;
        while at < text.len() {
            let escape = if self.marks(text[at]) {
                self.escape(&text[at..])
            } else {
                None
            };
            let escape = escape.unwrap_or(Escape {
                stands_for: [text[at], 0, 0, 0],
                length: 1,
                consumed: 1,
            });
            view.bytes.extend(&escape.stands_for[..escape.length]);
            view.starts.extend(std::iter::repeat_n(at, escape.length));
            at += escape.consumed;
        }
        view.starts.push(text.len());
        Some(view)
    }

    /// Whether an escape sequence can begin with this byte.
    fn marks(self, byte: u8) -> bool {
        match self {
            Self::Percent => byte == b'%',
            Self::Form => byte == b'+' || byte == b'%',
            Self::Json => byte == b'\\',
            Self::Xml => byte == b'&',
        }
    }

    fn escape(self, rest: &[u8]) -> Option<Escape> {
        match self {
            Self::Form if rest[0] == b'+' => Escape::of(' ', 1),
            Self::Percent | Self::Form => {
                let byte = hex(rest.get(1..3)?)?;
                Some(Escape {
                    stands_for: [u8::try_from(byte).ok()?, 0, 0, 0],
                    length: 1,
                    consumed: 3,
                })
            }
            Self::Json => json_escape(rest),
            Self::Xml => xml_escape(rest),
        }
    }
}

impl Escape {
    fn of(character: char, consumed: usize) -> Option<Self> {
        let mut stands_for = [0; 4];
        let length = character.encode_utf8(&mut stands_for).len();
        Some(Self {
            stands_for,
            length,
            consumed,
        })
    }
}

fn json_escape(rest: &[u8]) -> Option<Escape> {
    let plain = match rest.get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return unicode_escape(rest),
        other @ (b'"' | b'\'' | b'\\' | b'/') => char::from(*other),
        _ => return None,
    };
    Escape::of(plain, 2)
}

/// `\u00e9`, `\ud83d\ude00`, or Rust's `\u{e9}`.
fn unicode_escape(rest: &[u8]) -> Option<Escape> {
    if rest.get(2) == Some(&b'{') {
        let digits = rest[3..].iter().take(7).position(|byte| *byte == b'}')?;
        return Escape::of(char::from_u32(hex(&rest[3..3 + digits])?)?, digits + 4);
    }
    let unit = hex(rest.get(2..6)?)?;
    if let Some(character) = char::from_u32(unit) {
        return Escape::of(character, 6);
    }
    let low = rest
        .get(6..8)
        .filter(|mark| *mark == b"\\u")
        .and_then(|_| hex(rest.get(8..12)?))?;
    let (high, low) = (u16::try_from(unit).ok()?, u16::try_from(low).ok()?);
    let character = char::decode_utf16([high, low]).next()?.ok()?;
    Escape::of(character, 12)
}

fn xml_escape(rest: &[u8]) -> Option<Escape> {
    // The longest that stands for one character, with some leading zeros.
    let end = rest.iter().take(16).position(|byte| *byte == b';')?;
    let character = match &rest[1..end] {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(hex(digits)?)?,
        [b'#', digits @ ..] => char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        _ => return None,
    };
    Escape::of(character, end + 1)
}

fn hex(digits: &[u8]) -> Option<u32> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        each(text.as_bytes(), |view| all.push(view.bytes.clone()));
        all
    }

    #[test]
    fn every_spelling_of_a_text_has_a_view_that_shows_it() {
        let rows = [
            ("a%2Fb%2fb", "a/b/b"),
            ("%41%42", "AB"),
            ("a+b%26", "a b&"),
            (r"a\/b\u00e9\ud83d\ude00", "a/bé😀"),
            (r#"say \"x\"\n"#, "say \"x\"\n"),
            (r"\u{1f600}", "😀"),
            ("a&amp;b&#233;&#xE9;", "a&béé"),
            ("%7B%22pin%22%3A%22a%5C%22b%22%7D", r#"{"pin":"a"b"}"#),
            (r#"{\"a\":\"x\\\"y\"}"#, r#"{"a":"x"y"}"#),
        ];
        for (text, expected) in rows {
            let shown = decoded(text).iter().any(|view| view == expected.as_bytes());
            assert!(shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [
            "plain",
            "100%",
            "%zz",
            r"\x \u12 \ud800",
            "a & b; &nope; &#xffffffff;",
            "%+1",
        ] {
            for view in decoded(text) {
                assert_eq!(
                    String::from_utf8_lossy(&view).replace(' ', "+"),
                    text.replace(' ', "+"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_range_leads_back_to_its_source() {
        let text = "x=%7B%22é%5C%22";
        let mut found = 0;
        each(text.as_bytes(), |view| {
            if view.bytes == "x={\"é\"".as_bytes() {
                assert_eq!(&text[view.source(2..3)], "%7B");
                assert_eq!(&text[view.source(4..7)], "é%5C%22");
                assert_eq!(view.source(7..7), text.len()..text.len());
                found += 1;
            }
        });
        assert_eq!(found, 1, "JSON in percent-encoding");
    }
}
