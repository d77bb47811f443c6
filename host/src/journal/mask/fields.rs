//! Fields that hold secrets by their name, in whatever text they turn up: JSON, forms, queries, XML, a log line.
//!
//! The text need not be whole or valid, so it is scanned and not parsed, and in a time that grows with its length: no
//! part that was found to be secret is looked into again.

use std::ops::Range;

use super::view;

/// Names of secret fields, without case, `_`, `-` and spaces. Kept in order.
const SECRET_FIELDS: [&str; 22] = [
    "accesstoken",
    "apiauth",
    "apikey",
    "apipassword",
    "apisecret",
    "authorization",
    "clientassertion",
    "clientsecret",
    "dl",
    "idtoken",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "pin",
    "privatekey",
    "proxyauthorization",
    "pwd",
    "refreshtoken",
    "secret",
    "sessiontoken",
    "ssn",
];

/// Headers whose values are secret, in lower case. Kept in order.
const SECRET_HEADERS: [&str; 10] = [
    "api-key",
    "apikey",
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-access-token",
    "x-api-key",
    "x-auth-token",
    "x-session-token",
];

/// Longest name that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// Whether a field of this name holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && SECRET_FIELDS
            .binary_search_by(|field| field.bytes().cmp(bare(name)))
            .is_ok()
}

/// A name as it is listed.
fn bare(name: &str) -> impl DoubleEndedIterator<Item = u8> {
    name.bytes()
        .filter(|byte| !matches!(byte, b'_' | b'-' | b' '))
        .map(|byte| byte.to_ascii_lowercase())
}

/// Whether a header of this name holds a secret.
pub(super) fn is_secret_header(name: &str) -> bool {
    let lower = || name.bytes().map(|byte| byte.to_ascii_lowercase());
    SECRET_HEADERS
        .binary_search_by(|header| header.bytes().cmp(lower()))
        .is_ok()
}

/// Whether the name of a field, as it stands in a text, has a part that names a secret, as `Customer[password]` does.
fn names_secret(name: &str) -> bool {
    let secret = |name: &str| name.split(['[', ']', '.', ':', '@']).any(is_secret);
    name.len() <= NAME_BYTES_MAX
        && (secret(name) || name.contains(['%', '\\', '&']) && view::decoded(name).iter().any(|name| secret(name)))
}

/// Where the values of secret fields are in this text.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // Most texts of a request are words and numbers.
    if !text.bytes().any(|byte| matches!(byte, b':' | b'=' | b'<')) {
        return found;
    }
    in_json(text, &mut found);
    in_assignments(text, &mut found);
    in_xml(text, &mut found);
    in_url(text, &mut found);
    found
}

/// `"name": value`. The quotes may be escaped, as in JSON inside JSON.
fn in_json(text: &str, found: &mut Vec<Range<usize>>) {
    let mut seen = 0;
    for (colon, _) in text.match_indices(':') {
        if colon < seen {
            continue;
        }
        let before = text[..colon].trim_end();
        let Some(before) = before.strip_suffix('"') else {
            continue;
        };
        let escape = escapes(before);
        let before = &before[..before.len() - escape.len()];
        let Some(open) = before.rfind('"') else { continue };
        if !names_secret(&before[open + 1..]) {
            continue;
        }
        let value = colon + 1 + (text[colon + 1..].len() - text[colon + 1..].trim_start().len());
        let quote = format!("{escape}\"");
        let range = match text.as_bytes().get(value) {
            Some(b'{' | b'[') => value..nested_end(text.as_bytes(), value),
            _ if text[value..].starts_with(&quote) => {
                let start = value + quote.len();
                start..string_end(text, start, escape)
            }
            _ => value..bare_end(text, value),
        };
        seen = range.end;
        if !matches!(&text[range.clone()], "" | "null") {
            found.push(range);
        }
    }
}

/// The backslashes at the end of a text.
fn escapes(text: &str) -> &str {
    &text[text.trim_end_matches('\\').len()..]
}

/// Where the string ends that began before `start`, in JSON that is itself escaped with `escape`; the end of the text if
/// it does not.
fn string_end(text: &str, start: usize, escape: &str) -> usize {
    for (quote, _) in text[start..].match_indices('"') {
        let quote = start + quote;
        // A quote inside of the string has more backslashes before it than those around the string.
        let before = escapes(&text[start..quote]).len();
        let within = match escape.len() {
            0 => before % 2 == 1,
            depth => before > depth,
        };
        if !within {
            return quote - before.min(escape.len());
        }
    }
    text.len()
}

/// Where the object or list ends that begins at `start`; the end of the text if it does not.
fn nested_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut quoted, mut at) = (0_usize, false, start);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

fn bare_end(text: &str, start: usize) -> usize {
    let end = text[start..].find([',', '}', ']', ' ', '\n', '\r', '\t', '\\']);
    end.map_or(text.len(), |end| start + end)
}

