//! The root key, the data's own keys, and what is sealed with them.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use patchbay::storage::{Change, Durability, Expect, Stores};
use patchbay_tests::carrier::{Behaviour, FakeCarrier, Reply, StatusCode};
use patchbay_tests::gateway::{ADMIN_TOKEN, Gateway, program};
use patchbay_tests::power::{PowerLoss, Unsynced};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::super::hostile::{MODULE, call, fetching};

const TENANTS: [&str; 2] = ["acme", "other"];

/// A carrier, and the folder of a gateway that ran. Each tenant's module sends its own secret there.
struct World {
    carrier: FakeCarrier,
    folder: Arc<TempDir>,
}

fn secret_of(tenant: &str) -> String {
    format!("the token of {tenant}")
}

impl World {
    async fn new() -> Result<Self> {
        let carrier = FakeCarrier::start().await?;
        carrier.always("/", Behaviour::answer(Reply::new(StatusCode::OK, "text/plain", "done")));
        let gateway = Gateway::start()?;
        for tenant in TENANTS {
            let mut module = fetching(&carrier.url(), json!({ "secret": "token" }))?;
            module.secrets = vec![("token".to_owned(), secret_of(tenant))];
            gateway.admin().deploy(tenant, MODULE, module).await?;
        }
        Ok(Self {
            carrier,
            folder: gateway.kill()?,
        })
    }

    /// Runs `patchbay vault …` on the data.
    fn vault(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
        let output = Command::new(program()?)
            .arg("vault")
            .args(arguments)
            .args(["--data-dir", "data"])
            .envs(variables.iter().copied())
            .current_dir(self.folder.path())
            .output()?;
        Ok(output)
    }

    /// Every tenant's TeleCloud key is known, and its secret reaches the carrier.
    async fn assert_serves(&self, gateway: &Gateway) -> Result<()> {
        for tenant in TENANTS {
            let told = call(gateway, tenant).await?;
            assert_eq!(told.element("SUCCESS").as_deref(), Some("Y"), "{}", told.as_str());
            let requests = self.carrier.requests();
            let sent = requests.last().context("a request")?;
            let expected = format!("Bearer {}", secret_of(tenant));
            assert_eq!(sent.header("authorization"), Some(expected.as_str()));
        }
        Ok(())
    }
}

fn key(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn done(output: &Output) -> Result<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && errors.is_empty(),
        "{}: {errors}",
        output.status
    );
    Ok(String::from_utf8(output.stdout.clone())?)
}

fn refused(output: &Output) -> Result<String> {
    ensure!(output.status.code() == Some(1), "{}", output.status);
    Ok(String::from_utf8(output.stderr.clone())?)
}

#[tokio::test]
async fn a_new_root_key_is_the_only_one_from_then_on_also_after_a_power_failure() -> Result<()> {
    let world = World::new().await?;
    let power = PowerLoss::watch(world.folder.path())?;
    let recorded = power.envs()?;
    let recorded: Vec<_> = recorded
        .iter()
        .map(|(name, value)| (*name, value.to_str().expect("text")))
        .collect();
    let said = done(&world.vault(&["rotate-root-key", "--new-key-file", "new.key"], &recorded)?)?;
    assert!(said.contains("the root key was replaced"), "{said}");
    // What was said to be done is on the disk: the data, and the file of the new key.
    let left = Arc::new(tempfile::tempdir()?);
    power.fail(left.path(), Unsynced::Lost)?;

    let error = Gateway::start_in(Arc::clone(&left), &[]).err().context("the old key")?;
    assert!(error.to_string().contains("was written with another key"), "{error}");
    let new = key(left.path(), "new.key");
    let gateway = Gateway::start_in(left, &["--key-file", &new])?;
    world.assert_serves(&gateway).await
}

#[tokio::test]
async fn a_new_data_key_opens_what_was_there_and_nothing_that_is_put_back() -> Result<()> {
    let world = World::new().await?;
    let data = world.folder.path().join("data");
    let place = format!("tenants/acme/modules/{MODULE}/secrets/token/sealed");
    let older = {
        let documents = Stores::open(&data)?.documents;
        documents.get(&place).await?.context("a secret")?.value
    };
    // The root key may come from a variable.
    let digits = std::fs::read_to_string(world.folder.path().join("data.key"))?;
    let said = done(&world.vault(&["rotate-data-key"], &[("PATCHBAY_KEY", digits.trim())])?)?;
    assert!(said.contains("were sealed anew"), "{said}");
    let gateway = Gateway::start_in(Arc::clone(&world.folder), &[])?;
    world.assert_serves(&gateway).await?;

    // A gateway that runs has the data for itself.
    let said = refused(&world.vault(&["rotate-data-key"], &[])?)?;
    assert!(said.contains("another patchbay process has it open"), "{said}");
    gateway.kill()?;

    // What the same place held before the key was replaced.
    {
        let documents = Stores::open(&data)?.documents;
        documents.put(&place, older, Expect::Anything).await?;
    }
    let error = Gateway::start_in(Arc::clone(&world.folder), &[])
        .err()
        .context("it is refused")?;
    assert!(
        error.to_string().contains("data key 1, which is not there any more"),
        "{error}"
    );
    Ok(())
}

