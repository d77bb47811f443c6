//! The acceptance scenarios, byte for byte.

use patchbay_tests::gateway::Gateway;
use patchbay_tests::scenarios::{End, closing_line, run_all};

#[tokio::test]
async fn every_scenario_passes() {
    let gateway = Gateway::start().expect("the gateway starts");
    let rows = run_all(&gateway, |_| {}).await.expect("the surroundings hold");

    let failed: Vec<_> = rows.iter().filter(|row| row.end != End::Passed).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(closing_line(&rows), "24 passed, 0 failed, 0 skipped");
}
