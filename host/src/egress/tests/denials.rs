//! Nothing is dialled that is not granted.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use super::rig::{Book, Canary, Carrier, Rig, local, resolver};
use crate::domain::call::Usage;
use crate::domain::limits::LimitName;
use crate::domain::name::{NetworkName, SecretName};
use crate::domain::network::Network;
use crate::domain::secret::Secret;
use crate::egress::networks::Named;
use crate::egress::{DoorError, Timeouts};

#[tokio::test]
async fn a_name_that_stands_for_an_address_inside_is_denied_and_not_dialled() {
    let canary = Canary::start();
    for (ips, ip, special, never) in [
        (vec!["127.0.0.1"], "127.0.0.1", "loopback", false),
        (vec!["::1"], "::1", "loopback", false),
        (vec!["0.0.0.0"], "0.0.0.0", "unspecified", true),
        (
            vec!["169.254.169.254"],
            "169.254.169.254",
            "link-local (169.254.0.0/16)",
            true,
        ),
        (
            vec!["::ffff:127.0.0.1"],
            "::ffff:127.0.0.1",
            "IPv4-mapped of 127.0.0.1, which is loopback",
            true,
        ),
        (
            vec!["64:ff9b::7f00:1"],
            "64:ff9b::7f00:1",
            "NAT64 (64:ff9b::/96) of 127.0.0.1, which is loopback",
            true,
        ),
        (vec!["8.8.8.8", "127.0.0.1"], "127.0.0.1", "loopback", false),
        (vec!["127.0.0.1", "8.8.8.8"], "127.0.0.1", "loopback", false),
    ] {
        let mut rig = Rig::to(canary.port()).with_grant("network", json!(null));
        rig.resolver = resolver(&ips);
        let error = rig.send(rig.post("{}")).await.expect_err("denied");
        let expected = match never {
            true => format!("api.carrier.example stands for {ip}, which is {special}: no grant leads there"),
            false => format!(
                "api.carrier.example stands for {ip}, which is not a public address but {special}: grant \"carrier-api\" reaches \
                 such an address only when it names a network that holds it, which takes a platform admin"
            ),
        };
        assert_eq!(error, DoorError::AddressDenied(expected.clone()));
        assert_eq!(rig.end(), format!("denied: {expected}"));
        assert_eq!(rig.resolver.asked.load(Ordering::SeqCst), 1, "looked up once");
        canary.assert_untouched(&expected);
    }
}

#[tokio::test]
async fn a_grant_that_names_a_network_leads_into_it_and_nowhere_else() {
    let canary = Canary::start();
    let outside =
        |ip: &str| format!("{ip}, which is not in network \"lab\", which is all that grant \"carrier-api\" reaches");
    for (ips, why) in [
        (vec!["127.0.0.1"], outside("127.0.0.1")),
        (vec!["10.21.0.1"], outside("10.21.0.1")),
        (vec!["::1"], outside("::1")),
        // Not the internet either: whoever the carrier's name stands for there is not the carrier that was meant.
        (vec!["8.8.8.8"], outside("8.8.8.8")),
        (vec!["127.9.0.1", "127.0.0.1"], outside("127.0.0.1")),
        (vec!["127.0.0.1", "127.9.0.1"], outside("127.0.0.1")),
        // What nobody may go to is out of reach although the network holds it.
        (
            vec!["100.100.100.200"],
            "100.100.100.200, which is a cloud's metadata service: no grant leads there".to_owned(),
        ),
    ] {
        let mut rig = Rig::to(canary.port()).with_grant("network", json!("lab"));
        let lab = json!({"name": "lab", "blocks": ["127.9.0.0/16", "100.64.0.0/10"]});
        rig.config.networks.replace(Named::from([lab_of(lab)]));
        rig.resolver = resolver(&ips);
        let error = rig.send(rig.post("{}")).await.expect_err("denied");
        assert_eq!(
            error,
            DoorError::AddressDenied(format!("api.carrier.example stands for {why}"))
        );
        canary.assert_untouched(&why);

        // A network that was removed under a grant, or never was, opens nothing.
        rig.config.networks.replace(Named::new());
        let error = rig.send(rig.post("{}")).await.expect_err("denied");
        assert!(matches!(error, DoorError::AddressDenied(_)), "{error}");
        canary.assert_untouched(&why);
    }
    let carrier = Carrier::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let rig = Rig::to(carrier.port);
    rig.send(rig.post("{}")).await.expect("in the network that it names");
}

