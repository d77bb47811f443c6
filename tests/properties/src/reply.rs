//! What TeleCloud is told.

use patchbay::domain::answer::Reply;
use patchbay::domain::event::Vars;
use patchbay::telecloud::encode::encode;

/// Most characters of an `ERROR`.
const ERROR: usize = 1_000;

/// The longest that a byte of a text can become: `&amp;`.
const GROWTH: usize = 5;

/// The bytes as a reply: a number first, then texts with the byte 255 between them. An even number makes them the VARs of a
/// success, pending if it can be halved twice, and an odd one a failure's text.
///
/// Another parser reads back what was put in, with U+FFFD for what XML has no room for, in the documented order and nothing
/// else; the document is two lines, and no larger than its texts make it.
pub fn reply(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let texts: Vec<String> = rest
        .split(|byte| *byte == 0xFF)
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    let (reply, expected) = if choice % 2 == 0 {
        success(choice % 4 == 0, texts)
    } else {
        failure(texts.concat())
    };
    let body = encode(&reply);
    assert!(body.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MODULE><SUCCESS>"));
    assert!(body.ends_with("</MODULE>") && body.lines().count() == 2);
    assert!(!body.contains(|c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\u{7F}')));
    let inside: usize = expected
        .iter()
        .map(|(name, text)| 2 * name.len() + 5 + GROWTH * text.len())
        .sum();
    assert!(body.len() <= 60 + inside, "{} bytes", body.len());
    assert_eq!(parsed(&body), expected);
}

fn success(pending: bool, texts: Vec<String>) -> (Reply, Vec<(String, String)>) {
    let mut vars = Vars::default();
    let mut expected = vec![("SUCCESS".to_owned(), "Y".to_owned())];
    if pending {
        expected.push(("STATUS".to_owned(), "PENDING".to_owned()));
    }
    for (index, text) in (1_u8..).zip(texts) {
        if (1..=20).contains(&index) && !text.is_empty() {
            expected.push((format!("VAR{index}"), legal(&text)));
        }
        let set = vars.set(index, text);
        assert_eq!(set.is_ok(), (1..=20).contains(&index), "VAR{index}");
        if index > 20 {
            break;
        }
    }
    (Reply::Success { pending, vars }, expected)
}

fn failure(error: String) -> (Reply, Vec<(String, String)>) {
    let told = if error.trim().is_empty() {
        "The module gave no reason".to_owned()
    } else if error.chars().count() > ERROR {
        let cut: String = error.chars().take(ERROR - 1).collect();
        legal(&cut) + "…"
    } else {
        legal(&error)
    };
    let expected = [("SUCCESS", "N".to_owned()), ("ERROR", told)];
    (
        Reply::failure(error),
        expected.map(|(name, text)| (name.to_owned(), text)).into(),
    )
}

/// XML 1.0, production 2.
fn legal(text: &str) -> String {
    let in_xml = |c: char| {
        let code = u32::from(c);
        matches!(code, 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x10000..=0x0010_FFFF)
    };
    text.chars().map(|c| if in_xml(c) { c } else { '\u{FFFD}' }).collect()
}

/// The elements below `MODULE`, in order.
fn parsed(body: &str) -> Vec<(String, String)> {
    let document = roxmltree::Document::parse(body).expect("the reply is well-formed");
    let root = document.root_element();
    assert_eq!((root.tag_name().name(), root.attributes().len()), ("MODULE", 0));
    root.children()
        .map(|element| {
            assert!(element.is_element() && element.attributes().len() == 0);
            (
                element.tag_name().name().to_owned(),
                element.text().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}
