//! Modules that cannot run, or fail as they do.

use patchbay::domain::call::Usage;
use patchbay_tests::gateway::Deployment;
use serde_json::{Value, json};

use crate::e2e::stage::{MODULE, Stage, TENANT, assert_failed, assert_succeeded, detail_of};

const FAILED: &str = "Module Error: the module failed, nothing was changed. Ask the integrator to look at the call.";

/// The hostile module fails in this mode; gives the record of the call.
async fn failed_call(config: Value) -> Value {
    call_told(FAILED, config, json!({})).await
}

/// The hostile module runs into a limit, which TeleCloud is told; gives the record of the call.
async fn limited_call(limit: &str, config: Value, most: u64) -> Value {
    let told = format!(
        "Module Error: the module ran into its limit {limit}, nothing was changed. Ask the integrator to look at the call."
    );
    let call = call_told(&told, config, json!({ limit: most })).await;
    assert_eq!(call["usage"]["hit"], json!([limit]));
    assert_eq!(call["usage"]["limits"][limit], most);
    call
}

async fn call_told(told: &str, config: Value, limits: Value) -> Value {
    let stage = Stage::with_hostile(config, limits).await;
    assert_failed(&stage.activate().await, told);
    let call = stage.call().await;
    assert_eq!(stage.calls().await.len(), 1);
    assert_eq!(call["version"], 1);
    assert_eq!(call["event"]["service"], "Order/Create");
    assert_eq!(call["reply"], json!({ "success": "N", "error": told }));
    assert_eq!(call["exchanges"], json!([]));
    assert!(call["usage"]["memory_bytes"].as_u64() > Some(0), "{call:#}");
    stage.assert_carrier_untouched();
    call
}

/// The module has not run, and the record says why.
async fn assert_never_ran(stage: &Stage, detail: &str) {
    let call = stage.call().await;
    assert_eq!(detail_of(&call, "refused"), detail);
    assert_eq!(call["usage"], json!(Usage::default()));
    stage.assert_carrier_untouched();
}

#[tokio::test]
async fn a_suspended_module_refuses_until_it_is_resumed() {
    let stage = Stage::with_sim_activation().await;
    let path = format!("/v1/tenants/{TENANT}/modules/{MODULE}");
    let set = async |status: &str| {
        let module = json!({ "title": "Lines", "status": status });
        stage.gateway.admin().put(&path, module).await.expect("set");
    };
    set("suspended").await;
    let posted = stage.activate().await;
    assert_failed(
        &posted,
        "Module Error: this module is suspended. Ask its operator to resume it.",
    );
    assert_never_ran(&stage, "the module is suspended").await;
    set("active").await;
    assert!(stage.activate().await.body.contains("<SUCCESS>Y</SUCCESS>"));
}

#[tokio::test]
async fn a_module_without_an_active_version_refuses() {
    let stage = Stage::empty(&[]).await;
    stage.deploy(Deployment::of(stage.sim_activation().component)).await;
    let path = format!("/v1/tenants/{TENANT}/modules/bare");
    let admin = stage.gateway.admin();
    admin.put(&path, json!({ "title": "Bare" })).await.expect("made");
    let posted = stage.activate_at("bare").await;
    assert_failed(
        &posted,
        "Module Error: this module has no active version. Ask the integrator to activate one.",
    );
    let call = stage.call_of("bare").await;
    assert_eq!(
        detail_of(&call, "refused"),
        "the module has no active version, or it could not be made ready"
    );
    assert_eq!(call["version"], Value::Null);
    stage.assert_carrier_untouched();
}

#[tokio::test]
async fn a_module_that_panics_tells_its_author_where_and_why() {
    let call = failed_call(json!({ "mode": "trap" })).await;
    let detail = detail_of(&call, "faulted");
    assert_eq!(
        detail,
        "the module trapped: wasm trap: wasm `unreachable` instruction executed"
    );
    let last = call["log"].as_array().and_then(|lines| lines.last()).expect("a line");
    assert_eq!(last["level"], "error");
    let message = last["message"].as_str().expect("a text");
    assert!(
        message.starts_with("panicked at tests/guests/hostile/src/exhaust.rs:"),
        "{message}"
    );
    assert!(message.ends_with(": this module traps, as it was told to"), "{message}");
}

