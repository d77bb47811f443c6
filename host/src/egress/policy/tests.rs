use serde_json::{Value, json};

use super::*;

/// A grant for POST to api.carrier.example/v1/lines, with `changes` made to it.
#[expect(clippy::needless_pass_by_value, reason = "so that tables can write it in place")]
fn grant(changes: Value) -> Grant {
    let mut grant = json!({
        "name": "carrier-api",
        "host": "api.carrier.example",
        "methods": ["POST"],
        "paths": ["/v1/lines"],
    });
    for (field, value) in changes.as_object().expect("an object") {
        grant[field] = value.clone();
    }
    serde_json::from_value(grant).expect("a grant")
}

fn decide(grants: Vec<Grant>, method: &str, url: &str) -> Result<String, String> {
    decide_during(ActionKind::Create, grants, method, url)
}

fn decide_during(action: ActionKind, grants: Vec<Grant>, method: &str, url: &str) -> Result<String, String> {
    let policy = Policy::compile(grants).expect("valid grants");
    let target = Target::parse(&url.parse().expect("a URL")).map_err(|bad| bad.to_string())?;
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let decision = policy.permit(&target, &method, action);
    decision
        .map(|permit| permit.grant().name.to_string())
        .map_err(|denied| denied.to_string())
}

#[test]
fn what_no_grant_comes_near_is_told_which_grant_to_add() {
    for (url, expected) in [
        (
            "https://other.example/v1/x?q=1",
            "no grant allows POST https://other.example/v1/x during create: add a grant with host \"other.example\", \
             method \"POST\" and a path that matches \"/v1/x\"",
        ),
        (
            "http://other.example:8080/",
            "no grant allows POST http://other.example:8080/ during create: add a grant with scheme \"http\", host \
             \"other.example\", port 8080, method \"POST\" and a path that matches \"/\"",
        ),
        (
            "https://[2606:4700::1]/",
            "no grant allows POST https://[2606:4700::1]/ during create: add a grant with host \"2606:4700::1\", method \
             \"POST\" and a path that matches \"/\"",
        ),
    ] {
        assert_eq!(decide(vec![grant(json!({}))], "POST", url), Err(expected.to_owned()));
        assert_eq!(decide(Vec::new(), "POST", url), Err(expected.to_owned()));
    }
}

#[test]
fn a_near_miss_names_the_grant_and_what_is_different() {
    let url = "https://api.carrier.example/v1/lines";
    for (changes, method, url, expected) in [
        (
            json!({}),
            "POST",
            "http://api.carrier.example/v1/lines",
            "grant \"carrier-api\" has this host, but for https and not http",
        ),
        (
            json!({}),
            "POST",
            "https://api.carrier.example:8443/v1/lines",
            "grant \"carrier-api\" has this host, but on port 443 and not 8443",
        ),
        (
            json!({"port": 8443}),
            "POST",
            url,
            "grant \"carrier-api\" has this host, but on port 8443 and not 443",
        ),
        (
            json!({"paths": ["/v1/sims", "/v2/**"]}),
            "POST",
            url,
            "grant \"carrier-api\" has this host, but \"/v1/lines\" matches none of its paths (/v1/sims, /v2/**)",
        ),
        (
            json!({"paths": ["/a", "/b", "/c", "/d", "/e"]}),
            "POST",
            url,
            "grant \"carrier-api\" has this host, but \"/v1/lines\" matches none of its paths (/a, /b, /c, and 2 more)",
        ),
        (
            json!({"methods": ["GET", "PUT"]}),
            "POST",
            url,
            "grant \"carrier-api\" has this host and path, but POST is none of its methods (GET, PUT)",
        ),
        (
            json!({"methods": []}),
            "POST",
            url,
            "grant \"carrier-api\" has this host and path, but POST is none of its methods (it has none)",
        ),
        (
            json!({}),
            "post",
            url,
            "grant \"carrier-api\" has this host and path, but post is none of its methods (POST)",
        ),
        (
            json!({"actions": ["cancel", "swap"]}),
            "POST",
            url,
            "grant \"carrier-api\" allows it only during swap, cancel",
        ),
    ] {
        let denied = decide(vec![grant(changes)], method, url).expect_err("denied");
        let expected = format!("no grant allows {method} {url} during create: {expected}");
        assert_eq!(denied, expected);
    }
}

#[test]
fn the_nearest_of_several_grants_is_named() {
    let grants = vec![
        grant(json!({"name": "other", "host": "other.example"})),
        grant(json!({"name": "wrong-port", "port": 8443})),
        grant(json!({"name": "wrong-action", "actions": ["cancel"]})),
        grant(json!({"name": "wrong-path", "paths": ["/v2"]})),
    ];
    let denied = decide(grants, "POST", "https://api.carrier.example/v1/lines").expect_err("denied");
    assert!(
        denied.ends_with("grant \"wrong-action\" allows it only during cancel"),
        "{denied}"
    );
}