fn lab_of(network: Value) -> (NetworkName, Network) {
    let network: Network = serde_json::from_value(network).expect("a network");
    (network.name.clone(), network)
}

#[tokio::test]
async fn no_spelling_of_loopback_reaches_it() {
    let canary = Canary::start();
    let port = canary.port();
    let mut rig = Rig::to(port).with_grant("network", json!(null));
    // Even a tenant who writes the address into a grant does not get there.
    let mut literal = rig.grants[0].clone();
    literal["name"] = json!("literal");
    literal["host"] = json!("127.0.0.1");
    rig.grants.push(literal);
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.01",
        "localhost",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[name]",
        "user@127.0.0.1",
        "api.carrier.example@127.0.0.1",
    ] {
        let url = format!("http://{host}:{port}/v1");
        // What is no URL at all does not reach the door.
        let Ok(request) = Request::post(&url).body(Full::default()) else {
            continue;
        };
        let error = rig.send(request).await.expect_err(&url);
        assert!(!error.was_sent(), "{url}: {error}");
        assert!(rig.end().starts_with("denied: "), "{url}: {}", rig.end());
        canary.assert_untouched(&url);
    }
    assert_eq!(
        rig.resolver.asked.load(Ordering::SeqCst),
        0,
        "none of them is looked up"
    );
}

#[tokio::test]
async fn loopback_over_ipv6_is_not_reached_either() {
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        // A machine without IPv6 has nothing there to be reached.
        return;
    }
    let canary = Canary::on(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let mut rig = Rig::to(canary.port()).with_grant("network", json!(null));
    rig.resolver = resolver(&["::1"]);
    rig.send(rig.post("{}")).await.expect_err("denied");
    canary.assert_untouched("::1");
}

#[tokio::test]
async fn a_request_that_no_grant_allows_is_on_record_and_not_looked_up() {
    let canary = Canary::start();
    let rig = Rig::to(canary.port()).with_grant("paths", json!(["/v2"]));
    let error = rig.send(rig.post("{}")).await.expect_err("denied");
    let url = rig.url("/v1/lines");
    let reason = format!(
        "no grant allows POST {url} during create: grant \"carrier-api\" has this host, but \"/v1/lines\" matches none of \
         its paths (/v2)"
    );
    assert_eq!(error, DoorError::Denied(reason.clone()));
    let started = format!("POST {url} \"{{}}\" by None read_only false placed 0");
    assert_eq!(rig.book.lines(), [started, format!("denied: {reason}")]);
    assert_eq!(rig.resolver.asked.load(Ordering::SeqCst), 0);
    canary.assert_untouched(&reason);
}

#[tokio::test]
async fn what_a_module_may_not_set_is_denied() {
    let canary = Canary::start();
    let rig = Rig::to(canary.port());
    for (name, value, expected) in [
        (
            "host",
            "evil.example",
            "the Host header is not the host of the URL: leave it out",
        ),
        (
            "content-length",
            "3",
            "the Content-Length header is not the body's length, 2: leave it out",
        ),
        (
            "transfer-encoding",
            "chunked",
            "a module may not set the transfer-encoding header: leave it out",
        ),
        (
            "connection",
            "keep-alive",
            "a module may not set the connection header: leave it out",
        ),
        (
            "x-http-method-override",
            "DELETE",
            "a module may not set the x-http-method-override header: leave it out",
        ),
        (
            "x-http-method",
            "DELETE",
            "a module may not set the x-http-method header: leave it out",
        ),
        (
            "x-method-override",
            "DELETE",
            "a module may not set the x-method-override header: leave it out",
        ),
        ("te", "trailers", "a module may not set the te header: leave it out"),
        (
            "trailer",
            "x-sum",
            "a module may not set the trailer header: leave it out",
        ),
        (
            "upgrade",
            "h2c",
            "a module may not set the upgrade header: leave it out",
        ),
        (
            "expect",
            "100-continue",
            "a module may not set the expect header: leave it out",
        ),
    ] {
        let mut request = rig.post("{}");
        request.headers_mut().append(name, value.parse().expect("a value"));
        let error = rig.send(request).await.expect_err(name);
        assert_eq!(error, DoorError::Denied(expected.to_owned()));
        canary.assert_untouched(name);
    }
    let mut request = rig.post("{}");
    for length in ["2", "3"] {
        request
            .headers_mut()
            .append("content-length", length.parse().expect("a value"));
    }
    rig.send(request).await.expect_err("two lengths");
    canary.assert_untouched("two lengths");
}

