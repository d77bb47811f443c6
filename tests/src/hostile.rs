//! Components that misbehave, each in a way of its own, with what must come of it.
//!
//! Each is a file of `tests/hostile`, in the text format. Its first lines are comments: sentences that say what it does,
//! and then
//!
//! | line | says |
//! |---|---|
//! | `limits: NAME=VALUE …` | the module's limits, those that are not the default |
//! | `world: ITEM` | an item of its world besides what it imports and the handler |
//! | `beside: (module …)` | another core module of the component, instantiated before the handler is called |
//! | `expect: …` | what must come of it, see [`Expect`] |
//! | `in one go: NAME` | when its time is up, it may be in the middle of what that component does, which nothing interrupts |
//!
//! The rest is what its core module has besides what all have: `$drop-document`, which lets go of the event's documents;
//! `$done`, which does that and leaves an answer (the one at 1024, and done without VARs if nothing is there); the exports.
//! `$handle` is its handler. It may have a `memory`, a `$realloc` and a `$post` (called after the answer was read) of its
//! own. What it imports is found by its imports.

mod text;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use patchbay::domain::limits::LimitName;
use serde_json::{Map, Value};

/// A component that misbehaves.
#[derive(Debug)]
pub struct Hostile {
    /// The name of its file, which is also that of a module.
    pub name: String,
    /// What it does.
    pub about: String,
    /// The limits that its module has, those that are not the default.
    pub limits: Value,
    /// What must come of a call of it.
    pub expect: Expect,
    /// The component that does once, in one go, what this one is at when its computing time is up.
    pub in_one_go: Option<String>,
    /// It.
    pub component: Bytes,
}

/// What must come of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// `done NAME …`: it answers, having run into just these limits.
    Done(Vec<LimitName>),
    /// `limit NAME NAME …`: it ends at the first of these, having run into the others as well, and into no more.
    Limit(LimitName, Vec<LimitName>),
    /// `trap WORDS`: it traps with these words, at no limit.
    Trap(String),
    /// `no-answer WORDS`: what it answers is refused with these words.
    NoAnswer(String),
}

/// All of them, by name.
///
/// # Errors
/// When a file cannot be read or made a component of.
pub fn all() -> Result<Vec<Hostile>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().context("a file without a name")?;
        let name = name.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path)?;
        found.push(Hostile::read(name.clone(), &text).with_context(|| format!("the hostile component {name}"))?);
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

impl Hostile {
    fn read(name: String, text: &str) -> Result<Self> {
        let (mut about, mut limits, mut world) = (Vec::new(), Map::new(), Vec::new());
        let (mut beside, mut expect, mut in_one_go) = (Vec::new(), None, None);
        for line in text.lines().map_while(|line| line.strip_prefix(";; ")) {
            match line.split_once(": ") {
                Some(("limits", all)) => {
                    for limit in all.split(' ') {
                        let (name, value) = limit.split_once('=').context("a limit without a value")?;
                        limits.insert(name.to_owned(), value.parse::<u64>()?.into());
                    }
                }
                Some(("world", item)) => world.push(item),
                Some(("beside", module)) => beside.push(module),
                Some(("expect", what)) => expect = Some(Expect::read(what)?),
                Some(("in one go", name)) => in_one_go = Some(name.to_owned()),
                _ => about.push(line),
            }
        }
        let core: Vec<_> = text.lines().skip_while(|line| line.starts_with(";; ")).collect();
        Ok(Self {
            name,
            about: about.join(" "),
            limits: Value::Object(limits),
            expect: expect.context("nothing is expected")?,
            in_one_go,
            component: text::component(&core.join("\n"), &world, &beside)?,
        })
    }

    /// Says what is wrong with the record of a call of it, if it is not as expected.
    ///
    /// # Errors
    /// A sentence with what was expected and what is on record.
    pub fn judge(&self, call: &Value) -> Result<()> {
        let (outcome, detail) = (&call["outcome"], call["detail"].as_str().unwrap_or_default());
        let hit: Vec<LimitName> = match &call["usage"]["hit"] {
            Value::Null => Vec::new(),
            names => serde_json::from_value(names.clone())?,
        };
        let after = |beginning: &str| detail.strip_prefix(beginning).unwrap_or_default();
        let holds = match &self.expect {
            Expect::Done(limits) => outcome == "done" && hit == *limits,
            Expect::Limit(limit, besides) => {
                let mut expected = besides.clone();
                expected.push(*limit);
                expected.sort_unstable();
                let named = match limit {
                    LimitName::DeadlineMs => detail.starts_with("the module was not finished within its deadline of "),
                    _ => after("the module ran into its limit ").starts_with(limit.as_str()),
                };
                outcome == "faulted" && named && hit == expected
            }
            Expect::Trap(words) => {
                outcome == "faulted" && after("the module trapped: ").contains(words.as_str()) && hit.is_empty()
            }
            Expect::NoAnswer(words) => {
                let why = after("the module gave an answer that is none: ");
                outcome == "faulted" && why.contains(words.as_str()) && hit.is_empty()
            }
        };
        if !holds {
            bail!(
                "{} ({}): expected {:?}, found outcome {outcome}, limits {hit:?}, detail {detail}",
                self.name,
                self.about,
                self.expect
            );
        }
        Ok(())
    }
}

impl Expect {
    fn read(text: &str) -> Result<Self> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        ensure!(
            kind == "done" || !rest.is_empty(),
            "by which limit or words is not said"
        );
        let limit = |name: &str| serde_json::from_value::<LimitName>(name.into());
        let limits = || rest.split_whitespace().map(limit).collect::<Result<Vec<_>, _>>();
        Ok(match kind {
            "done" => Self::Done(limits()?),
            "limit" => {
                let limits = limits()?;
                let (first, besides) = limits.split_first().context("no limit is named")?;
                Self::Limit(*first, besides.to_vec())
            }
            "trap" => Self::Trap(rest.to_owned()),
            "no-answer" => Self::NoAnswer(rest.to_owned()),
            other => bail!("nothing can be expected by the word {other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use patchbay::sandbox::Sandbox;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_can_be_uploaded_and_no_two_are_the_same() {
        let all = all().expect("read");
        let mut different = BTreeSet::new();
        for hostile in &all {
            Sandbox::inspect(&hostile.component).unwrap_or_else(|why| panic!("{}: {why}", hostile.name));
            assert!(
                hostile.name.len() <= 63 && !hostile.about.is_empty(),
                "{}",
                hostile.name
            );
            different.insert((&hostile.component, hostile.limits.to_string()));
        }
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn a_record_is_judged_by_its_outcome_its_words_and_the_limits_that_were_run_into() {
        let record = |outcome: &str, detail: &str, hit: &[&str]| json!({ "outcome": outcome, "detail": detail, "usage": { "hit": hit } });
        let cpu = record("faulted", "the module ran into its limit cpu_ms of 30 ms", &["cpu_ms"]);
        let trapped = record("faulted", "the module trapped: wasm trap: unreachable", &[]);
        let done = record("done", "", &[]);
        for (expect, right) in [("limit cpu_ms", &cpu), ("trap unreachable", &trapped), ("done", &done)] {
            let hostile = Hostile {
                name: "x".to_owned(),
                about: "y".to_owned(),
                limits: json!({}),
                expect: Expect::read(expect).expect("an expectation"),
                in_one_go: None,
                component: Bytes::new(),
            };
            for record in [&cpu, &trapped, &done] {
                assert_eq!(hostile.judge(record).is_ok(), record == right, "{expect}: {record}");
            }
        }
    }
}
