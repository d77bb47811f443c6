//! Forms: nothing that is sent in one gets lost.

use std::collections::BTreeMap;

use patchbay::telecloud::decode::DecodeError;
use percent_encoding::percent_decode;
use serde_json::Value;

use crate::decoded::{Leaves, may_be_opened, mentions_credentials, posted, tree};

/// The bytes as the body of a form.
///
/// Every value arrives, empty ones as such; a name that comes once and without brackets leads to its value, and so do
/// brackets that pair up. Only the limits can refuse a form.
pub fn form(data: &[u8]) {
    let received = posted("application/x-www-form-urlencoded", data);
    let body = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data).trim_ascii();
    if matches!(body.first(), Some(b'{' | b'[' | b'<')) {
        return;
    }
    let Some(pairs) = pairs(body) else { return };
    if pairs.len() > 2_000 {
        let refused = matches!(
            received,
            Err(DecodeError::TooManyFields { .. } | DecodeError::TooDeep { .. })
        );
        assert!(refused, "{} fields were read", pairs.len());
        return;
    }
    let changed = pairs.iter().any(|(name, value)| {
        may_be_opened(value) || mentions_credentials(name.as_bytes()) || mentions_credentials(value.as_bytes())
    });
    if changed {
        return;
    }
    match &received {
        Ok(received) => {
            if let Some(tree) = tree(received) {
                check(tree, &pairs);
            }
        }
        Err(DecodeError::TooManyFields { .. } | DecodeError::Malformed { .. } | DecodeError::NotPosted) => {
            assert_eq!(received.map(drop), Ok(()), "a form of {} fields", pairs.len());
        }
        Err(DecodeError::TooDeep { .. } | DecodeError::ObjectLost { .. } | DecodeError::Ambiguous { .. }) => {}
    }
}

/// Names and values, unless one of them is not UTF-8: then it depends on the character set what was sent.
fn pairs(body: &[u8]) -> Option<Vec<(String, String)>> {
    let text = |bytes: &[u8]| {
        let spaced: Vec<u8> = bytes
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        String::from_utf8(percent_decode(&spaced).collect()).ok()
    };
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = pair.split_at(equals.unwrap_or(pair.len()));
            Some((text(name)?, text(value.get(1..).unwrap_or_default())?))
        })
        .collect()
}

fn check(tree: &Value, pairs: &[(String, String)]) {
    let mut leaves = Leaves::of(tree);
    let mut sent: Vec<&String> = pairs
        .iter()
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
        .collect();
    assert_eq!(leaves.empty, pairs.len() - sent.len(), "empty values");
    leaves.texts.sort_unstable();
    sent.sort_unstable();
    assert!(leaves.texts.iter().eq(sent), "values got lost");

    // Names that others cannot have a part in.
    let mut firsts: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in pairs {
        *firsts.entry(name.split('[').next().unwrap_or_default()).or_default() += 1;
    }
    for (name, value) in pairs {
        let alone = firsts[name.split('[').next().unwrap_or_default()] == 1;
        if let Some(steps) = steps(name).filter(|_| alone) {
            let found = steps.iter().try_fold(tree, |here, step| here.get(*step));
            let expected = if value.is_empty() {
                &Value::Null
            } else {
                &Value::from(value.as_str())
            };
            assert_eq!(found, Some(expected), "at {name:?}");
        }
    }
}

/// `a[b][c]` as `a`, `b`, `c`, where it is plain what a name means: words between brackets that pair up, or no bracket.
fn steps(name: &str) -> Option<Vec<&str>> {
    let is_word =
        |step: &str| !step.is_empty() && !step.contains(['[', ']']) && !step.starts_with(|c: char| c.is_ascii_digit());
    if !name.contains(['[', ']']) {
        return Some(vec![name]);
    }
    let (first, rest) = name.split_once('[')?;
    let mut steps = vec![first];
    steps.extend(rest.strip_suffix(']')?.split("]["));
    steps.iter().all(|step| is_word(step)).then_some(steps)
}
