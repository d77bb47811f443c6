//! Placeholders for secrets: they say which secret was placed where, so they stay visible where a field is masked.

use std::ops::Range;

use crate::domain::name::SecretName;

const CLOSE: &str = "}}";

/// `{{basic:USER:PASSWORD}}` with the longest names, and some more.
const BYTES_MAX: usize = 160;

/// The parts of a range that are not placeholders. Each opening is looked at for no more than a placeholder's length.
pub(super) fn around(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    let mut from = range.start;
    while let Some(open) = text[from..range.end].find("{{").map(|at| from + at) {
        from = open + 1;
        if let Some(length) = length(&text[open..range.end]) {
            parts.push(start..open);
            start = open + length;
            from = start;
        }
    }
    parts.push(start..range.end);
    parts.retain(|part| !text[part.clone()].trim().is_empty());
    parts
}

/// Length of the placeholder that this text begins with.
fn length(text: &str) -> Option<usize> {
    let seen = &text[..text.floor_char_boundary(BYTES_MAX)];
    let end = seen.find(CLOSE)?;
    let inside = &seen["{{".len()..end];
    let is_name = |name: &str| SecretName::parse(name).is_ok();
    let is_placeholder = match inside.split_once(':')? {
        ("secret", name) => is_name(name),
        ("basic", names) => names
            .split_once(':')
            .is_some_and(|(user, password)| is_name(user) && is_name(password)),
        _ => false,
    };
    is_placeholder.then_some(end + CLOSE.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::mask::pace::assert_linear;

    #[test]
    fn what_is_around_placeholders_is_found() {
        let rows: [(&str, &[&str]); 9] = [
            ("plain", &["plain"]),
            ("{{secret:a}}", &[]),
            ("x {{secret:a.b}} y", &["x ", " y"]),
            ("Basic {{basic:user:pass}}", &["Basic "]),
            ("{{basic:user}}", &["{{basic:user}}"]),
            ("{{basic:a:b:c}}", &["{{basic:a:b:c}}"]),
            ("{{secret:not a name}}", &["{{secret:not a name}}"]),
            ("{{{secret:a}}{{secret:", &["{", "{{secret:"]),
            ("{{other:a}}", &["{{other:a}}"]),
        ];
        for (text, expected) in rows {
            let parts: Vec<_> = around(text, 0..text.len())
                .into_iter()
                .map(|part| &text[part])
                .collect();
            assert_eq!(parts, expected, "{text}");
        }
    }

    #[test]
    fn the_longest_names_are_read() {
        let name = "n".repeat(64);
        let text = format!("{{{{basic:{name}:{name}}}}}");
        assert!(around(&text, 0..text.len()).is_empty());
    }

    #[test]
    fn openings_without_an_end_take_no_longer() {
        assert_linear(64 << 10, |bytes| {
            let text = format!("{}}}}}", "{{secret:".repeat(bytes / 9));
            move || drop(around(&text, 0..text.len()))
        });
    }
}
