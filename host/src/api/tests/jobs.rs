//! Jobs: looked at, and stepped in.

use serde_json::{Value, json};

use super::world::{ADMIN, World};
use crate::domain::tenant::Scope;

const JOBS: &str = "/v1/tenants/acme/jobs";

async fn act(world: &World, token: &str, action: Value) -> super::world::Answer {
    let path = format!("{JOBS}/{{job}}/actions");
    world.send("POST", &path, token, Some(&action)).await
}

#[tokio::test]
async fn a_job_is_listed_where_it_stands() {
    let world = World::new().await;
    let rows = [
        ("", 1),
        ("?module=sim&stage=pending", 1),
        ("?stage=fallout", 0),
        ("?module=other", 0),
        ("?after={job}", 0),
        ("?limit=1", 1),
    ];
    for (query, found) in rows {
        let listed = world.send("GET", &format!("{JOBS}{query}"), ADMIN, None).await;
        let items = listed.body["items"].as_array().expect("a list");
        assert_eq!(items.len(), found, "{query}: {}", listed.body);
        assert_eq!(listed.body["next"], Value::Null, "{query}");
    }
    let job = world.send("GET", &format!("{JOBS}/{{job}}"), ADMIN, None).await.body;
    assert_eq!(job["call"], world.job);
    assert_eq!(
        [
            &job["stage"],
            &job["told"],
            &job["account_number"],
            &job["order_number"]
        ],
        [&json!("pending"), &json!("pending"), &json!("9105012"), &Value::Null]
    );
    assert_eq!(job["actions"], json!(["check-again", "link", "done"]));
}

#[tokio::test]
async fn what_a_person_does_is_signed_with_the_label_of_the_token() {
    let world = World::new().await;
    let operator = world.token("acme", &[Scope::Operate]).await;
    let link = json!({"action": "link", "order_number": "4617ZU4617"});
    let linked = act(&world, &operator, link).await;
    assert_eq!(linked.body["order_number"], "4617ZU4617");
    assert_eq!(linked.body["actions"], json!(["check-again", "tell", "done"]));

    let vars = json!({"action": "tell", "status": "active", "vars": {"3": "2025550143"}});
    let told = act(&world, ADMIN, vars).await;
    assert_eq!(
        (&told.body["stage"], &told.body["news"]),
        (&json!("telling"), &json!(true))
    );
    let closed = act(&world, ADMIN, json!({"action": "done"})).await;
    assert_eq!((closed.status.as_u16(), closed.body), (204, Value::Null));

    let gone = world.send("GET", &format!("{JOBS}/{{job}}"), ADMIN, None).await;
    assert_eq!(
        (gone.status.as_u16(), &gone.body["code"]),
        (404, &json!("job-not-found"))
    );
    let call = world
        .send("GET", "/v1/tenants/acme/calls/{job}", ADMIN, None)
        .await
        .body;
    let after = call["after"].as_array().expect("what happened later");
    let signed: Vec<_> = after.iter().map(|step| (&step["by"], &step["what"])).collect();
    let tokens = world.send("GET", "/v1/tenants/acme/tokens", ADMIN, None).await.body;
    let id = tokens["items"][1]["id"].as_str().expect("an id");
    assert_eq!(
        signed,
        [
            // The token has no label.
            (
                &json!({"operator": format!("token {id}")}),
                &json!("the order's number is known now")
            ),
            (
                &json!({"operator": "platform admin"}),
                &json!("TeleCloud is to be told")
            ),
            (&json!({"operator": "platform admin"}), &json!("closed by hand")),
        ]
    );
    assert_eq!(call["outcome"], "done");
}

#[tokio::test]
async fn what_is_not_safe_or_no_action_is_refused_with_the_reason() {
    let world = World::new().await;
    let rows = [
        (
            json!({"action": "run-again", "it_did_not_happen": true}),
            409,
            "running it again could have it done twice.",
        ),
        (json!({"action": "tell"}), 409, "give a status or VARs."),
        (
            json!({"action": "tell", "status": "active", "error_text": "x"}),
            409,
            "goes with the status failed only.",
        ),
        (json!({"action": "link", "order_number": " "}), 409, "is empty."),
        (json!({"action": "refund"}), 422, "unknown variant `refund`"),
        (json!({"action": "check-again", "why": "x"}), 422, "unknown field `why`"),
        (json!({"action": "run-again"}), 422, "it_did_not_happen"),
        (
            json!({"action": "tell", "vars": {"21": "x"}}),
            422,
            "\"21\" is not the number of a VAR",
        ),
        (
            json!({"action": "tell", "status": "gone"}),
            422,
            "unknown variant `gone`",
        ),
        (json!({}), 422, "action"),
        (json!(["check-again"]), 422, "expected an object"),
        (json!("done"), 422, "expected an object"),
    ];
    for (action, status, reason) in rows {
        let refused = act(&world, ADMIN, action.clone()).await;
        let detail = refused.body["detail"].as_str().expect("a detail");
        assert_eq!(refused.status.as_u16(), status, "{action}: {detail}");
        assert!(detail.contains(reason), "{action}: {detail}");
    }
    let job = world.send("GET", &format!("{JOBS}/{{job}}"), ADMIN, None).await.body;
    assert_eq!((&job["stage"], &job["news"]), (&json!("pending"), &json!(false)));
}

#[tokio::test]
async fn a_job_that_is_not_there_and_a_query_that_cannot_be_read_are_problems() {
    let world = World::new().await;
    let rows = [
        ("/none", 404, "no open job for call \"none\""),
        ("/{call}", 404, "it is over, or never was"),
        ("?stage=lost", 400, "unknown variant `lost`"),
        ("?limit=0", 400, "limit must be 1 to 200"),
        ("?order=1", 400, "unknown field `order`"),
    ];
    for (path, status, reason) in rows {
        let answer = world.send("GET", &format!("{JOBS}{path}"), ADMIN, None).await;
        let detail = answer.body["detail"].as_str().expect("a detail");
        assert_eq!(answer.status.as_u16(), status, "{path}: {detail}");
        assert!(detail.contains(reason), "{path}: {detail}");
    }
    let action = json!({"action": "done"});
    let answer = world
        .send("POST", &format!("{JOBS}/{{call}}/actions"), ADMIN, Some(&action))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["code"]),
        (404, &json!("job-not-found"))
    );
}

#[tokio::test]
async fn a_callback_url_changes_only_when_it_is_asked_to() {
    let world = World::new().await;
    let sim = "/v1/tenants/acme/modules/sim";
    let show = || world.send("GET", "/v1/tenants/acme/modules/sim/callback", ADMIN, None);
    let first = show().await;
    assert_eq!(first.headers["cache-control"], "no-store");
    let path = first.body["path"].as_str().expect("a path");
    let secret = path.strip_prefix("/m/acme/sim/callback/").expect("below the module");
    assert!(
        secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{secret}"
    );
    world.send("PUT", sim, ADMIN, Some(&json!({"title": "Another"}))).await;
    assert_eq!(show().await.body, first.body);

    let second = world
        .send("POST", &format!("{sim}/callback-rotation"), ADMIN, None)
        .await;
    assert_ne!(second.body, first.body);
    assert_eq!(show().await.body, second.body);

    // A module that is made anew is another one, also to who knew the old one's URL.
    world.send("DELETE", sim, ADMIN, None).await;
    world.send("PUT", sim, ADMIN, Some(&json!({}))).await;
    let third = show().await;
    assert_ne!(third.body, first.body);
    assert_ne!(third.body, second.body);
}
