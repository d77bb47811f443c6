//! What one call leaves behind for the next, which is nothing.

use std::sync::Arc;

use patchbay_tests::gateway::{Deployment, Gateway};
use patchbay_tests::hostile::all;

use crate::e2e::hostile::{MODULE, call_with, order};

#[tokio::test]
async fn what_a_tenant_left_in_memory_tables_and_globals_is_gone_when_the_next_one_looks() {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    // With one slot, each call has the memory of the one before.
    let gateway = Gateway::start_in(folder, &["--concurrent-calls", "1"]).expect("the gateway starts");
    let hostile = all().expect("they can be read");
    let curious = hostile.into_iter().find(|hostile| hostile.name == "remains-of-others");
    let curious = curious.expect("it is there").component.to_vec();
    for tenant in ["one", "other"] {
        let deployment = Deployment::of(curious.clone());
        gateway
            .admin()
            .deploy(tenant, MODULE, deployment)
            .await
            .expect("deployed");
    }
    for number in ["1", "2", "3"] {
        for tenant in ["one", "other"] {
            let told = call_with(&gateway, tenant, &order(number)).await.expect("an answer");
            assert_eq!(
                told.error(),
                "",
                "call {number} of tenant {tenant} found something, or had no room"
            );
        }
    }
}
