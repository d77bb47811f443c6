//! A real module of a real gateway tries to get where it may not, by every spelling and in five ways. At each address of
//! this machine that they lead to, a canary listens.
//!
//! | way | what the module asks for |
//! |---|---|
//! | literal | the spelling, and a grant of its own for the address that it means |
//! | names | a name that stands for the address |
//! | mixed | a name that stands for the address and for another one, which would be allowed |
//! | rebinding | a name that stands for an allowed address when it is looked up first, and then for this one; asked for twice |
//! | redirect | what a carrier answers that leads to the spelling |
//!
//! Besides, the gateway's own listeners, by a grant for the network that they are in.

mod ground;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::ground::{CONTROL, Ground};
use super::spellings::{Spelling, of_this_machine, spellings};
use crate::power::Numbers;

/// Which part of all spellings is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Each of them, in each way.
    All,
    /// For each way, one of so many, as this seed has it.
    OneOf(u64, u64),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Requests that had to be denied, each another spelling or another way.
    pub tried: usize,
    /// Those of them that were answered, or have another end on record than that they were denied: there have to be none.
    pub let_out: Vec<String>,
    /// Connections that somebody made who must not be called.
    pub connections_at_canaries: usize,
    /// Requests of the same module to where it may go.
    pub controls: usize,
    /// Those of them that got there.
    pub controls_passed: usize,
}

/// Spellings that are tried in one call: their grants are at most 64, and their URLs fit into the settings.
const AT_ONCE: usize = 60;

/// An address on the internet, which nobody dials: whoever stands beside it is not there.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);

/// Tries them.
///
/// # Errors
/// When nothing could be tried: the gateway, the guests or the names are not built, or the canaries do not work.
pub async fn addresses(share: Share) -> Result<Addresses> {
    let ground = Ground::prepare().await?;
    let mut numbers = Numbers::new(match share {
        Share::All => 0,
        Share::OneOf(_, seed) => seed,
    });
    let all = spellings(ground.port());
    let mut chosen = || -> Vec<Spelling> {
        let taken = |_: &&Spelling| match share {
            Share::All => true,
            Share::OneOf(of, _) => numbers.below(of) == 0,
        };
        all.iter().filter(taken).cloned().collect()
    };
    let (literal, named, mixed, rebound, redirected) = (chosen(), chosen(), chosen(), chosen(), chosen());
    let mut found = Addresses::default();
    controls(&ground, &mut found).await?;
    literals(&ground, &literal, ground.port(), None, &mut found).await?;
    names(&ground, &named, &mut found).await?;
    mixed_answers(&ground, &mixed, &mut found).await?;
    rebinding(&ground, &rebound, &mut found).await?;
    redirects(&ground, &redirected, &mut found).await?;
    for port in ground.own_ports()? {
        literals(&ground, &of_this_machine(port), port, Some("loopback"), &mut found).await?;
    }
    found.connections_at_canaries = ground.touched();
    Ok(found)
}

/// The same module gets where it may go, and the canaries notice who comes.
async fn controls(ground: &Ground, found: &mut Addresses) -> Result<()> {
    let port = ground.port();
    let urls = [
        format!("http://{CONTROL}:{port}/"),
        format!("http://{CONTROL}.:{port}/"),
        format!("http://{}:{port}/", name(0, "all", &[CONTROL.into()], "lab")),
        format!("http://{}:{port}/", name(0, "all", &[CONTROL.into()], "LAB")),
    ];
    let grants = json!([ground.grant("literal", CONTROL, port, Some("lab")), lab(ground)]);
    let call = ground.call(&urls, grants).await?;
    found.controls += urls.len();
    found.controls_passed += call.outcomes.matches('2').count();

    let mut sung = ground.grant("canary", Ipv4Addr::LOCALHOST, port, Some("loopback"));
    sung["timeout_ms"] = json!(500);
    ground
        .call(&[format!("http://127.0.0.1:{port}/")], json!([sung]))
        .await?;
    ensure!(ground.touched() == 1, "a canary does not notice who calls it");
    Ok(())
}

/// With a grant for each address that is meant, in this network, and for `localhost`.
async fn literals(
    ground: &Ground,
    spellings: &[Spelling],
    port: u16,
    network: Option<&str>,
    found: &mut Addresses,
) -> Result<()> {
    for some in spellings.chunks(AT_ONCE) {
        let urls: Vec<String> = some
            .iter()
            .map(|spelling| format!("http://{}/", spelling.authority))
            .collect();
        let hosts: BTreeSet<String> = some.iter().map(|spelling| spelling.means.to_string()).collect();
        let hosts = hosts.into_iter().chain(["localhost".to_owned()]).enumerate();
        let grants = hosts.map(|(number, host)| ground.grant(&format!("literal-{number}"), host, port, network));
        denied(ground, &urls, grants.collect(), found).await?;
    }
    Ok(())
}

async fn names(ground: &Ground, spellings: &[Spelling], found: &mut Addresses) -> Result<()> {
    let numbered: Vec<_> = spellings.iter().enumerate().collect();
    for some in numbered.chunks(AT_ONCE) {
        let url = |(number, spelling): &(usize, &Spelling)| {
            format!(
                "http://{}:{}/",
                name(*number, "all", &[spelling.means], "named"),
                ground.port()
            )
        };
        let urls: Vec<String> = some.iter().map(url).collect();
        denied(ground, &urls, json!([anywhere(ground)]), found).await?;
    }
    Ok(())
}

