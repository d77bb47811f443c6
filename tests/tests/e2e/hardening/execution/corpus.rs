//! Every component of `tests/hostile`, in the real gateway, with an ordinary module beside it.

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

/// By how much a module can go over its computing time here: a tick of 10 ms, and as much as the ticker and the first touch
/// of 60 MiB may take on a machine on which everything else is busy as well. How exact it is, the torture measures.
const OVERRUN_MICROS: u64 = 500_000;

#[tokio::test]
async fn each_hostile_component_ends_as_it_must_and_the_next_ordinary_call_is_right() {
    let gateway = Gateway::start().expect("the gateway starts");
    let ordinary = with(json!({ "mode": "echo" })).expect("the guest is built");
    gateway
        .admin()
        .deploy(ORDINARY, MODULE, ordinary)
        .await
        .expect("deployed");
    let hostile = all().expect("they can be read");
    let tried = stream::iter(&hostile).map(async |hostile| run(&gateway, hostile).await);
    let ended: Vec<_> = tried.buffer_unordered(AT_ONCE).collect().await;
    let wrong: Vec<_> = ended.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), hostile.len());
}

/// Calls one, as the module of a tenant of its own, and then the ordinary one.
async fn run(gateway: &Gateway, hostile: &Hostile) -> Result<()> {
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
    if let (Some(most), true) = (hostile.limits["cpu_ms"].as_u64(), record["outcome"] == "faulted") {
        let used = record["usage"]["cpu_micros"].as_u64().context("a number")?;
        let range = most * 1_000..most * 1_000 + OVERRUN_MICROS;
        ensure!(range.contains(&used), "{tenant}: {used} us of {most} ms");
    }

    let beside = call_with(gateway, ORDINARY, &order(tenant)).await?;
    ensure!(
        beside.element("VAR4").as_deref() == Some(tenant),
        "after {tenant}: {beside:?}"
    );
    Ok(())
}