#[tokio::test]
async fn a_secret_that_the_grant_does_not_list_stays_inside() {
    let canary = Canary::start();
    let mut rig = Rig::to(canary.port());
    rig.secrets = [("token".parse().expect("a name"), Secret::new("t0ken".to_owned()))].into();
    let error = rig.send(rig.post("{{secret:token}}")).await.expect_err("denied");
    assert_eq!(
        error.to_string(),
        "grant \"carrier-api\" does not let secret \"token\" out: add it to the grant's secrets"
    );
    rig.grants[0]["secrets"] = json!(["token"]);
    let error = rig
        .send(rig.get("/v1/%7B%7Bsecret:token%7D%7D"))
        .await
        .expect_err("denied");
    assert_eq!(
        error.to_string(),
        "a secret cannot stand in the path, only in the query, a header's value or the body"
    );
    canary.assert_untouched("secrets");
}

#[tokio::test]
async fn a_user_name_in_a_url_is_denied_and_not_recorded() {
    let canary = Canary::start();
    let rig = Rig::to(canary.port());
    let url = format!("http://avery:hunter2@api.carrier.example:{}/v1", canary.port());
    let request = Request::get(&url).body(Full::default()).expect("a request");
    let error = rig.send(request).await.expect_err("denied");
    let why = "the URL has a user name in it: send credentials in the Authorization header";
    assert_eq!(error, DoorError::UrlInvalid(why.to_owned()));
    let shown = format!("http://***@api.carrier.example:{}/v1", canary.port());
    let started = format!("GET {shown} \"\" by None read_only true placed 0");
    assert_eq!(rig.book.lines(), [started, format!("denied: {why}")]);
    canary.assert_untouched(&url);
}

#[tokio::test]
async fn all_bodies_of_a_call_together_have_a_limit() {
    let carrier = Carrier::answering("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n123456").await;
    let mut rig = Rig::to(carrier.port);
    rig.limits.traffic_bytes = 10;
    let (door, passage) = (rig.door(), rig.passage());
    let send = |body| door.send(&passage, rig.post(body), Timeouts::default());
    send("1234").await.expect("4 and 6 are 10");
    let why = "the module allows 10 bytes in all bodies of one call, and they are used up";
    assert_eq!(
        send("1").await.expect_err("1 too many"),
        DoorError::LimitReached(why.to_owned())
    );

    let (door, passage) = (rig.door(), rig.passage());
    let error = door
        .send(&passage, rig.post("12345"), Timeouts::default())
        .await
        .expect_err("5 and 6 are 11");
    assert_eq!(error, DoorError::TrafficUsedUp { most: 10 });
    assert!(error.was_sent());
}

#[tokio::test]
async fn what_secrets_add_to_a_body_counts_like_the_rest_of_it() {
    let canary = Canary::start();
    let mut rig = Rig::to(canary.port()).with_grant("secrets", json!(["token"]));
    let body = "{{secret:token}}{{secret:token}}";
    let name = SecretName::parse("token").expect("a name");
    rig.secrets.insert(name, Secret::new("x".repeat(100)));
    rig.limits.traffic_bytes = 199;
    let (door, passage) = (rig.door(), rig.passage());
    let error = door.send(&passage, rig.post(body), Timeouts::default()).await;
    let why = "the module allows 199 bytes in all bodies of one call, and they are used up";
    assert_eq!(
        error.expect_err("200 are too many"),
        DoorError::LimitReached(why.to_owned())
    );
    let mut usage = Usage::default();
    passage.spent.tell(&mut usage);
    assert_eq!((usage.sent_bytes, usage.request_bytes), (200, 200));
    assert!(usage.hit.contains(&LimitName::TrafficBytes));
    canary.assert_untouched(why);
}