/// Beside an address in the granted network, or beside one on the internet; before it, or after it.
async fn mixed_answers(ground: &Ground, spellings: &[Spelling], found: &mut Addresses) -> Result<()> {
    let before = ground.control_connections();
    let numbered: Vec<_> = spellings.iter().enumerate().collect();
    for some in numbered.chunks(AT_ONCE) {
        let url = |(number, spelling): &(usize, &Spelling)| {
            let (beside, zone) = match number % 2 {
                0 => (CONTROL, "lab"),
                _ => (PUBLIC, "named"),
            };
            let mut addresses = [beside.into(), spelling.means];
            if number % 4 >= 2 {
                addresses.reverse();
            }
            format!("http://{}:{}/", name(*number, "all", &addresses, zone), ground.port())
        };
        let urls: Vec<String> = some.iter().map(url).collect();
        denied(ground, &urls, json!([lab(ground), anywhere(ground)]), found).await?;
    }
    ensure!(
        ground.control_connections() == before,
        "the good half of a mixed answer was dialled"
    );
    Ok(())
}

async fn rebinding(ground: &Ground, spellings: &[Spelling], found: &mut Addresses) -> Result<()> {
    let numbered: Vec<_> = spellings.iter().enumerate().collect();
    for some in numbered.chunks(AT_ONCE) {
        let twice = |(number, spelling): &(usize, &Spelling)| {
            let name = name(*number, "turn", &[CONTROL.into(), spelling.means], "lab");
            let url = format!("http://{name}:{}/", ground.port());
            [url.clone(), url]
        };
        let urls: Vec<String> = some.iter().flat_map(twice).collect();
        let call = ground.call(&urls, json!([lab(ground)])).await?;
        ensure!(
            call.exchanges.len() == urls.len(),
            "{} of {} on record",
            call.exchanges.len(),
            urls.len()
        );
        // The first of each two is the one that is allowed.
        let second = call.exchanges.iter().skip(1).step_by(2);
        found.let_out.extend(second.filter_map(let_out));
        found.tried += some.len();
        found.controls += some.len();
        found.controls_passed += call.outcomes.matches('2').count();
    }
    Ok(())
}

async fn redirects(ground: &Ground, spellings: &[Spelling], found: &mut Addresses) -> Result<()> {
    let port = ground.port();
    for some in spellings.chunks(AT_ONCE) {
        let before = ground.control_connections();
        ground.redirect_to(
            some.iter()
                .map(|spelling| format!("http://{}/", spelling.authority))
                .collect(),
        );
        let urls: Vec<String> = (0..some.len())
            .map(|number| format!("http://{CONTROL}:{port}/to/{number}"))
            .collect();
        // Where they lead is granted besides, as far as a grant can.
        let mut grants = vec![ground.grant("control", CONTROL, port, Some("lab"))];
        let hosts: BTreeSet<String> = some.iter().map(|spelling| spelling.means.to_string()).collect();
        let hosts = hosts.into_iter().enumerate();
        grants.extend(hosts.map(|(number, host)| ground.grant(&format!("to-{number}"), host, port, None)));
        let call = ground.call(&urls, Value::Array(grants)).await?;
        ensure!(
            call.exchanges.len() == urls.len(),
            "a redirect was followed: {:#?}",
            call.exchanges
        );
        ensure!(
            ground.control_connections() == before + urls.len(),
            "a redirect was asked for more than once"
        );
        found.tried += some.len();
        found.controls += some.len();
        found.controls_passed += call.outcomes.matches('3').count();
    }
    Ok(())
}

/// Has all of these asked for. None may have an answer, and whatever reached the door has to be on record as denied.
async fn denied(ground: &Ground, urls: &[String], grants: Value, found: &mut Addresses) -> Result<()> {
    let call = ground.call(urls, grants).await?;
    let answered = urls
        .iter()
        .zip(call.outcomes.chars())
        .filter(|(_, outcome)| *outcome != '-');
    found
        .let_out
        .extend(answered.map(|(url, outcome)| format!("{url}: {outcome}")));
    found.let_out.extend(call.exchanges.iter().filter_map(let_out));
    found.tried += urls.len();
    Ok(())
}

/// An exchange that was not denied, for people.
fn let_out(exchange: &Value) -> Option<String> {
    (exchange["end"]["result"] != "denied").then(|| format!("{exchange:#}"))
}

/// A name of `tests/names`.
fn name(number: usize, how: &str, addresses: &[IpAddr], zone: impl Display) -> String {
    let addresses = addresses.iter().map(|address| match address {
        IpAddr::V4(v4) => format!("{:08x}", v4.to_bits()),
        IpAddr::V6(v6) => format!("{:032x}", v6.to_bits()),
    });
    let addresses: Vec<String> = addresses.collect();
    format!("{number}-{how}-{}.{zone}.names.test", addresses.join("-"))
}

/// Names that lead into the network of the one that may be reached.
fn lab(ground: &Ground) -> Value {
    ground.grant("lab", "*.lab.names.test", ground.port(), Some("lab"))
}

/// Names that lead to the internet.
fn anywhere(ground: &Ground) -> Value {
    ground.grant("named", "*.named.names.test", ground.port(), None)
}

/// The part of an answer between these tags.
fn element<'a>(xml: &'a str, name: &str) -> Result<&'a str> {
    let after = xml.split_once(&format!("<{name}>")).map(|(_, after)| after);
    let found = after.and_then(|after| after.split_once(&format!("</{name}>")));
    found.map(|(text, _)| text).with_context(|| format!("no {name}: {xml}"))
}
