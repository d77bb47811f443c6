//! The canaries, every way in which one may be spelt, and the search for them.

use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use patchbay_tests::power::Numbers;
use patchbay_tests::telecloud::StatusCode;
use reqwest::RequestBuilder;
use serde_json::Value;

/// Random secrets, and all that there were.
pub(super) struct Canaries {
    pub(super) numbers: Numbers,
    pub(super) all: Vec<String>,
}

impl Canaries {
    /// Twenty random letters and digits.
    pub(super) fn letters(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letter = |at| char::from(LETTERS[usize::try_from(at).expect("small")]);
        (0..20)
            .map(|_| letter(self.numbers.below(LETTERS.len() as u64)))
            .collect()
    }

    /// One that a header or a path can carry as it is.
    pub(super) fn plain(&mut self) -> String {
        let secret = self.letters();
        self.all.push(secret.clone());
        secret
    }

    /// One of four has in it what has to be escaped somewhere.
    pub(super) fn next(&mut self) -> String {
        let mut secret = self.letters();
        if self.all.len() % 4 == 3 {
            secret.insert_str(9, "\"/&é<");
        }
        self.all.push(secret.clone());
        secret
    }

    pub(super) fn some(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// How a secret goes out, and how a carrier may say it back.
pub(super) fn sent(secret: &str) -> [String; 4] {
    let json = serde_json::to_string(secret).expect("a text");
    let json = json[1..json.len() - 1].to_owned();
    let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    [secret.to_owned(), json.replace('/', "\\/"), json, percent]
}

/// How the product may write a secret down.
pub(super) fn spellings(secret: &str) -> Vec<String> {
    let [_, slashes, json, percent] = sent(secret);
    let xml = secret.replace('&', "&amp;").replace('<', "&lt;");
    let mut spellings = vec![
        secret.to_owned(),
        format!("{secret:?}").trim_matches('"').to_owned(),
        slashes,
        // In a log line of JSON, a JSON text is escaped once more.
        serde_json::to_string(&json)
            .expect("a text")
            .trim_matches('"')
            .to_owned(),
        json,
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        percent,
        xml.replace('"', "&quot;"),
        xml,
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ];
    spellings.sort();
    spellings.dedup();
    spellings
}

/// Looks for every one of them at once.
pub(super) struct Search {
    spelled: Vec<String>,
    pub(super) automaton: AhoCorasick,
    seed: u64,
    pub(super) bytes: usize,
}

impl Search {
    pub(super) fn new(secrets: &[String], pairs: &[String], seed: u64) -> Self {
        let mut spelled: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
        spelled.extend(pairs.iter().cloned());
        let automaton = AhoCorasick::new(&spelled).expect("it fits into memory");
        Self {
            spelled,
            automaton,
            seed,
            bytes: 0,
        }
    }

    #[track_caller]
    pub(super) fn none_in(&mut self, bytes: &[u8], place: &str) {
        self.bytes += bytes.len();
        let found = self.automaton.find(bytes).map(|found| {
            let around = &bytes[found.start().saturating_sub(200)..bytes.len().min(found.end() + 50)];
            let spelled = &self.spelled[found.pattern().as_usize()];
            format!("{spelled} in {:?}", String::from_utf8_lossy(around))
        });
        assert_eq!(found, None, "{place}, PATCHBAY_TEST_SEED={}", self.seed);
    }

    pub(super) fn none_on_disk(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.none_on_disk(&path);
            } else {
                self.none_in(&fs::read(&path).expect("a file"), &path.display().to_string());
            }
        }
    }
}

/// What was asked of the gateway, and what it said.
#[derive(Default)]
pub(super) struct Said(pub(super) Vec<(String, Vec<u8>)>);

impl Said {
    pub(super) async fn send(&mut self, what: &str, request: RequestBuilder) -> (StatusCode, Value) {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), format!("{:?}", response.headers()));
        let body = response.bytes().await.expect("whole");
        let value = serde_json::from_slice(&body).unwrap_or_default();
        self.0.push((what.to_owned(), [headers.as_bytes(), &body].concat()));
        (status, value)
    }
}
