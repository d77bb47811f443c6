//! Settings that are changed one by one.

use super::{ADMIN, Gateway, run};

#[tokio::test]
async fn a_schedule_is_set_shown_and_unset_and_the_rest_stays() {
    let gateway = Gateway::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("schedules.json");
    std::fs::write(
        &path,
        r#"{"usage": {"components": {"7": {"unit_divisor": 60, "decimals": 1, "var": 9}}}}"#,
    )
    .expect("written");
    gateway
        .json(&format!("schedule replace acme sim {}", path.display()))
        .await;
    let set = "schedule set acme sim usage --cron @ --time-zone America/New_York --jitter-s 60";
    let words = set.split(' ').map(|word| if word == "@" { "30 4 * * *" } else { word });
    let words = words.chain(["--url", &gateway.url, "--token", ADMIN]);
    let ran = run(words, "", false).await;
    assert_eq!((ran.code, ran.errors.as_str()), (0, ""));
    let shown = gateway.run("schedule show acme sim").await.output;
    for line in [
        "usage      30 4 * * * (America/New_York), put off by up to 60 s",
        "audit      not scheduled",
        "component  7: divided by 60, rounded down to 1 digits after the point, reported as cumulative, saved in VAR9",
        "audit by   subscriber id in VAR14, MDN in VAR3, ICCID in VAR2",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let declined = gateway.run("schedule unset acme sim audit").await;
    assert_eq!((declined.code, declined.output.as_str()), (1, ""));
    let left = gateway.json("schedule unset acme sim usage").await;
    assert_eq!(left["schedules"], serde_json::json!({}));
    assert_eq!(left["usage"]["components"]["7"]["unit_divisor"], 60);
}

#[tokio::test]
async fn what_is_set_one_by_one_keeps_the_rest() {
    let gateway = Gateway::start().await;
    gateway.json("config set acme sim plan=gold").await;
    let config = gateway.json("config list acme sim").await;
    assert_eq!(config, serde_json::json!({"plan": "gold", "region": "west"}));
    gateway
        .json("grant add acme sim second --host b.example --method POST --path /v1/{id} --requests 3")
        .await;
    let grants = gateway.json("grant list acme sim").await;
    assert_eq!(grants[0]["name"], "carrier");
    assert_eq!(
        (&grants[1]["name"], &grants[1]["requests"]),
        (&"second".into(), &3.into())
    );

    gateway.json("module limits acme sim --cpu-ms 50").await;
    gateway.json("module suspend acme sim").await;
    let module = gateway.json("module limits acme sim --requests 3").await;
    assert_eq!(module["status"], "suspended");
    assert_eq!(module["active"], 1);
    assert_eq!(
        (&module["limits"]["cpu_ms"], &module["limits"]["requests"]),
        (&50.into(), &3.into())
    );
}

#[tokio::test]
async fn a_secret_is_read_from_where_it_was_said_without_its_line_break() {
    let gateway = Gateway::start().await;
    let ran = gateway
        .run_with("secret set acme sim token", ADMIN, "hunter2\r\n")
        .await;
    assert_eq!(ran.code, 0, "{}", ran.errors);
    let serving = gateway.world.table.serving("acme", "sim").expect("serving");
    let token = serving
        .settings
        .secrets
        .iter()
        .find(|(name, _)| name.as_str() == "token");
    assert_eq!(token.map(|(_, secret)| secret.expose()), Some("hunter2"));

    // Cargo sets this one for every test.
    let line = "secret set acme sim version --value-env CARGO_PKG_VERSION";
    assert_eq!(gateway.run(line).await.code, 0);
    let serving = gateway.world.table.serving("acme", "sim").expect("serving");
    let version = serving
        .settings
        .secrets
        .iter()
        .find(|(name, _)| name.as_str() == "version");
    assert_eq!(
        version.map(|(_, secret)| secret.expose()),
        Some(env!("CARGO_PKG_VERSION"))
    );

    let words = [
        "secret",
        "set",
        "acme",
        "sim",
        "x",
        "--token",
        ADMIN,
        "--url",
        &gateway.url,
    ];
    let typed = run(words, "", true).await;
    assert_eq!(typed.code, 2);
    assert!(typed.errors.contains("pipe the value in"), "{}", typed.errors);
}