#[test]
fn the_first_grant_that_fits_lets_a_request_out() {
    let grants = vec![
        grant(json!({"name": "cancel-only", "actions": ["cancel"]})),
        grant(json!({"name": "first", "actions": ["create"]})),
        grant(json!({"name": "second"})),
    ];
    assert_eq!(
        decide(grants, "POST", "https://api.carrier.example/v1/lines"),
        Ok("first".to_owned())
    );
}

#[test]
fn a_module_that_only_looks_changes_nothing() {
    let url = "https://api.carrier.example/v1/lines";
    let wide = || grant(json!({"methods": ["GET", "HEAD", "POST"]}));
    for action in [ActionKind::Reconcile, ActionKind::Usage, ActionKind::Audit] {
        for method in ["GET", "HEAD"] {
            assert_eq!(
                decide_during(action, vec![wide()], method, url),
                Ok("carrier-api".to_owned())
            );
        }
        assert_eq!(
            decide_during(action, vec![wide()], "POST", url),
            Err(format!(
                "no grant allows POST {url} during {action}: grant \"carrier-api\" lets it out, but a module must change \
                 nothing during {action}: if the carrier changes nothing on POST there, add a grant for it that is read_only"
            ))
        );
        let look_up = grant(json!({"name": "look-up", "read_only": true}));
        assert_eq!(
            decide_during(action, vec![wide(), look_up], "POST", url),
            Ok("look-up".to_owned())
        );
        assert_eq!(
            decide_during(action, Vec::new(), "POST", url),
            Err(format!(
                "no grant allows POST {url} during {action}: add a grant with host \"api.carrier.example\", method \
                 \"POST\" and a path that matches \"/v1/lines\", marked read_only"
            ))
        );
    }
    // What completes an order may have to do something for it.
    for action in [ActionKind::Completion, ActionKind::ChangePassword] {
        assert!(decide_during(action, vec![wide()], "POST", url).is_ok());
    }
}

#[test]
fn a_grant_for_an_action_does_not_hold_for_what_follows_it() {
    let url = "https://api.carrier.example/v1/lines";
    let for_orders = || vec![grant(json!({"actions": ["create"]}))];
    for action in [ActionKind::Completion, ActionKind::Reconcile] {
        assert_eq!(
            decide_during(action, for_orders(), "POST", url),
            Err(format!(
                "no grant allows POST {url} during {action}: grant \"carrier-api\" allows it only during create"
            ))
        );
    }
    let for_both = vec![grant(json!({"actions": ["create", "completion"]}))];
    assert!(decide_during(ActionKind::Completion, for_both, "POST", url).is_ok());
}

#[test]
fn a_secret_gets_out_by_a_grant_that_lists_it_and_holds_for_the_action() {
    let secret = SecretName::parse("new-password").expect("a name");
    let rows = [
        (json!({}), false),
        (json!({"secrets": ["new-password"]}), true),
        (json!({"secrets": ["token"]}), false),
        (json!({"secrets": ["new-password"], "actions": ["create"]}), false),
        (
            json!({"secrets": ["new-password"], "actions": ["change-password"]}),
            true,
        ),
    ];
    for (changes, out) in rows {
        let policy = Policy::compile(vec![grant(changes.clone())]).expect("a grant");
        assert_eq!(policy.lets_out(&secret, ActionKind::ChangePassword), out, "{changes}");
    }
}

#[test]
fn a_wildcard_is_exactly_one_label() {
    for (host, fits) in [
        ("api.a.com", true),
        ("API.A.COM.", true),
        ("a.com", false),
        ("ba.com", false),
        ("x.ba.com", false),
        ("x.y.a.com", false),
        ("a.com.evil.example", false),
        ("x.a.com.evil.example", false),
    ] {
        let decision = decide(
            vec![grant(json!({"host": "*.a.com"}))],
            "POST",
            &format!("https://{host}/v1/lines"),
        );
        assert_eq!(decision.is_ok(), fits, "{host}");
    }
}

