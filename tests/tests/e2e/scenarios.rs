//! The acceptance scenarios, byte for byte.

use patchbay_tests::gateway::Gateway;
use patchbay_tests::scenarios::{End, closing_line, run_all};

#[tokio::test]
async fn every_scenario_passes_but_for_the_five_that_wait() {
    let gateway = Gateway::start().expect("the gateway starts");
    let rows = run_all(&gateway, |_| {}).await.expect("the surroundings hold");

    let failed: Vec<_> = rows.iter().filter(|row| matches!(row.end, End::Failed(_))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let skipped = rows.iter().filter(|row| matches!(row.end, End::Skipped(_)));
    assert_eq!(
        skipped.map(|row| row.scenario.id.as_str()).collect::<Vec<_>>(),
        [
            "port-in-completes",
            "port-in-rejected",
            "duplicate-after",
            "duplicate-during",
            "carrier-slow-create",
        ]
    );
    assert_eq!(closing_line(&rows), "19 passed, 0 failed, 5 skipped");
}
