//! The gateway killed in the middle of its work, again and again: nothing is lost, and nothing is done twice.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use patchbay_tests::crash::{Plan, run};

async fn nothing_is_lost_or_done_twice(plan: Plan) -> Result<()> {
    let report = run(plan, |_| {}).await?;
    assert!(
        report.violations.is_empty(),
        "{plan:?}: {:#?}\n{}",
        report.violations,
        report.story.unwrap_or_default()
    );
    let figures = report.figures;
    assert_eq!(figures.kills, plan.cycles);
    // It was about something.
    assert!(
        figures.lost > 0 && figures.effects > 0 && figures.updates > 0,
        "{plan:?}: {figures:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_has_one_effect_and_its_word_whenever_the_gateway_is_killed() -> Result<()> {
    let random = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    for seed in [7, random] {
        nothing_is_lost_or_done_twice(Plan {
            cycles: 5,
            seed,
            power: false,
        })
        .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_has_one_effect_and_its_word_when_the_power_fails() -> Result<()> {
    nothing_is_lost_or_done_twice(Plan {
        cycles: 2,
        seed: 7,
        power: true,
    })
    .await
}
