//! Paths of requests and the templates that grants match them with. Pure.
//!
//! A path is compared in one spelling. What a carrier's server could read in a second way, so that it sees another path than
//! the one that was judged, is not a path at all here: dot segments, empty segments, and encoded slashes, backslashes, dots,
//! percent signs and control characters.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Why a text is no path that can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// `*`, `http://…`, or nothing.
    #[error("the path must begin with \"/\"")]
    NotRooted,
    /// A character that RFC 3986 has no place for in a path.
    #[error("the path has {0:?} in it, which must be percent-encoded")]
    Unencoded(char),
    /// `%`, `%z`, `%4`.
    #[error("the path has a % that is not followed by two hexadecimal digits")]
    BadEscape,
    /// An encoded character that some servers take for a separator.
    #[error("the path has an encoded {0} in it, which servers read in different ways")]
    Ambiguous(&'static str),
    /// Encoded bytes that are no text, such as an overlong encoding of a slash.
    #[error("the path has encoded bytes in it that are not UTF-8")]
    NotText,
    /// `//`, also as `/;x/`.
    #[error("the path has an empty segment in it")]
    EmptySegment,
    /// `.` or `..`, also as `..;x`.
    #[error("the path has a \".\" or \"..\" segment in it: write the path that is meant")]
    DotSegment,
}

/// The one spelling of a path: characters that need no encoding are decoded, other encodings are in upper case.
///
/// # Errors
/// When there is more than one way to read it.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if !path.starts_with('/') {
        return Err(BadPath::NotRooted);
    }
    let path = if path.contains('%') {
        Cow::Owned(respell(path)?)
    } else {
        Cow::Borrowed(path)
    };
    if let Some(bad) = path.chars().find(|character| !is_path_character(*character)) {
        return Err(BadPath::Unencoded(bad));
    }
    let meant = percent_decode_str(&path).decode_utf8().map_err(|_| BadPath::NotText)?;
    // Also those beyond ASCII: U+0085 ends a line for some servers.
    if meant.contains(char::is_control) {
        return Err(BadPath::Ambiguous("control character"));
    }
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // Some servers cut a segment at its first semicolon, and judge what is left.
        let stem = segment.split(';').next().unwrap_or_default();
        let stem = stem.split("%3B").next().unwrap_or_default();
        match stem {
            "." | ".." => return Err(BadPath::DotSegment),
            "" if !segment.is_empty() || segments.peek().is_some() => return Err(BadPath::EmptySegment),
            _ => {}
        }
    }
    Ok(path)
}

fn respell(path: &str) -> Result<String, BadPath> {
    let mut spelled = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, escape)) = rest.split_once('%') {
        spelled.push_str(before);
        let byte = escape
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or(BadPath::BadEscape)?;
        match byte {
            b'/' => return Err(BadPath::Ambiguous("slash")),
            b'\\' => return Err(BadPath::Ambiguous("backslash")),
            b'.' => return Err(BadPath::Ambiguous("dot")),
            b'%' => return Err(BadPath::Ambiguous("percent sign")),
            b'-' | b'_' | b'~' => spelled.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => spelled.push(char::from(byte)),
            _ => spelled.push_str(&format!("%{byte:02X}")),
        }
        rest = &escape[2..];
    }
    spelled.push_str(rest);
    Ok(spelled)
}

/// RFC 3986 `pchar`, the slash between segments, and the percent sign of an encoding that has been checked.
fn is_path_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/%".contains(character)
}

/// Why a text is no path template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// One of its literal parts could not be in a path.
    #[error(transparent)]
    Path(#[from] BadPath),
    /// A brace that is not a whole segment `{name}`.
    #[error("{0:?} must be a whole segment of the form {{name}}, with a name of letters, digits, \"-\" and \"_\"")]
    Braces(String),
    /// A star that is not in a final `/**`.
    #[error(
        "{0:?} may not have a star in it: write {{name}} for any one segment, or end the path with /** for any rest"
    )]
    Star(String),
    /// `?` or `#`.
    #[error("a path ends before its query: leave {0:?} and what follows out")]
    Query(char),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Any,
}

