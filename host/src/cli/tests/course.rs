//! Registrations, calls and orders, as they are shown.

use serde_json::Value;

use super::{ADMIN, Gateway};

#[tokio::test]
async fn a_registration_that_is_not_done_says_what_was_and_what_was_not() {
    let gateway = Gateway::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let line = format!(
        "telecloud set acme --api-id-key 8 --api-url http://127.0.0.1:{port}/{{Service}}/{{Action}} --network loopback"
    );
    assert_eq!(gateway.run_with(&line, ADMIN, "canary-key\n").await.code, 0);
    // Nobody listens there from now on.
    drop(listener);
    let line = "telecloud register acme sim --module-url https://x.example/m/acme/sim --product-group 75 \
                --group-status locked --event order --apply";
    let people = gateway.run(line).await;
    assert_eq!(people.code, 1);
    for said in [
        "1. Module/Create: not sent\n",
        "2. ProductGroup/Edit: not tried\n",
        "API_KEY      ***\n",
    ] {
        assert!(people.output.contains(said), "{said}: {}", people.output);
    }
    assert_eq!(
        people.errors,
        "patchbay: not all of it was done: Module/Create not-sent, ProductGroup/Edit not-tried\n"
    );
    let programs = gateway.run(&format!("{line} --json")).await;
    assert_eq!(programs.code, 1);
    let answer: Value = serde_json::from_str(&programs.output).expect("JSON");
    assert_eq!(answer["done"], false);
    let recorded = gateway.json("call show acme").await;
    assert_eq!(recorded["id"], answer["steps"][0]["call"]);
}

#[tokio::test]
async fn the_call_that_is_shown_unless_stated_is_the_newest() {
    let gateway = Gateway::start().await;
    let listed = gateway.json("call list acme").await;
    let shown = gateway.json("call show acme").await;
    assert_eq!(shown["id"], listed["items"][0]["id"]);

    gateway.json("tenant create quiet").await;
    let ran = gateway.run("call show quiet").await;
    assert_eq!(ran.code, 1);
    assert_eq!(ran.errors, "patchbay: no call of tenant quiet is recorded yet\n");
}

#[tokio::test]
async fn an_order_is_shown_by_its_number_where_one_module_has_it() {
    let gateway = Gateway::start().await;
    let none = gateway.run("order show acme 4712").await;
    assert_eq!(none.code, 1);
    assert_eq!(none.errors, "patchbay: no order 4712 of tenant acme is on record\n");
    // It might be an id, and is none.
    let none = gateway.run("order show acme 4QZ8T1W6S9E7R2B5N3M0K4H8GD").await;
    assert!(none.errors.contains("is on record"), "{}", none.errors);

    let other = gateway.world.order("esim", "4711", "2025550199").await;
    let several = gateway.run("order show acme 4711").await;
    assert_eq!(several.code, 1);
    for part in [&format!("{other} of esim"), &format!("{} of sim", gateway.world.order)] {
        assert!(several.errors.contains(part), "{}", several.errors);
    }
    let shown = gateway.json(&format!("order show acme {other}")).await;
    assert_eq!(shown["module"], "esim");
}

#[tokio::test]
async fn a_listing_of_orders_says_how_to_go_on() {
    let gateway = Gateway::start().await;
    gateway.world.order("sim", "4712", "2025550199").await;
    let first = gateway.run("order list acme --limit 1").await.output;
    let (_, after) = first.trim_end().rsplit_once(' ').expect("more orders");
    let second = gateway
        .run(&format!("order list acme --limit 1 --after {after}"))
        .await
        .output;
    let lists = |number: &str| [&first, &second].iter().filter(|page| page.contains(number)).count();
    assert_eq!((lists(" 4711 "), lists(" 4712 ")), (1, 1), "{first}{second}");
}
