//! Paths and their templates.

use std::borrow::Cow;

use patchbay::egress::path::{Template, normalise};
use percent_encoding::percent_decode_str;

/// The bytes as a path, and after a line break a template.
///
/// A path that is accepted means one thing, also to a server that decodes it, decodes it twice, or cuts parameters off:
/// there is nothing in it that leads elsewhere. Its spelling is as short as another's of the same path, and final. What a
/// template matches, it matches segment by segment.
pub fn path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, template) = text.split_once('\n').unwrap_or((&text, "/**"));
    let Ok(normal) = normalise(path) else { return };
    assert_eq!(
        normalise(&normal),
        Ok(Cow::Borrowed(&*normal)),
        "another spelling of {path:?}"
    );
    assert!(normal.len() <= path.len() && normal.is_ascii());
    assert_eq!(decode(path), decode(&normal), "another path than {path:?}");
    check_meaning(&normal);
    let Ok(template_of) = Template::parse(template) else {
        return;
    };
    let matches = template_of.matches(&normal);
    assert_eq!(matches, covers(template, &normal), "{template:?} and {normal:?}");
}

fn check_meaning(path: &str) {
    let once = decode(path);
    assert_eq!(
        decode(&once),
        once,
        "{path:?} means something else when it is decoded twice"
    );
    assert_eq!(
        once.matches('/').count(),
        path.matches('/').count(),
        "{path:?} has a hidden slash"
    );
    assert!(!once.contains('\\') && !once.contains(char::is_control), "{path:?}");
    let segments: Vec<&str> = once.split('/').skip(1).collect();
    for (index, segment) in segments.iter().enumerate() {
        let stem = segment.split(';').next().unwrap_or_default();
        assert!(!matches!(stem, "." | ".."), "{path:?} leads elsewhere");
        let last = index + 1 == segments.len();
        assert!(
            !stem.is_empty() || (last && segment.is_empty()),
            "{path:?} has an empty segment"
        );
    }
}

fn decode(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// Whether a template covers a path, by the rules as a tenant reads them: `{name}` for one segment that is not empty, `/**`
/// for whatever follows a slash, anything else for itself. Reserved characters are different from their encodings.
pub(crate) fn covers(template: &str, path: &str) -> bool {
    let (fixed, rest) = match template.strip_suffix("/**") {
        Some(fixed) => (fixed, true),
        None => (template, false),
    };
    let expected: Vec<&str> = fixed.split('/').skip(1).collect();
    let given: Vec<&str> = path.split('/').skip(1).collect();
    let long_enough = if rest {
        given.len() > expected.len()
    } else {
        given.len() == expected.len()
    };
    long_enough
        && expected
            .iter()
            .zip(given)
            .all(|(expected, given)| same(expected, given))
}

fn same(expected: &str, given: &str) -> bool {
    if expected.starts_with('{') {
        return !given.is_empty();
    }
    let reserved = |text: &str| -> Vec<char> { text.chars().filter(|c| "!$&'()*+,;=:@".contains(*c)).collect() };
    decode(expected) == decode(given) && reserved(expected) == reserved(given)
}