/// A path template, ready to be matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
    /// It ends with `/**`.
    rest: bool,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        if let Some(mark) = text.chars().find(|character| matches!(character, '?' | '#')) {
            return Err(BadTemplate::Query(mark));
        }
        let (fixed, rest) = match text.strip_suffix("/**") {
            Some(fixed) => (fixed, true),
            None => (text, false),
        };
        if fixed.is_empty() && rest {
            return Ok(Self {
                segments: Vec::new(),
                rest,
            });
        }
        // With the wildcards made plain, what is left must be a path by itself.
        let mut plain = String::with_capacity(fixed.len());
        let mut any = Vec::new();
        for (index, segment) in fixed.split('/').enumerate() {
            if index > 0 {
                plain.push('/');
            }
            any.push(wildcard(segment)?);
            plain.push_str(if any[index] { "x" } else { segment });
        }
        let plain = normalise(&plain)?;
        if rest && plain.ends_with('/') {
            return Err(BadPath::EmptySegment.into());
        }
        let segments = plain
            .split('/')
            .zip(any)
            .skip(1)
            .map(|(literal, any)| match any {
                true => Segment::Any,
                false => Segment::Literal(literal.to_owned()),
            })
            .collect();
        Ok(Self { segments, rest })
    }

    /// Whether a path, in its one spelling, matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut given = path.split('/').skip(1);
        for segment in &self.segments {
            let fits = match (segment, given.next()) {
                (Segment::Literal(literal), Some(given)) => literal == given,
                (Segment::Any, Some(given)) => !given.is_empty(),
                (_, None) => false,
            };
            if !fits {
                return false;
            }
        }
        given.next().is_some() == self.rest
    }
}

