//! A reply as the MODULE document that TeleCloud reads.
//!
//! A declaration, a newline, then one line. `SUCCESS` comes first, then `STATUS` or `ERROR`, then the VARs by number;
//! nothing follows the root element. How long a VAR may be was checked when the module answered. In texts, `&`, `<` and `>` are escaped, CR and LF become character references (so
//! that no parser joins or drops them, and the document stays one line), and what XML 1.0 cannot carry at all becomes
//! U+FFFD. Quote characters stay as they are.

use crate::domain::answer::Reply;

/// The `Content-Type` of every reply.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// Most characters of an `ERROR`. People read it on one screen; what is cut off is in the call record.
pub const ERROR_CHARS_MAX: usize = 1_000;

/// Stands in for an empty `ERROR`, which TeleCloud does not accept.
const NO_REASON: &str = "The module gave no reason";

/// Stands in for a character that XML 1.0 cannot carry, and marks where a text was cut.
const REPLACEMENT: char = '\u{FFFD}';
const CUT: char = '…';

/// The whole body, from `<` to `>`.
#[must_use]
pub fn encode(reply: &Reply) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MODULE>");
    match reply {
        Reply::Success { pending, vars } => {
            element(&mut out, "SUCCESS", "Y");
            if *pending {
                element(&mut out, "STATUS", "PENDING");
            }
            for (index, value) in vars.iter() {
                element(&mut out, &format!("VAR{index}"), value);
            }
        }
        Reply::Failure { error } => {
            element(&mut out, "SUCCESS", "N");
            if error.trim().is_empty() {
                element(&mut out, "ERROR", NO_REASON);
            } else if fits(error, ERROR_CHARS_MAX) {
                element(&mut out, "ERROR", error);
            } else {
                let kept = error.chars().take(ERROR_CHARS_MAX - 1).chain([CUT]);
                element(&mut out, "ERROR", &kept.collect::<String>());
            }
        }
    }
    out.push_str("</MODULE>");
    out
}

/// Looks no further than it has to: a value may be as large as a module's memory.
fn fits(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_none()
}

fn element(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str("&#10;"),
            _ if is_xml(character) => out.push(character),
            _ => out.push(REPLACEMENT),
        }
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// `Char` of XML 1.0.
fn is_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Vars;

    const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

    fn success(pending: bool, values: &[(u8, &str)]) -> Reply {
        let mut vars = Vars::default();
        for (index, value) in values {
            vars.set(*index, (*value).into()).expect("a VAR's number");
        }
        Reply::Success { pending, vars }
    }

    #[test]
    fn a_reply_is_a_declaration_and_one_line() {
        let rows = [
            (Reply::success(), "<MODULE><SUCCESS>Y</SUCCESS></MODULE>"),
            (
                success(true, &[(15, "SUBMITTED"), (3, "2025550143")]),
                "<MODULE><SUCCESS>Y</SUCCESS><STATUS>PENDING</STATUS><VAR3>2025550143</VAR3><VAR15>SUBMITTED</VAR15></MODULE>",
            ),
            (
                success(false, &[(1, ""), (20, "x")]),
                "<MODULE><SUCCESS>Y</SUCCESS><VAR20>x</VAR20></MODULE>",
            ),
            (
                Reply::failure("Plan <5GB> & \"Max\" can't mix"),
                "<MODULE><SUCCESS>N</SUCCESS><ERROR>Plan &lt;5GB&gt; &amp; \"Max\" can't mix</ERROR></MODULE>",
            ),
            (
                Reply::failure("a]]>b\r\nc\td"),
                "<MODULE><SUCCESS>N</SUCCESS><ERROR>a]]&gt;b&#13;&#10;c\td</ERROR></MODULE>",
            ),
            (
                Reply::failure("\0\u{8}\u{1F}\u{FFFE}\u{FFFF}\u{7F}😀"),
                "<MODULE><SUCCESS>N</SUCCESS><ERROR>\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{7F}😀</ERROR></MODULE>",
            ),
            (
                Reply::failure(" \n"),
                "<MODULE><SUCCESS>N</SUCCESS><ERROR>The module gave no reason</ERROR></MODULE>",
            ),
        ];
        for (reply, body) in rows {
            assert_eq!(encode(&reply), format!("{DECLARATION}{body}"));
        }
    }

    #[test]
    fn a_long_error_is_cut_and_says_so() {
        let exact = "é".repeat(ERROR_CHARS_MAX);
        assert!(encode(&Reply::failure(exact.as_str())).contains(&exact));
        let cut = format!("<ERROR>{}…</ERROR>", "é".repeat(ERROR_CHARS_MAX - 1));
        assert!(encode(&Reply::failure(format!("{exact}é"))).contains(&cut));
    }
}
