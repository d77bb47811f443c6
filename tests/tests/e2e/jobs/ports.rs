//! Pending orders, followed until the carrier has finished them.

use serde_json::json;

use super::super::stage::{assert_succeeded, fields_of, with};
use super::{COMPLETED, TRIED_IN_VAIN, World, news};
use patchbay_tests::telecloud::ServiceStatus;

const PENDING: &str = "<STATUS>PENDING</STATUS><VAR13>A-1001</VAR13><VAR15>SUBMITTED</VAR15>";

#[tokio::test]
async fn a_port_that_is_finished_is_found_out_and_told() {
    let world = World::new().await;
    assert_succeeded(&world.port_in().await, PENDING);
    let job = world.job().await;
    assert_eq!([&job["stage"], &job["told"]], ["pending", "pending"]);

    // Asked too early, nothing is told.
    world.check_again().await;
    world
        .jobs_when("it was asked", |jobs| jobs[0]["attempts"] == json!(1))
        .await;
    assert!(world.telecloud.received().is_empty());

    assert!(world.carrier().complete_port("A-1001", None));
    world.check_again().await;
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(news(&received[0]), COMPLETED);
    assert_eq!(world.order().service_status, ServiceStatus::Active);
    assert!(world.telecloud.refunds().is_empty());

    // The record of the call tells all of it, and so do the calls that were made for it.
    let record = world.record(&job).await;
    assert_eq!(record["outcome"], "done");
    let story: Vec<_> = world.story(&job).await;
    let operator = json!({"operator": "platform admin"});
    let gateway = json!("gateway");
    let expected = [
        (&operator, "to be checked again"),
        (&gateway, "the carrier has not finished the order yet"),
        (&operator, "to be checked again"),
        (&gateway, "the carrier has finished the order"),
        (&gateway, "TeleCloud was told"),
    ];
    let told: Vec<_> = story.iter().map(|(by, what)| (by, what.as_str())).collect();
    assert_eq!(told, expected);
    let path = format!("/v1/tenants/acme/calls?about={}", job["call"].as_str().expect("an id"));
    let runs = world.stage.gateway.admin().get(&path).await.expect("a listing");
    let services = runs["items"].as_array().expect("a list").iter();
    let services: Vec<_> = services.map(|call| call["service"].as_str().expect("a text")).collect();
    assert_eq!(services, ["Order/Update", "completion.check", "completion.check"]);
}

#[tokio::test]
async fn a_rejection_that_can_be_corrected_leaves_the_order_pending() {
    let world = World::new().await;
    world.port_in().await;
    assert!(world.carrier().reject_port_correctably("A-1001", "the PIN is wrong"));
    world.check_again().await;
    let received = world.telecloud.wait_for_calls(1).await.expect("it is told");
    assert_eq!(news(&received[0]), [("VAR15", "REJECTED: the PIN is wrong")]);
    assert_eq!(world.order().service_status, ServiceStatus::Pending);

    let correction = with(
        fields_of("swap-sim"),
        &[
            ("VAR2", ""),
            ("VAR4", "YES"),
            ("VAR5", "778899"),
            ("VAR6", "9876"),
            ("VAR8", "2025550177"),
            ("VAR13", "A-1001"),
        ],
    );
    assert_succeeded(&world.post(&correction).await, "<VAR15>SUBMITTED</VAR15>");
    assert!(world.carrier().complete_port("A-1001", None));
    world.check_again().await;
    world.over().await;
    let received = world.telecloud.received();
    assert_eq!(news(received.last().expect("a call")), COMPLETED);
    assert_eq!(world.order().service_status, ServiceStatus::Active);
    assert!(world.telecloud.refunds().is_empty());
}

#[tokio::test]
async fn a_final_rejection_fails_the_order_and_refunds_it_once() {
    let world = World::new().await;
    world.port_in().await;
    let job = world.job().await;
    assert!(
        world
            .carrier()
            .reject_port("A-1001", "number not active at previous provider")
    );
    // TeleCloud does as it is told, and its answer is lost: it is told the same again.
    world.telecloud.next(super::unanswered());
    world.check_again().await;
    world.telecloud.wait_for_calls(1).await.expect("it is told");
    world.happened(&job, TRIED_IN_VAIN).await;
    world.check_again().await;
    world.over().await;
    let text = "Carrier Error: Port rejected: number not active at previous provider";
    let failed = [
        ("VAR15", "REJECTED"),
        ("error_text", text),
        ("service_status", "FAILED"),
    ];
    for call in world.telecloud.received() {
        assert_eq!(news(&call), failed);
    }
    let refunds = world.telecloud.refunds();
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    assert_eq!(refunds[0].error_text.as_deref(), Some(text));
    assert_eq!(world.record(&job).await["outcome"], "rejected");
}

#[tokio::test]
async fn pending_orders_outlive_a_crash() {
    let mut world = World::new().await;
    for (number, order) in ["1ZU1", "2ZU2", "3ZU3"].into_iter().enumerate() {
        let pending = patchbay_tests::telecloud::Order::new(super::ACCOUNT, order, ServiceStatus::Pending);
        world.telecloud.put_order(pending);
        let port = format!("202555018{number}");
        let fields = with(
            fields_of("port-in-pending"),
            &[("order_number", order), ("VAR8", &port)],
        );
        world.post(&fields).await;
    }
    let before = world.jobs().await;
    world = world.crash().await;
    assert_eq!(world.jobs().await, before);
    for port in ["A-1001", "A-1002", "A-1003"] {
        assert!(world.carrier().complete_port(port, None));
    }
    for job in &before {
        let again = json!({"action": "check-again"});
        let acted = world.stage.gateway.admin().act("acme", job, again).await;
        acted.expect("an answer").ok().expect("taken");
    }
    world.over().await;
    assert_eq!(world.telecloud.received().len(), 3);
    for order in ["1ZU1", "2ZU2", "3ZU3"] {
        let order = world.telecloud.order(order).expect("an order");
        assert_eq!(order.service_status, ServiceStatus::Active, "{order:?}");
    }
}