/// Runs `patchbay trail …` as the platform admin.
fn trail(gateway: &Gateway, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program()?)
        .arg("trail")
        .args(arguments)
        .env("PATCHBAY_URL", gateway.admin().base())
        .env("PATCHBAY_TOKEN", ADMIN_TOKEN)
        .output()?;
    done(&output)
}

#[tokio::test]
async fn the_trail_says_which_keys_were_replaced_and_is_whole_with_the_new_ones() -> Result<()> {
    let world = World::new().await?;
    done(&world.vault(&["rotate-root-key", "--new-key-file", "new.key"], &[])?)?;
    // The same again, as after a crash: it changes nothing, so it is no other entry.
    done(&world.vault(&["rotate-root-key", "--new-key-file", "new.key"], &[])?)?;
    done(&world.vault(&["rotate-data-key", "--key-file", "new.key"], &[])?)?;
    let new = key(world.folder.path(), "new.key");
    let gateway = Gateway::start_in(Arc::clone(&world.folder), &["--key-file", &new])?;
    let listed: Value = serde_json::from_str(&trail(&gateway, &["list", "--object", "vault/", "--json"])?)?;
    let listed = listed["items"].as_array().context("entries")?;
    let told: Vec<_> = listed
        .iter()
        .map(|entry| (&entry["by"]["kind"], &entry["verb"], &entry["object"]))
        .collect();
    let rotated = |what: &'static str| (json!("gateway"), json!("rotate"), json!(what));
    let (data, root) = (rotated("vault/data-key"), rotated("vault/root-key"));
    assert_eq!(told, [(&data.0, &data.1, &data.2), (&root.0, &root.1, &root.2)]);
    // What was written before is there, and follows.
    assert!(trail(&gateway, &["list"])?.contains("tenants/acme"));
    assert!(trail(&gateway, &["list", "acme"])?.contains("secrets/token"));
    for tenant in [&[][..], &["acme"]] {
        trail(&gateway, &[&["verify"], tenant].concat())?;
    }
    Ok(())
}

#[test]
fn a_key_file_that_is_in_the_data_directory_by_another_name_is_refused() -> Result<()> {
    let folder = Arc::new(tempfile::tempdir()?);
    std::fs::create_dir(folder.path().join("data"))?;
    symlink(folder.path().join("data"), folder.path().join("keys"))?;
    let inside = key(folder.path(), "keys/root.key");
    let error = Gateway::start_in(Arc::clone(&folder), &["--key-file", &inside]);
    let error = error.err().context("it is refused")?.to_string();
    assert!(error.contains("it must be outside of data_dir"), "{error}");
    assert!(!Path::new(&inside).exists(), "none was made there");
    Ok(())
}

#[test]
fn a_process_that_dies_leaves_no_core_with_its_keys_in_it() -> Result<()> {
    let gateway = Gateway::start()?;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid()))?;
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let core: Vec<_> = core.context("a limit")?.split_whitespace().take(2).collect();
    assert_eq!(core, ["0", "0"]);
    Ok(())
}

#[tokio::test]
async fn what_was_sealed_for_one_tenant_is_refused_as_anothers() -> Result<()> {
    let world = World::new().await?;
    let places = TENANTS.map(|tenant| format!("tenants/{tenant}/modules/{MODULE}/secrets/token/sealed"));
    {
        let documents = Stores::open(&world.folder.path().join("data"))?.documents;
        let mut values = Vec::new();
        for place in &places {
            values.push(documents.get(place).await?.context("a secret")?.value);
        }
        values.reverse();
        let put = |(key, value): (&String, _)| Change::Put {
            key: key.clone(),
            value,
            expect: Expect::Anything,
        };
        let changes = places.iter().zip(values).map(put).collect();
        documents.write(changes, Durability::Synced).await?;
    }
    let error = Gateway::start_in(Arc::clone(&world.folder), &[])
        .err()
        .context("it is refused")?;
    let error = error.to_string();
    assert!(
        error.contains(&places[0]) && error.contains("sealed for another place"),
        "{error}"
    );
    // Rotation does not make it right either.
    let said = refused(&world.vault(&["rotate-data-key"], &[])?)?;
    assert!(said.contains(&places[0]), "{said}");
    Ok(())
}
