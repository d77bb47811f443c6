//! What the gateway itself tells TeleCloud is documented, every sentence of it, and says nothing of the inside.

use std::path::{Path, PathBuf};

/// How sentences for TeleCloud begin. Whatever begins so in the code is one.
const BEGINNINGS: [&str; 6] = [
    "Carrier Error: ",
    "Module Error: ",
    "Module authentication",
    "Missing SERVICE",
    "Orders must be",
    "The order could not be ",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The texts of a source that begin as sentences do, with `{…}` for what is put in.
fn sentences(code: &str) -> Vec<String> {
    // A text that goes on in the next line.
    let code: String = code.split("\\\n").map(str::trim_start).collect();
    let mut found = Vec::new();
    for beginning in BEGINNINGS {
        for (at, _) in code.match_indices(&format!("\"{beginning}")) {
            let text = &code[at + 1..];
            let end = text.find('"').expect("a text ends");
            found.push(text[..end].to_owned());
        }
    }
    found
}

/// What is documented, each as its beginning and its end.
fn documented(page: &str) -> Vec<(String, String)> {
    let (_, table) = page
        .split_once("| ERROR | the order |")
        .expect("the table of sentences");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap_or_default());
    let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let halves = quoted.map(|sentence| sentence.split_once('…').unwrap_or((sentence, "")));
    halves.map(|(begin, end)| (begin.to_owned(), end.to_owned())).collect()
}

/// The part of a file before its tests.
fn without_tests(code: &str) -> &str {
    code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

#[test]
fn every_sentence_for_telecloud_is_documented_and_says_nothing_internal() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/protocol.md")).expect("the page");
    let documented = documented(&page);
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    files.retain(|file| {
        !file
            .iter()
            .any(|part| part == "tests" || part == "tests.rs" || part == "cli")
    });
    let mut all = Vec::new();
    for file in files {
        let code = std::fs::read_to_string(&file).expect("readable");
        all.extend(sentences(without_tests(&code)));
    }
    assert!(all.len() > 15, "{all:#?}");
    for sentence in all {
        let known = documented
            .iter()
            .any(|(begin, end)| sentence.starts_with(begin) && sentence.ends_with(end));
        assert!(known, "docs/protocol.md does not know {sentence:?}");
        let internal = sentence.contains(['/', '\\', '<', '>']) || sentence.contains("::") || !sentence.is_ascii();
        assert!(!internal, "{sentence:?} says too much");
    }
}

#[test]
fn the_check_sees_what_it_has_to_see() {
    let code = "const A: &str = \"Module Error: \\\n        a.\";\nformat!(\"The order could not be read: {field} x\")";
    assert_eq!(
        sentences(code),
        ["Module Error: a.", "The order could not be read: {field} x"]
    );
    let page = "| ERROR | the order |\n|---|---|\n| `A: …`, `B.` | x |\n\n| `C` | y |";
    let pair = |begin: &str, end: &str| (begin.to_owned(), end.to_owned());
    assert_eq!(documented(page), [pair("A: ", ""), pair("B.", "")]);
}