/// `name=value`, as in a form, a query, an XML attribute, or a line of a log.
fn in_assignments(text: &str, found: &mut Vec<Range<usize>>) {
    let mut seen = 0;
    for (equals, _) in text.match_indices('=') {
        if equals < seen {
            continue;
        }
        let before = text[..equals].trim_end_matches(' ');
        let name = before.rfind(|c: char| !(c.is_alphanumeric() || "_-.[]%@:".contains(c)));
        let name = name.map_or(before, |end| &before[end..]);
        if !names_secret(name.trim_start_matches(|c: char| !(c.is_alphanumeric() || c == '%'))) {
            continue;
        }
        let mut rest = &text[equals + 1..];
        if before.len() < equals {
            rest = rest.trim_start_matches(' ');
        }
        let value = text.len() - rest.len();
        let range = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let end = rest[1..].find(quote).map_or(text.len(), |end| value + 1 + end);
                value + 1..end
            }
            _ => {
                // A scheme stands before the credentials of an authorization.
                let spaced = bare(name).rev().take(13).eq("authorization".bytes().rev());
                let ends = |c: char| c == ' ' && !spaced || "&\n\r\t\"'<#".contains(c);
                let end = rest.find(ends);
                value..end.map_or(text.len(), |end| value + end)
            }
        };
        seen = range.end;
        if !range.is_empty() {
            found.push(range);
        }
    }
}

/// `<name>value</name>`, with or without a prefix and attributes.
fn in_xml(text: &str, found: &mut Vec<Range<usize>>) {
    let mut seen = 0;
    for (open, _) in text.match_indices('<') {
        if open < seen {
            continue;
        }
        let rest = &text[open + 1..];
        let name = rest.find(|c: char| !(c.is_alphanumeric() || "_-.:".contains(c)));
        let name = &rest[..name.unwrap_or(rest.len())];
        if name.is_empty() || !names_secret(name) {
            continue;
        }
        let Some(close) = rest.find('>') else { break };
        let value = open + 1 + close + 1;
        if rest[..close].ends_with('/') {
            // A tag that began in this one ends with it, and has no value either.
            seen = value;
            continue;
        }
        let end = text[value..]
            .find(&format!("</{name}"))
            .map_or(text.len(), |end| value + end);
        seen = end;
        if value < end {
            found.push(value..end);
        }
    }
}

/// `//user:password@host`.
fn in_url(text: &str, found: &mut Vec<Range<usize>>) {
    for (start, _) in text.match_indices("://") {
        let start = start + 3;
        let end = text[start..]
            .find(['/', '?', '#', ' ', '"', '<'])
            .unwrap_or(text.len() - start);
        if let Some(at) = text[start..start + end].rfind('@').filter(|at| *at > 0) {
            found.push(start..start + at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::mask::pace::assert_linear;

    #[test]
    fn the_lists_are_in_order() {
        assert!(SECRET_FIELDS.is_sorted());
        assert!(SECRET_HEADERS.is_sorted());
    }

    #[test]
    fn secret_fields_are_found_in_every_form() {
        let rows: [(&str, &[&str]); 28] = [
            (r#"{"access_token":"abc","expires_in":3600}"#, &["abc"]),
            (r#"{"Password" : "a\"b" , "x":1}"#, &[r#"a\"b"#]),
            (r#"{"pin":1234,"ssn": null,"pwd":""}"#, &["1234"]),
            (
                r#"{"client_secret":{"v":"}","w":["x"]},"y":1}"#,
                &[r#"{"v":"}","w":["x"]}"#],
            ),
            (r#"{"pa\u0073sword":"x"}"#, &["x"]),
            (r#"{"id_token":"cut off he"#, &["cut off he"]),
            (r#"{"id_token":"cut off \"#, &[r"cut off \"]),
            (r#""{\"refresh_token\":\"abc\",\"a\":\"b\"}""#, &["abc"]),
            (r#""{\"password\":\"a\\\"b\"}""#, &[r#"a\\\"b"#]),
            ("grant_type=x&client_secret=s%20t&a=b", &["s%20t"]),
            ("Customer[password]=x&Customer%5BSSN%5D=y", &["x", "y"]),
            ("https://a.example/x?api-key=k#top", &["k"]),
            ("https://user:pass@a.example/x", &["user:pass"]),
            (
                "<soap><ns:Password type=\"t\">p&amp;w</ns:Password></soap>",
                &["p&amp;w"],
            ),
            ("<PIN><![CDATA[12]]></PIN><pin/>", &["<![CDATA[12]]>"]),
            ("<login pin=\"12\" user='u'/>", &["12"]),
            ("connecting with password=hunter2 now", &["hunter2"]),
            ("password = 'two words'", &["two words"]),
            ("authorization=Bearer abc\nnext", &["Bearer abc"]),
            ("Proxy-Authorization = Basic abc", &["Basic abc"]),
            (r#"{"Authorization":"Basic abc"}"#, &["Basic abc"]),
            ("<pin <pin/><PIN>12</PIN>", &["12"]),
            ("pin=\nnext", &[]),
            ("a=b&mapping=pin&spin=1&opinion=2", &[]),
            (r#"{"spinning":"x","note":"pin"}"#, &[]),
            ("<pinning>x</pinning>", &[]),
            ("https://a.example/@me", &[]),
            ("", &[]),
        ];
        for (text, expected) in rows {
            let found: Vec<_> = find(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_hostile_text_takes_no_longer_than_another() {
        for (piece, end) in [
            (r#""pin":["#, ""),
            ("<pin>", ""),
            ("<pin", ""),
            ("<pin ", "/>"),
            ("<pin ", ">"),
            ("<a ", "/>"),
            ("pin=", ""),
            ("pin='", ""),
            ("://@", ""),
            ("://a:b@c ", ""),
            ("\":\"", ""),
            ("\"pin\" : ", ""),
            ("%25", ""),
            ("\\\"pin\\\":", ""),
        ] {
            assert_linear(32 << 10, |bytes| {
                let text = piece.repeat(bytes / piece.len()) + end;
                move || drop(find(&text))
            });
        }
    }
}
