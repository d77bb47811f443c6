//! Jobs whose module was suspended, replaced or removed meanwhile.

use patchbay_tests::gateway::{Deployment, guest};
use serde_json::{Value, json};

use super::{COMPLETED, TRIED_IN_VAIN, World, module_path, news};

/// Sets whether the module takes events.
async fn set_status(world: &World, status: &str) {
    let admin = world.stage.gateway.admin();
    let set = admin.put(&module_path(), json!({"status": status})).await;
    set.expect("set");
}

async fn completed_at_last(world: &World) {
    assert!(world.carrier().complete_port("A-1001", None));
    world.check_again().await;
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(news(&received[0]), COMPLETED);
}

#[tokio::test]
async fn a_suspended_module_is_not_asked_until_it_is_resumed() {
    let world = World::new().await;
    world.port_in().await;
    let job = world.job().await;
    set_status(&world, "suspended").await;
    world.check_again().await;
    world
        .jobs_when("it was put off", |jobs| jobs[0]["attempts"] == json!(1))
        .await;
    assert_eq!(world.job().await["stage"], "pending");
    assert_eq!(world.carrier().requests().len(), 1, "nothing but the port-in was sent");
    let story = world.story(&job).await;
    assert_eq!(story.last().expect("a step").1, "it could not go on for now");
    set_status(&world, "active").await;
    completed_at_last(&world).await;
}

#[tokio::test]
async fn a_version_that_cannot_be_asked_leaves_the_order_to_a_person() {
    let world = World::new().await;
    world.port_in().await;
    world.deploy(Deployment::of(guest("hello").expect("it is built"))).await;
    world.check_again().await;
    let job = world.job_at("fallout").await;
    assert_eq!([&job["reason"], &job["was"]], ["no-completion", "pending"]);
    assert_eq!(job["actions"], json!(["check-again", "tell", "done"]));
    world.deploy(world.stage.sim_activation()).await;
    let first = json!({"version": 1});
    let admin = world.stage.gateway.admin();
    admin
        .put(&format!("{}/active", module_path()), first)
        .await
        .expect("activated");
    completed_at_last(&world).await;
}

#[tokio::test]
async fn an_order_outlives_its_module() {
    let world = World::new().await;
    world.port_in().await;
    let admin = world.stage.gateway.admin();
    admin.delete(&module_path()).await.expect("removed");
    world.check_again().await;
    let job = world.job_at("fallout").await;
    assert_eq!([&job["reason"], &job["was"]], ["no-module", "pending"]);
    world.deploy(world.stage.sim_activation()).await;
    completed_at_last(&world).await;
}

#[tokio::test]
async fn news_outlives_its_module() {
    let world = World::new().await;
    world.port_in().await;
    world.telecloud.refuse_connections().await;
    assert!(world.carrier().complete_port("A-1001", None));
    world.check_again().await;
    let job = world.job_at("telling").await;
    world.happened(&job, TRIED_IN_VAIN).await;
    let admin = world.stage.gateway.admin();
    admin.delete(&module_path()).await.expect("removed");
    world.telecloud.accept_connections().await.expect("it listens again");
    world.check_again().await;
    let job = world.job_at("fallout").await;
    assert_eq!([&job["reason"], &job["was"]], ["no-module", "telling"]);
    assert!(world.telecloud.received().is_empty(), "nobody tells it for the module");
    world.deploy(world.stage.sim_activation()).await;
    world.check_again().await;
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(news(&received[0]), COMPLETED);
    assert_eq!(world.carrier().history().len(), 2, "submitted and completed, once each");
}

#[tokio::test]
async fn a_tenant_that_is_removed_takes_its_jobs_along() {
    let world = World::new().await;
    world.port_in().await;
    let job = world.job().await;
    let admin = world.stage.gateway.admin();
    admin.delete("/v1/tenants/acme").await.expect("removed");
    world.deploy(world.stage.sim_activation()).await;
    world.give_access().await;
    assert_eq!(world.jobs().await, Vec::<Value>::new());
    let again = admin
        .act("acme", &job, json!({"action": "check-again"}))
        .await
        .expect("an answer");
    assert_eq!(again.status, 404);
}