#[tokio::test]
async fn a_request_without_a_place_is_not_even_read() {
    struct Unread;
    impl hyper::body::Body for Unread {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            panic!("the body was read")
        }
    }
    let canary = Canary::start();
    let mut rig = Rig::to(canary.port());
    rig.limits.requests = 0;
    let request = rig.post("").map(|_| Unread);
    let error = rig.door().send(&rig.passage(), request, Timeouts::default()).await;
    assert!(matches!(error, Err(DoorError::LimitReached(_))), "{error:?}");
    canary.assert_untouched("no place");
}

#[tokio::test]
async fn what_is_too_large_to_send_is_not_sent() {
    let canary = Canary::start();
    let mut rig = Rig::to(canary.port());
    rig.limits.request_bytes = 4;
    assert_eq!(
        rig.send(rig.post("12345")).await.expect_err("5 bytes"),
        DoorError::RequestTooLarge { most: 4 }
    );
    assert_eq!(
        rig.send(rig.get(&format!("/{}", "x".repeat(8 << 10))))
            .await
            .expect_err("8 KiB"),
        DoorError::UrlTooLong { most: 8 << 10 }
    );
    let mut request = rig.get("/v1");
    let large = "x".repeat(32 << 10).parse().expect("a value");
    request.headers_mut().insert("x-large", large);
    assert_eq!(
        rig.send(request).await.expect_err("32 KiB"),
        DoorError::RequestHeadersTooLarge { most: 32 << 10 }
    );
    // Each of the two is small enough, and together with their secrets they are not.
    rig.grants[0]["secrets"] = json!(["long"]);
    rig.secrets = [("long".parse().expect("a name"), Secret::new("x".repeat(20 << 10)))].into();
    let mut request = rig.get("/v1");
    for name in ["x-one", "x-two"] {
        let value = "{{secret:long}}".parse().expect("a value");
        request.headers_mut().insert(name, value);
    }
    assert_eq!(
        rig.send(request).await.expect_err("40 KiB"),
        DoorError::RequestHeadersTooLarge { most: 32 << 10 }
    );
    assert!(
        rig.send(rig.get("/v1?q={{secret:long}}")).await.is_err(),
        "20 KiB of URL"
    );
    canary.assert_untouched("too large");
}

#[tokio::test]
async fn no_grant_leads_to_our_own_listeners() {
    let canary = Canary::start();
    for listener in [local(canary.port()), ([0, 0, 0, 0], canary.port()).into()] {
        let mut rig = Rig::to(canary.port());
        rig.config.own_listeners = vec![listener];
        let error = rig.send(rig.post("{}")).await.expect_err("denied");
        let port = canary.port();
        let why = format!("api.carrier.example:{port} is this gateway itself: no grant leads there");
        assert_eq!(error, DoorError::AddressDenied(why.clone()));
        canary.assert_untouched(&why);
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_sent() {
    let canary = Canary::start();
    let mut rig = Rig::to(canary.port());
    rig.book = Book {
        refuses: true,
        ..Book::default()
    }
    .into();
    let error = rig.send(rig.post("{}")).await.expect_err("not recorded");
    assert_eq!(error, DoorError::NotRecorded("the disk is full".to_owned()));
    assert!(!error.was_sent());
    canary.assert_untouched("not recorded");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let canary = Canary::start();
    let location = format!("http://127.0.0.1:{}/latest/meta-data", canary.port());
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let carrier = Carrier::answering(answer).await;
    let rig = Rig::to(carrier.port);
    let response = rig.send(rig.get("/v1")).await.expect("an answer");
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], location.as_str());
    assert_eq!(carrier.accepted(), 1);
    canary.assert_untouched(&location);
}