/// Whether a template's segment is `{name}`.
fn wildcard(segment: &str) -> Result<bool, BadTemplate> {
    if segment.contains('*') {
        return Err(BadTemplate::Star(segment.to_owned()));
    }
    if !segment.contains(['{', '}']) {
        return Ok(false);
    }
    let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match name {
        Some(name) if is_name(name) => Ok(true),
        _ => Err(BadTemplate::Braces(segment.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_has_one_spelling() {
        for (given, expected) in [
            ("/", "/"),
            ("/v1/lines", "/v1/lines"),
            ("/v1/lines/", "/v1/lines/"),
            ("/%76%31/%6Cines", "/v1/lines"),
            ("/a%7eb%2Dc%5fd", "/a~b-c_d"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a%20b%3bc", "/a%20b%3Bc"),
            ("/odata/Lines('x')", "/odata/Lines('x')"),
            ("/v1.2/...", "/v1.2/..."),
        ] {
            assert_eq!(normalise(given).as_deref(), Ok(expected), "{given}");
        }
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_none() {
        use BadPath::*;
        for (given, expected) in [
            ("", NotRooted),
            ("*", NotRooted),
            ("http://evil/", NotRooted),
            ("/a b", Unencoded(' ')),
            ("/a\\b", Unencoded('\\')),
            ("/{x}", Unencoded('{')),
            ("/é", Unencoded('é')),
            ("/a%", BadEscape),
            ("/a%4", BadEscape),
            ("/a%zz", BadEscape),
            ("/a%+1", BadEscape),
            ("/a%é", BadEscape),
            ("/a%2fb", Ambiguous("slash")),
            ("/a%5Cb", Ambiguous("backslash")),
            ("/%2e%2e/b", Ambiguous("dot")),
            ("/.%2E/b", Ambiguous("dot")),
            ("/%252e%252e/b", Ambiguous("percent sign")),
            ("/a%00", Ambiguous("control character")),
            ("/a%0d%0ab", Ambiguous("control character")),
            ("/a%c2%85b", Ambiguous("control character")),
            ("/%c0%ae%c0%ae/b", NotText),
            ("//evil.example/x", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a/;x/b", EmptySegment),
            ("/a/;x", EmptySegment),
            ("/.", DotSegment),
            ("/a/./b", DotSegment),
            ("/a/../b", DotSegment),
            ("/a/..", DotSegment),
            ("/a/..;x/b", DotSegment),
            ("/a/..%3bx/b", DotSegment),
        ] {
            assert_eq!(normalise(given), Err(expected), "{given}");
        }
    }

    #[test]
    fn a_template_matches_whole_segments() {
        for (template, path, expected) in [
            ("/v1/lines", "/v1/lines", true),
            ("/v1/lines", "/v1/lines/", false),
            ("/v1/lines", "/v1/line", false),
            ("/v1/lines", "/v1/lines/1", false),
            ("/v1/lines", "/V1/lines", false),
            ("/v1/lines/", "/v1/lines/", true),
            ("/", "/", true),
            ("/", "/a", false),
            ("/v1/{id}", "/v1/2025550143", true),
            ("/v1/{id}", "/v1/", false),
            ("/v1/{id}", "/v1", false),
            ("/v1/{id}", "/v1/a/b", false),
            ("/v1/{id}/sim", "/v1/a/sim", true),
            ("/v1/**", "/v1/a/b/c", true),
            ("/v1/**", "/v1/", true),
            ("/v1/**", "/v1", false),
            ("/v1/**", "/v2/a", false),
            ("/v1/**", "/v11/a", false),
            ("/**", "/", true),
            ("/**", "/a/b", true),
            ("/{a}/**", "/x/y", true),
            ("/{a}/**", "/x", false),
            ("/%76%31", "/v1", true),
        ] {
            let parsed = Template::parse(template).expect(template);
            assert_eq!(parsed.matches(path), expected, "{template} against {path}");
        }
    }

    #[test]
    fn a_template_that_is_wrong_is_told_what_is_right() {
        for (template, expected) in [
            ("v1/lines", "the path must begin with \"/\""),
            ("", "the path must begin with \"/\""),
            (
                "/v1/../x",
                "the path has a \".\" or \"..\" segment in it: write the path that is meant",
            ),
            ("/v1//**", "the path has an empty segment in it"),
            (
                "/v1/*",
                "\"*\" may not have a star in it: write {name} for any one segment, or end the path with /** for any rest",
            ),
            (
                "/**/x",
                "\"**\" may not have a star in it: write {name} for any one segment, or end the path with /** for any rest",
            ),
            (
                "/a{b}",
                "\"a{b}\" must be a whole segment of the form {name}, with a name of letters, digits, \"-\" and \"_\"",
            ),
            (
                "/{}",
                "\"{}\" must be a whole segment of the form {name}, with a name of letters, digits, \"-\" and \"_\"",
            ),
            (
                "/v1?x=1",
                "a path ends before its query: leave '?' and what follows out",
            ),
        ] {
            let error = Template::parse(template).expect_err(template);
            assert_eq!(error.to_string(), expected, "{template}");
        }
    }

    proptest! {
        #[test]
        fn the_one_spelling_is_its_own_spelling(path in "/[a-z0-9%./;{}A-F-]{0,24}") {
            if let Ok(once) = normalise(&path) {
                prop_assert_eq!(normalise(&once), Ok(Cow::Borrowed(once.as_ref())));
                prop_assert!(!once.split('/').any(|segment| segment == ".." || segment == "."));
            }
        }

        #[test]
        fn no_path_escapes_the_prefix_that_it_was_granted(path in "/v1/[a-z%./;25eEfF]{0,24}") {
            let template = Template::parse("/v1/**").expect("a template");
            if let Ok(path) = normalise(&path) && template.matches(&path) {
                // What a server does that decodes twice, turns backslashes round and resolves dots.
                let twice = percent_decode_str(&path).decode_utf8_lossy().into_owned();
                let twice = percent_decode_str(&twice).decode_utf8_lossy().replace('\\', "/");
                prop_assert!(!twice.split('/').any(|segment| matches!(segment.split(';').next(), Some("."|".."))));
            }
        }
    }
}
