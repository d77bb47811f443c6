//! What a power failure leaves: all that was acknowledged as durable, and of the rest nothing by halves. And what a disk that
//! fails leaves undone.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use patchbay::storage::Stores;
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::Gateway;
use patchbay_tests::power::{Numbers, PowerLoss, Unsynced, Work};
use patchbay_tests::telecloud::{Encoding, client, post};
use serde_json::json;

use super::hostile::{MODULE, Told, fetching, order};

const WORKERS: usize = 8;

const ROUNDS: u64 = 12;

/// Batches that are acknowledged in a round before the power may fail.
const ACKNOWLEDGED: usize = 40;

/// Longest time from then on until it does, in microseconds.
const GOES_ON: u64 = 400_000;

/// Starts with what the last power failure left, checks it, and goes on until the next one. Changes the numbers of batches
/// of each worker to those that were acknowledged by then.
fn go_on(
    seed: u64,
    acknowledged: &mut [u64; WORKERS],
    folder: &Path,
    after: Duration,
    into: &Path,
    unsynced: Unsynced,
) -> Result<()> {
    let power = PowerLoss::watch(folder)?;
    let mut child = Command::new(env!("CARGO_BIN_EXE_store"))
        .arg(folder.join("data"))
        .args([seed, WORKERS as u64].iter().chain(&*acknowledged).map(u64::to_string))
        .envs(power.envs()?)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(child.stdout.take().context("it is piped")?).lines();
    let (begin, begun) = mpsc::channel();
    let reader = std::thread::spawn(move || -> Result<_> {
        let mut said = Vec::new();
        for line in lines {
            let line = line?;
            let (worker, batches) = line.split_once(' ').context("two numbers")?;
            said.push((worker.parse::<usize>()?, batches.parse()?));
            // Each worker says at first what is there.
            if said.len() == WORKERS + ACKNOWLEDGED {
                begin.send(())?;
            }
        }
        Ok(said)
    });
    let went = begun.recv();
    std::thread::sleep(after);
    child.kill()?;
    let status = child.wait()?;
    if went.is_err() {
        let mut error = String::new();
        child.stderr.take().context("it is piped")?.read_to_string(&mut error)?;
        bail!("it ended by itself, {status}: {error}");
    }
    for (worker, batches) in reader.join().expect("no panic")? {
        acknowledged[worker] = batches;
    }
    power.fail(into, unsynced)
}

/// Another one each time, or the one that failed.
fn seed() -> Result<u64> {
    match std::env::var("PATCHBAY_TEST_SEED") {
        Ok(seed) => Ok(seed.parse()?),
        Err(_) => Ok(u64::try_from(
            SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis(),
        )?),
    }
}

#[tokio::test]
async fn what_a_store_acknowledged_outlives_every_power_failure() -> Result<()> {
    let seed = seed()?;
    let mut numbers = Numbers::new(seed);
    let mut folder = tempfile::tempdir()?;
    let mut acknowledged = [0; WORKERS];
    for round in 0..ROUNDS {
        let after = Duration::from_micros(numbers.below(GOES_ON));
        let unsynced = match round % 2 {
            0 => Unsynced::Lost,
            _ => Unsynced::Partly(numbers.number()),
        };
        let left = tempfile::tempdir()?;
        go_on(seed, &mut acknowledged, folder.path(), after, left.path(), unsynced)
            .with_context(|| format!("PATCHBAY_TEST_SEED={seed}: in round {round}"))?;
        folder = left;
    }
    let stores = Stores::open(&folder.path().join("data"))?;
    for (worker, acknowledged) in (0..).zip(acknowledged) {
        let checked = Work { seed }.check(&stores, worker, acknowledged).await;
        checked.with_context(|| format!("PATCHBAY_TEST_SEED={seed}: after the last round"))?;
    }
    Ok(())
}