#[tokio::test]
async fn a_module_that_computes_for_ever_is_stopped() {
    let call = limited_call("cpu_ms", json!({ "mode": "spin" }), 50).await;
    let detail = detail_of(&call, "faulted");
    let expected =
        "the module ran into its limit cpu_ms of 50 ms of computing, which `patchbay module limits --cpu-ms` sets: ";
    assert!(detail.starts_with(expected), "{detail}");
    // Where it was is of use to its author.
    assert!(detail.ends_with(": computing time used up"), "{detail}");
}

#[tokio::test]
async fn a_module_that_takes_memory_for_ever_is_stopped() {
    const MOST: u64 = 8 << 20;
    let call = limited_call("memory_bytes", json!({ "mode": "grow" }), MOST).await;
    let detail = detail_of(&call, "faulted");
    let expected = format!(
        "the module ran into its limit memory_bytes of {MOST} bytes of memory, which `patchbay module limits \
         --memory-bytes` sets: "
    );
    assert!(detail.starts_with(&expected), "{detail}");
    let used = call["usage"]["memory_bytes"].as_u64().expect("a number");
    assert!((MOST / 2..=MOST).contains(&used), "it had {used} bytes of {MOST}");
}

#[tokio::test]
async fn a_module_that_sleeps_past_its_deadline_is_stopped() {
    let call = limited_call("deadline_ms", json!({ "mode": "sleep" }), 200).await;
    let detail = detail_of(&call, "faulted");
    // Nothing was on its way anywhere, so there is nothing to be gained by going on.
    assert_eq!(
        detail,
        "the module was not finished within its deadline of 200 ms, which `patchbay module limits --deadline-ms` sets"
    );
    let micros = call["micros"].as_u64().expect("a number");
    assert!(micros >= 200_000, "{micros} us are sooner than the deadline");
}

#[tokio::test]
async fn an_answer_with_a_var_that_there_is_not_is_none() {
    let call = failed_call(json!({ "mode": "claim", "claim": "var-21" })).await;
    assert_eq!(
        detail_of(&call, "faulted"),
        "the module gave an answer that is none: VAR21 is not one of VAR1 to VAR20"
    );
}

#[tokio::test]
async fn a_flood_of_log_lines_is_bounded_and_cannot_paint() {
    const LINES: usize = 10_000;
    const KEPT_BYTES: usize = 16 << 10;
    let limits = json!({ "log_bytes": KEPT_BYTES });
    let stage = Stage::empty(&["--log", "info,patchbay=debug"]).await;
    let flood = stage.hostile(json!({ "mode": "log-flood" }), limits);
    stage.deploy(flood).await;
    assert_succeeded(&stage.activate().await, "");
    let call = stage.call().await;
    detail_of(&call, "done");

    let lines = call["log"].as_array().expect("a list");
    let messages: Vec<_> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    let kept: usize = messages.iter().map(|message| message.len()).sum();
    // What is left when the last line comes is filled up, and the mark that it was cut goes on top.
    assert!(
        (KEPT_BYTES / 2..=KEPT_BYTES + 16).contains(&kept),
        "{kept} bytes are kept"
    );
    assert!(messages[0].starts_with("\\u{1b}[31mflood\\nxxx"), "{}", messages[0]);
    assert!(!messages.iter().any(|message| message.contains(char::is_control)));
    let one_line = "\u{1b}[31mflood\n".len() + 1024;
    assert_eq!(call["usage"]["log_bytes"], LINES * one_line);
    assert_eq!(call["usage"]["log_lines_dropped"], LINES - lines.len());

    // And the process's own log has none of it.
    let log = stage.log_that_says("call ended", 1).await;
    assert!(!log.iter().any(|line| line.contains("flood")), "{log:#?}");
}
