//! E. What TeleCloud is told is well-formed XML without internal text, whatever a module says.

use anyhow::{Context, Result};
use patchbay_tests::gateway::{Deployment, Gateway};
use patchbay_tests::telecloud::{Encoding, Fields, client, post};
use serde_json::{Value, json};

use crate::e2e::hostile::{MODULE, Told, call, order, with};

const FAILED: &str = "Module Error: the module failed, nothing was changed.";

/// The documented sentences are in the table below this line.
const TABLE: &str = "| ERROR | the order |";
const DOCUMENT: &str = include_str!("../../../../docs/protocol.md");

/// What the guest says, as TeleCloud hears it.
async fn said(say: &str, text: &str) -> Result<(Gateway, Told)> {
    let gateway = Gateway::start()?;
    let config = json!({ "mode": "say", "say": say, "text": text });
    gateway.admin().deploy("acme", MODULE, with(config)?).await?;
    let told = call(&gateway, "acme").await?;
    Ok((gateway, told))
}

/// The elements below `MODULE`, in order, as another parser reads them.
fn elements(told: &Told) -> Result<Vec<(String, String)>> {
    let document = roxmltree::Document::parse(told.as_str())?;
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "MODULE");
    let named = |node: roxmltree::Node<'_, '_>| {
        assert!(node.is_element());
        (
            node.tag_name().name().to_owned(),
            node.text().unwrap_or_default().to_owned(),
        )
    };
    Ok(root.children().map(named).collect())
}

fn pairs<'a>(expected: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    expected.iter().map(owned).collect()
}

#[tokio::test]
async fn what_a_module_says_is_heard_as_it_was_said() -> Result<()> {
    let text = "<VAR2>x</VAR2> & \"quoted\" 'it' ]]> <![CDATA[ <?p?> &amp; &#13; \r\n\t\r end";
    let (_gateway, told) = said("text", text).await?;
    assert_eq!(elements(&told)?, pairs(&[("SUCCESS", "Y"), ("VAR1", text)]));
    let (_gateway, told) = said("reject", text).await?;
    assert_eq!(elements(&told)?, pairs(&[("SUCCESS", "N"), ("ERROR", text)]));
    Ok(())
}

#[tokio::test]
async fn what_xml_has_no_room_for_is_marked_and_the_rest_is_kept() -> Result<()> {
    // U+0000 to U+001F with tab, line feed and return in their places, then U+FFFE and U+FFFF.
    let gone = |count| "\u{FFFD}".repeat(count);
    let expected = [&gone(9), "\t\n", &gone(2), "\r", &gone(18), &gone(2)].concat();
    assert_eq!(expected.chars().count(), 34);
    let (_gateway, told) = said("forbidden", "").await?;
    assert_eq!(elements(&told)?, pairs(&[("SUCCESS", "Y"), ("VAR1", &expected)]));
    let (_gateway, told) = said("reject-forbidden", "").await?;
    assert_eq!(elements(&told)?, pairs(&[("SUCCESS", "N"), ("ERROR", &expected)]));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_none_is_not_passed_on_in_part() -> Result<()> {
    for (say, why) in [
        ("var-0", "VAR0 is not one of VAR1 to VAR20"),
        ("var-255", "VAR255 is not one of VAR1 to VAR20"),
        ("large", "VAR1 is longer than 4096 characters"),
    ] {
        let (gateway, told) = said(say, "").await?;
        let elements = elements(&told)?;
        assert_eq!(elements.len(), 2, "{told:?}");
        assert!(told.error().starts_with(FAILED), "{told:?}");
        let call = gateway.admin().newest_call("acme").await?;
        let detail = call["detail"].as_str().context("a reason")?;
        assert!(detail.ends_with(why), "{detail}");
    }
    Ok(())
}

#[tokio::test]
async fn a_hundred_thousand_vars_are_twenty() -> Result<()> {
    let (_gateway, told) = said("many", "").await?;
    let mut expected = pairs(&[("SUCCESS", "Y")]);
    expected.extend((1..=20).map(|index| (format!("VAR{index}"), "last".to_owned())));
    assert_eq!(elements(&told)?, expected);
    Ok(())
}

#[tokio::test]
async fn ten_megabytes_of_reason_are_a_thousand_characters() -> Result<()> {
    let (_gateway, told) = said("reject-large", "").await?;
    assert_eq!(told.error(), "x".repeat(999) + "…");
    Ok(())
}

/// Documented sentences, each as what it begins and ends with.
fn documented() -> Result<Vec<(String, String)>> {
    let (_, table) = DOCUMENT.split_once(TABLE).context("the table of sentences")?;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let quoted = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2));
    let found: Vec<_> = quoted
        .map(|sentence| {
            let (begin, end) = sentence.split_once('…').unwrap_or((sentence, ""));
            (begin.to_owned(), end.to_owned())
        })
        .collect();
    assert!(found.len() > 10, "{found:?}");
    Ok(found)
}

