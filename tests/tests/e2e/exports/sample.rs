//! The sample module and its carrier: what it makes of what the carrier says later.

use std::sync::Arc;

use anyhow::{Context, Result};
use patchbay::domain::answer::{Answer, Failure};
use patchbay::domain::call::CallId;
use patchbay::domain::event::{Action, Event};
use patchbay::domain::name::SecretName;
use patchbay::domain::progress::{Callback, Finding, Notice, Progress};
use patchbay::domain::secret::Secret;
use patchbay::sandbox::{Check, Find, Handle, Receive};
use patchbay_tests::carrier::{Behaviour, Delivery, FakeCarrier, TOKEN};
use patchbay_tests::gateway::Deployment;
use serde_json::json;

use super::rig::{Rig, order, vars};

/// The module, set up as in the end-to-end tests.
async fn module(carrier: &FakeCarrier) -> Result<Rig> {
    let deployment = Deployment::sim_activation(&carrier.url(), TOKEN)?;
    let mut rig = Rig::of("sim-activation", &[]).await?;
    rig.config = serde_json::from_value(deployment.config)?;
    rig.grants = serde_json::from_value(deployment.grants)?;
    for (name, secret) in deployment.secrets {
        rig.secrets.insert(SecretName::parse(&name)?, Secret::new(secret));
    }
    Ok(rig)
}

/// An order for a new line, or for a number to be ported in.
fn create(port: bool) -> (Arc<Event>, CallId) {
    let (event, call) = order();
    let mut vars = vars(&[(1, "356938035643809"), (2, "8901260000000000014")]);
    if port {
        for (index, value) in [(4, "YES"), (5, "778899"), (6, "4321"), (8, "2025550177")] {
            vars.set(index, value.to_owned()).expect("a VAR");
        }
    }
    let event = Event {
        vars,
        carrier_product_id: Some("VZW-15GB-UNLTT".to_owned()),
        ..Event::clone(&event)
    };
    (Arc::new(event), call)
}

/// Has a number ported in; gives what it takes to ask about it.
async fn port_in(rig: &Rig) -> Result<Check> {
    let (event, call) = create(true);
    let handle = Handle {
        event: Arc::clone(&event),
        call,
    };
    let Ok(Answer::Pending(pending)) = rig.ask(handle).await? else {
        anyhow::bail!("the port is not pending")
    };
    let state = pending.state;
    Ok(Check { event, call, state })
}

#[tokio::test]
async fn a_finished_port_is_reported_with_its_number() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let rig = module(&carrier).await?;
    let asked = port_in(&rig).await?;
    let waiting = Progress::Waiting {
        vars: vars(&[]),
        state: asked.state.clone(),
        check_after: Some(300),
    };
    assert_eq!(rig.ask(asked.clone()).await?, Ok(waiting));
    assert!(carrier.complete_port(&asked.state, None));
    let completed = Progress::Completed(vars(&[(3, "2025550177"), (15, "COMPLETED")]));
    assert_eq!(rig.ask(asked).await?, Ok(completed));
    Ok(())
}

#[tokio::test]
async fn a_port_that_is_refused_for_good_is_reported_in_the_carriers_words() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let rig = module(&carrier).await?;
    let asked = port_in(&rig).await?;
    assert!(carrier.reject_port(&asked.state, "number not active at previous provider"));
    let progress = Progress::Rejected {
        text: "Carrier Error: Port rejected: number not active at previous provider".to_owned(),
        vars: vars(&[(15, "REJECTED")]),
    };
    assert_eq!(rig.ask(asked.clone()).await?, Ok(progress.clone()));

    // Whatever the callback says, it is the carrier's answer that counts.
    let callback = Callback {
        method: "POST".to_owned(),
        path_with_query: String::new(),
        headers: Vec::new(),
        body: json!({ "activation_id": asked.state, "port_status": "COMPLETED" })
            .to_string()
            .into_bytes(),
    };
    let state = asked.state;
    assert_eq!(
        rig.ask(Receive { callback }).await?,
        Ok(vec![Notice { state, progress }])
    );
    Ok(())
}

#[tokio::test]
async fn a_port_with_a_wrong_pin_waits_for_the_right_one() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let rig = module(&carrier).await?;
    let asked = port_in(&rig).await?;
    assert!(carrier.reject_port_correctably(&asked.state, "wrong PIN"));
    let Ok(Progress::Waiting { vars: changed, .. }) = rig.ask(asked.clone()).await? else {
        anyhow::bail!("it does not wait")
    };
    assert_eq!(changed, vars(&[(15, "REJECTED: wrong PIN")]));

    let (swap, call) = order();
    let particulars = [
        (5, "778899"),
        (6, "9876"),
        (8, "2025550177"),
        (13, asked.state.as_str()),
    ];
    let swap = Event {
        service: "Order/Swap".to_owned(),
        action: Action::Swap,
        vars: vars(&particulars),
        ..Event::clone(&swap)
    };
    let event = Arc::new(swap);
    let corrected = rig.ask(Handle { event, call }).await?;
    assert_eq!(corrected, Ok(Answer::Done(vars(&[(15, "SUBMITTED")]))));
    assert!(carrier.complete_port(&asked.state, None), "it is under way again");
    Ok(())
}

#[tokio::test]
async fn an_activation_whose_answer_was_lost_is_found_with_its_number() -> Result<()> {
    let carrier = FakeCarrier::start().await?;
    let rig = module(&carrier).await?;
    let (event, call) = create(false);
    let find = || Find {
        event: Arc::clone(&event),
        call,
    };
    assert_eq!(rig.ask(find()).await?, Ok(Finding::DidNotHappen));

    carrier.next(Behaviour::normal().delivered(Delivery::Closed));
    let handle = Handle {
        event: Arc::clone(&event),
        call,
    };
    let lost = rig.ask(handle).await?.expect_err("the answer is lost");
    assert!(matches!(lost, Failure::Unknown(_)), "{lost:?}");
    let found = rig.ask(find()).await?.ok().context("the carrier could be asked")?;
    let answer = Answer::Done(vars(&[(3, "2025550143"), (13, "A-1001"), (14, "S-2001")]));
    assert_eq!(found, Finding::Happened(answer));
    Ok(())
}