#[test]
fn no_spelling_of_a_path_gets_past_its_template() {
    let grants = || vec![grant(json!({"paths": ["/v1/lines/{mdn}/sim", "/open/**"]}))];
    for path in ["/v1/lines/2025550143/sim", "/open/a/b", "/open/", "/%6fpen/a"] {
        let url = format!("https://api.carrier.example{path}");
        assert!(decide(grants(), "POST", &url).is_ok(), "{path}");
    }
    for path in [
        "/v1/lines//sim",
        "/v1/lines/a%2fb/sim",
        "/v1/lines/a/b/sim",
        "/v1/lines/../sim",
        "/v1/lines/%2e%2e/sim",
        "/open/../v1",
        "/open/..;/v1",
        "/open/%252e%252e/v1",
        "/open/..%5cv1",
        "/open",
        "//open/a",
        "/v1/lines/a/sim/",
        "/V1/lines/a/sim",
    ] {
        let url = format!("https://api.carrier.example{path}");
        assert!(decide(grants(), "POST", &url).is_err(), "{path}");
    }
}

#[test]
fn a_grant_that_says_something_impossible_is_told_what_is_right() {
    for (changes, expected) in [
        (
            json!({"host": "https://api.carrier.example/"}),
            "host: \"https://api.carrier.example/\" must be a host alone, without scheme, port, path or brackets, such as \
             \"api.carrier.example\"",
        ),
        (
            json!({"host": "API.carrier.example."}),
            "host: write \"API.carrier.example.\" in lower case and without a final dot: \"api.carrier.example\"",
        ),
        (
            json!({"host": "bücher.example"}),
            "host: host \"bücher.example\" must be written in its ASCII form, with labels that begin with xn--",
        ),
        (
            json!({"host": "2130706433"}),
            "host: host \"2130706433\" is an unusual spelling of an address: write four decimal numbers, such as 192.0.2.1",
        ),
        (json!({"host": ""}), "host: the host is missing"),
        (
            json!({"host": "*"}),
            "host: \"*\" may have a star only as its whole first label, such as \"*.carrier.example\"",
        ),
        (
            json!({"host": "a.*.example"}),
            "host: \"a.*.example\" may have a star only as its whole first label, such as \"*.carrier.example\"",
        ),
        (
            json!({"host": "*.com"}),
            "host: \"*.com\" covers too much: write at least two labels after the star",
        ),
        (
            json!({"host": "*.127.0.0.1"}),
            "host: \"*.127.0.0.1\" covers too much: write at least two labels after the star",
        ),
        (json!({"host": "::0001"}), "host: write the address as \"::1\""),
        (
            json!({"port": 0}),
            "port: 0 is not a port: write 1 to 65535, or leave it out",
        ),
        (
            json!({"methods": ["get"]}),
            "methods: write \"get\" in upper case: \"GET\"",
        ),
        (
            json!({"methods": ["G T"]}),
            "methods: \"G T\" is not a method, such as \"GET\"",
        ),
        (
            json!({"methods": ["CONNECT"]}),
            "methods: CONNECT is not for carriers: a module may not open tunnels or have its headers echoed",
        ),
        (
            json!({"paths": ["v1"]}),
            "paths: \"v1\": the path must begin with \"/\"",
        ),
        (
            json!({"requests": 0}),
            "requests: 0 would allow nothing: write 1 or more, or leave it out for the module's own limit",
        ),
        (
            json!({"timeout_ms": 0}),
            "timeout_ms: must be 1 to 120000 milliseconds, and 0 is not",
        ),
        (
            json!({"timeout_ms": u64::MAX}),
            "timeout_ms: must be 1 to 120000 milliseconds, and 18446744073709551615 is not",
        ),
    ] {
        let error = Policy::compile(vec![grant(changes)]).expect_err(expected);
        assert_eq!(error.to_string(), format!("grant \"carrier-api\": {expected}"));
    }
    let error = Policy::compile(vec![grant(json!({})), grant(json!({}))]).expect_err("twice the same name");
    assert_eq!(
        error.to_string(),
        "grant \"carrier-api\": name: another grant has that name: each must be unique"
    );
}

#[test]
fn one_address_that_is_not_public_denies_all() {
    let policy = Policy::compile(vec![grant(json!({}))]).expect("valid");
    let target = Target::parse(&"https://api.carrier.example/v1/lines".parse().expect("a URL")).expect("a target");
    let permit = policy
        .permit(&target, &Method::POST, ActionKind::Create)
        .expect("granted");
    let public: SocketAddr = "8.8.8.8:443".parse().expect("an address");
    let inside: SocketAddr = "10.1.2.3:443".parse().expect("an address");
    assert!(permit.admit(&target.host, vec![public], &Named::new()).is_ok());
    for mixed in [vec![public, inside], vec![inside, public]] {
        assert_eq!(
            permit
                .admit(&target.host, mixed, &Named::new())
                .expect_err("denied")
                .to_string(),
            "api.carrier.example stands for 10.1.2.3, which is not a public address but private (10.0.0.0/8): grant \
             \"carrier-api\" reaches such an address only when it names a network that holds it, which takes a platform admin"
        );
    }
}