/// Posts an order to the module, which asks the carrier and says what it said.
async fn placed(gateway: &Gateway, number: &str) -> Result<()> {
    let posted = post(&client()?, &gateway.url("acme", MODULE), Encoding::Form, &order(number)).await?;
    let told = Told::read(posted.status, posted.body)?;
    assert_eq!(told.element("VAR2").as_deref(), Some("done"), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn answered_calls_and_all_that_was_set_up_outlive_a_power_failure() -> Result<()> {
    let seed = seed()?;
    let carrier = FakeCarrier::start().await?;
    carrier.always("/", Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "done")));
    for unsynced in [Unsynced::Lost, Unsynced::Partly(seed)] {
        let at = || format!("PATCHBAY_TEST_SEED={seed}, {unsynced:?}");
        let folder = Arc::new(tempfile::tempdir()?);
        let power = PowerLoss::watch(folder.path())?;
        let gateway = Gateway::start_recorded(folder, &power)?;
        let mut deployment = fetching(&carrier.url(), json!({"method": "POST", "secret": "token"}))?;
        deployment.secrets = vec![("token".to_owned(), "secret".to_owned())];
        gateway.admin().deploy("acme", MODULE, deployment).await?;
        for number in ["1", "2", "3"] {
            placed(&gateway, number).await?;
        }
        let _folder = gateway.kill()?;

        let left = Arc::new(tempfile::tempdir()?);
        power.fail(left.path(), unsynced).with_context(at)?;
        let gateway = Gateway::start_in(left, &[]).with_context(at)?;
        let listed = gateway.admin().get("/v1/tenants/acme/calls").await.with_context(at)?;
        let calls = listed["items"].as_array().context("items")?;
        let orders: Vec<_> = calls
            .iter()
            .map(|call| (&call["order_number"], &call["outcome"]))
            .collect();
        let done = json!("done");
        let expected = [json!("3"), json!("2"), json!("1")];
        let expected: Vec<_> = expected.iter().map(|number| (number, &done)).collect();
        assert_eq!(orders, expected, "{}", at());
        placed(&gateway, "4").await.with_context(at)?;
    }
    Ok(())
}

#[tokio::test]
async fn when_the_disk_fails_nothing_new_is_done_and_what_was_done_is_answered_as_before() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    carrier.always("/", Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "done")));
    let folder = Arc::new(tempfile::tempdir()?);
    let power = PowerLoss::watch(folder.path())?;
    let gateway = Gateway::start_recorded(folder, &power)?;
    let deployment = fetching(&carrier.url(), json!({"method": "POST"}))?;
    gateway.admin().deploy("acme", MODULE, deployment).await?;
    let posted = async |gateway: &Gateway, number: &str| {
        let fields = order(number);
        let posted = post(&client()?, &gateway.url("acme", MODULE), Encoding::Form, &fields).await?;
        Told::read(posted.status, posted.body)
    };
    let first = posted(&gateway, "1").await?;
    assert_eq!(first.element("VAR2").as_deref(), Some("done"), "{first:?}");
    let connections = carrier.connections();

    power.break_disk()?;
    let untouched = "Module Error: the gateway cannot record the call, nothing was changed. Please retry.";
    let unknown = "Module Error: the gateway cannot read whether this order was carried out before, and has not run it now. \
                   Please retry.";
    for error in [untouched, unknown] {
        assert_eq!(posted(&gateway, "2").await?.error(), error);
        assert_eq!(
            posted(&gateway, "1").await?,
            first,
            "it has run, and nobody may be told otherwise"
        );
    }
    assert_eq!(
        carrier.connections(),
        connections,
        "nothing leaves that is not on record"
    );
    let log = gateway.log().join("\n");
    assert!(log.contains("the store takes no more writes"), "{log}");

    let gateway = Gateway::start_in(gateway.kill()?, &[])?;
    assert_eq!(posted(&gateway, "1").await?, first);
    assert_eq!(carrier.connections(), connections);
    placed(&gateway, "3").await?;
    assert_eq!(carrier.connections(), connections + 1);
    Ok(())
}
