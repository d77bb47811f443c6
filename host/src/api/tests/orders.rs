//! Orders are found by what people have, and show no more than calls do.

use axum::http::StatusCode;

use super::world::{ADMIN, World};

const ORDERS: &str = "/v1/tenants/acme/orders";

async fn numbers(world: &World, query: &str) -> Vec<String> {
    let answer = world.send("GET", &format!("{ORDERS}{query}"), ADMIN, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
    let items = answer.body["items"].as_array().expect("items");
    let number = |item: &serde_json::Value| item["order_number"].as_str().expect("a number").to_owned();
    let mut numbers: Vec<_> = items.iter().map(number).collect();
    numbers.sort();
    numbers
}

#[tokio::test]
async fn orders_are_found_by_each_thing_and_by_all_together() {
    let world = World::new().await;
    world.order("esim", "4712", "2025550199").await;
    let rows: [(&str, &[&str]); 11] = [
        ("", &["4711", "4712"]),
        ("?module=sim", &["4711"]),
        ("?order_number=4712", &["4712"]),
        ("?account=100", &["4711", "4712"]),
        ("?mdn=2025550143", &["4711"]),
        ("?mdn=202555", &[]),
        ("?iccid=8901260000000000017", &["4711", "4712"]),
        ("?value=canary-pin", &[]),
        ("?value=SOC5GB", &[]),
        ("?iccid=8901260000000000017&mdn=2025550199&module=esim", &["4712"]),
        ("?mdn=2025550199&module=sim", &[]),
    ];
    for (query, expected) in rows {
        assert_eq!(numbers(&world, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn an_order_shows_what_its_calls_show() {
    let world = World::new().await;
    let answer = world.send("GET", "/v1/tenants/acme/orders/{order}", ADMIN, None).await;
    assert_eq!(answer.body["id"], world.order);
    assert_eq!(answer.body["state"], "active");
    assert_eq!(answer.body["carrier_product_id"], "SOC5GB");
    assert_eq!(answer.body["last_outcome"], "done");
    let vars = serde_json::json!({"2": "8901260000000000017", "3": "2025550143", "6": "***", "8": "has ***"});
    assert_eq!(answer.body["vars"], vars);
    let listed = world.send("GET", ORDERS, ADMIN, None).await;
    assert_eq!(listed.body["items"][0], answer.body);
    assert_eq!(listed.body["next"], serde_json::Value::Null);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let world = World::new().await;
    for number in ["4712", "4713"] {
        world.order("sim", number, "2025550199").await;
    }
    let (mut path, mut all) = (format!("{ORDERS}?limit=2"), Vec::new());
    loop {
        let answer = world.send("GET", &path, ADMIN, None).await;
        let items = answer.body["items"].as_array().expect("items");
        all.extend(items.iter().map(|item| item["id"].to_string()));
        match answer.body["next"].as_str() {
            Some(next) => path = format!("{ORDERS}?limit=2&after={next}"),
            None => break,
        }
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 3);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_by_name() {
    let world = World::new().await;
    let rows = [
        ("?limit=0", 400, "invalid-query", "limit must be 1 to 200"),
        ("?limit=201", 400, "invalid-query", "limit must be 1 to 200"),
        ("?after=4711", 400, "invalid-query", "after"),
        ("?phone=2025550143", 400, "invalid-query", "phone"),
        ("/4711", 404, "order-not-found", "?order_number="),
        (
            "/4QZ8T1W6S9E7R2B5N3M0K4H8GD",
            404,
            "order-not-found",
            "4QZ8T1W6S9E7R2B5N3M0K4H8GD",
        ),
    ];
    for (path, status, code, detail) in rows {
        let answer = world.send("GET", &format!("{ORDERS}{path}"), ADMIN, None).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (status, &code.into()),
            "{path}"
        );
        let said = answer.body["detail"].as_str().expect("a detail");
        assert!(said.contains(detail), "{path}: {said}");
    }
}