/// What a sentence for strangers has no business to mention.
fn assert_says_nothing_internal(sentence: &str) {
    let words = sentence.to_lowercase();
    for internal in [
        "::", "wasm", "panic", "trap", "0x", ".rs", "127.", "sled", "tokio", "error {", "os error", "/", "\\", "{",
        "\n",
    ] {
        let allowed = internal == "/" && words.contains("multipart/form-data");
        assert!(allowed || !words.contains(internal), "{internal:?} in {sentence:?}");
    }
    assert!(sentence.is_ascii(), "{sentence:?}");
}

struct Front {
    gateway: Gateway,
}

impl Front {
    /// What is told for this body at this module.
    async fn post(&self, module: &str, content_type: &str, body: &str) -> Result<Told> {
        let request = client()?
            .post(self.gateway.url("acme", module))
            .header("content-type", content_type)
            .body(body.to_owned());
        let response = request.send().await?;
        Told::read(response.status().as_u16(), response.text().await?)
    }

    async fn order(&self, module: &str, fields: &Fields) -> Result<Told> {
        let posted = post(&client()?, &self.gateway.url("acme", module), Encoding::Form, fields).await?;
        Told::read(posted.status, posted.body)
    }

    async fn deploy(&self, module: &str, config: Value, limits: Value) -> Result<()> {
        let deployment = Deployment {
            limits,
            ..with(config)?
        };
        self.gateway.admin().deploy("acme", module, deployment).await
    }
}

/// Every way in which an order can fail, but for those that need a disk or a process to fail: what is told is one of the
/// documented sentences, and none of them says anything about the inside.
#[tokio::test]
async fn every_failure_is_told_in_a_documented_sentence() -> Result<()> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let front = Front {
        gateway: Gateway::start()?,
    };
    front.deploy(MODULE, json!({}), json!({})).await?;
    let mut told = Vec::new();

    let bodies = [
        ("application/json", "{\"SERVICE\":".to_owned()),
        ("text/xml", "<r>".to_owned()),
        ("multipart/form-data", "--x".to_owned()),
        (FORM, "a=1&".repeat(2_001)),
        (FORM, format!("a{}=1", "[a]".repeat(17))),
        (FORM, "SERVICE=Order/Create&Customer=Array".to_owned()),
        (FORM, "SERVICE=Order/Create&VAR1=1&var1=2".to_owned()),
        (FORM, "VAR1=1&APIAuth[API_KEY]=key_good".to_owned()),
        (FORM, "SERVICE=Order/Create&APIAuth[API_KEY]=wrong".to_owned()),
        (
            FORM,
            "SERVICE=Order/Create&APIAuth[API_KEY]=key_good&a={{secret:token}}".to_owned(),
        ),
        (FORM, "x".repeat((1 << 20) + 1)),
    ];
    for (content_type, body) in &bodies {
        told.push(front.post(MODULE, content_type, body).await?);
    }
    told.push(front.post("nothing", FORM, "SERVICE=Order/Create").await?);
    let put = client()?.put(front.gateway.url("acme", MODULE)).send().await?;
    told.push(Told::read(put.status().as_u16(), put.text().await?)?);

    for (module, config, limits) in [
        ("trap", json!({ "mode": "trap" }), json!({})),
        ("spin", json!({ "mode": "spin" }), json!({ "cpu_ms": 20 })),
        ("grow", json!({ "mode": "grow" }), json!({ "memory_bytes": 8 << 20 })),
        ("sleep", json!({ "mode": "sleep" }), json!({ "deadline_ms": 200 })),
        ("var-0", json!({ "mode": "say", "say": "var-0" }), json!({})),
        ("no-reason", json!({ "mode": "say", "say": "reject" }), json!({})),
        (
            "unreachable",
            json!({ "mode": "claim", "claim": "unreachable" }),
            json!({}),
        ),
        (
            "denied",
            json!({ "mode": "fetch", "url": "http://127.0.0.1:1/" }),
            json!({}),
        ),
    ] {
        front.deploy(module, config, limits).await?;
        told.push(front.order(module, &order("1")).await?);
    }
    let admin = front.gateway.admin();
    admin
        .put("/v1/tenants/acme/modules/bare", json!({ "title": "Bare" }))
        .await?;
    told.push(front.order("bare", &order("1")).await?);
    let suspended = json!({ "title": MODULE, "status": "suspended" });
    admin
        .put(&format!("/v1/tenants/acme/modules/{MODULE}"), suspended)
        .await?;
    told.push(front.order(MODULE, &order("1")).await?);

    let documented = documented()?;
    for told in &told {
        let elements = elements(told)?;
        assert_eq!(elements.len(), 2, "{told:?}");
        assert_eq!(elements[0], ("SUCCESS".to_owned(), "N".to_owned()));
        let error = told.error();
        let is = |(begin, end): &(String, String)| error.starts_with(begin.as_str()) && error.ends_with(end.as_str());
        assert!(documented.iter().any(is), "docs/protocol.md does not know {error:?}");
        assert_says_nothing_internal(&error);
    }
    Ok(())
}
