//! Every component of `tests/hostile`, in the real gateway, with an ordinary module beside it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use patchbay::domain::limits::LimitName;
use patchbay_tests::gateway::Deployment;
use patchbay_tests::gateway::Gateway;
use patchbay_tests::hostile::{Expect, Hostile, all};
use serde_json::json;

use crate::e2e::hostile::{MODULE, call, call_with, order, with};

/// The tenant whose module only does its work.
const ORDINARY: &str = "ordinary";

/// As many as the gateway takes uploads.
const AT_ONCE: usize = 2;

/// By how much a module can go over its computing time: a tick of 10 ms, and the ticker may be late on a machine on which
/// everything else is busy as well. How exact it is, the torture measures.
const OVERRUN_MICROS: u64 = 100_000;

#[tokio::test]
async fn each_hostile_component_ends_as_it_must_and_the_next_ordinary_call_is_right() {
    let gateway = Gateway::start().expect("the gateway starts");
    let ordinary = with(json!({ "mode": "echo" })).expect("the guest is built");
    gateway
        .admin()
        .deploy(ORDINARY, MODULE, ordinary)
        .await
        .expect("deployed");
    let mut hostile = all().expect("they can be read");
    // Those that fill all of the machine's caches come last, and one by one: what one piece of their work takes was measured
    // in fresh memory by then, and they are not in each other's way.
    hostile.sort_by_key(|hostile| hostile.in_one_go.is_some());
    let together = hostile.iter().filter(|hostile| hostile.in_one_go.is_none());
    let tried = stream::iter(together).map(async |hostile| run(&gateway, hostile).await);
    let mut ended: Vec<_> = tried.buffered(AT_ONCE).collect().await;
    for hostile in hostile.iter().skip(ended.len()) {
        ended.push(run(&gateway, hostile).await);
    }
    let mut used = BTreeMap::new();
    let mut wrong = Vec::new();
    for (hostile, ended) in hostile.iter().zip(ended) {
        match ended {
            Ok(micros) => drop(used.insert(hostile.name.as_str(), micros)),
            Err(error) => wrong.push(error),
        }
    }
    wrong.extend(hostile.iter().filter_map(|hostile| is_in_time(hostile, &used).err()));
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), hostile.len());
}

/// Of one that was ended: was it soon after its computing time was up? `used` is what each has computed, in microseconds.
fn is_in_time(hostile: &Hostile, used: &BTreeMap<&str, u64>) -> Result<()> {
    let (Expect::Limit(LimitName::CpuMs, _), Some(computed)) = (&hostile.expect, used.get(hostile.name.as_str()))
    else {
        return Ok(());
    };
    let most = hostile.limits["cpu_ms"]
        .as_u64()
        .context("its computing time is not stated")?;
    let in_one_go = match &hostile.in_one_go {
        Some(name) => *used.get(name.as_str()).with_context(|| format!("{name} has not run"))?,
        None => 0,
    };
    let range = most * 1_000..most * 1_000 + OVERRUN_MICROS + in_one_go;
    ensure!(
        range.contains(computed),
        "{}: {computed} us of {most} ms, {in_one_go} us may be in one go",
        hostile.name
    );
    Ok(())
}

/// Calls one, as the module of a tenant of its own, and then the ordinary one. Gives what the one has computed, in
/// microseconds.
async fn run(gateway: &Gateway, hostile: &Hostile) -> Result<u64> {
    let deployment = Deployment {
        limits: hostile.limits.clone(),
        ..Deployment::of(hostile.component.to_vec())
    };
    let (tenant, admin) = (hostile.name.as_str(), gateway.admin());
    admin
        .deploy(tenant, MODULE, deployment)
        .await
        .with_context(|| tenant.to_owned())?;
    let told = call(gateway, tenant).await.with_context(|| tenant.to_owned())?;
    let record = admin.newest_call(tenant).await?;
    hostile.judge(&record)?;

    let expected = match &hostile.expect {
        Expect::Done(_) => String::new(),
        Expect::Limit(limit, _) => format!(
            "Module Error: the module ran into its limit {limit}, nothing was changed. Ask the integrator to look at the call."
        ),
        Expect::Trap(_) | Expect::NoAnswer(_) => {
            "Module Error: the module failed, nothing was changed. Ask the integrator to look at the call.".to_owned()
        }
    };
    ensure!(told.error() == expected, "{tenant}: TeleCloud was told {told:?}");
    if let Expect::Limit(limit, _) = &hostile.expect {
        let detail = record["detail"].as_str().unwrap_or_default();
        let option = format!("`patchbay module limits {}`", limit.option());
        ensure!(
            detail.contains(&option),
            "{tenant}: nothing says how to raise it: {detail}"
        );
        let usage = &record["usage"];
        let (used, most) = (&usage[limit.as_str()], &usage["limits"][limit.as_str()]);
        ensure!(
            !matches!(limit, LimitName::Handles | LimitName::HostCallBytes) || used.as_u64() >= most.as_u64(),
            "{tenant}: ended at {most}, having used {used}"
        );
    }

    let beside = call_with(gateway, ORDINARY, &order(tenant)).await?;
    ensure!(
        beside.element("VAR4").as_deref() == Some(tenant),
        "after {tenant}: {beside:?}"
    );
    record["usage"]["cpu_micros"].as_u64().context("a number")
}
