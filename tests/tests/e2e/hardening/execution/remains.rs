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
    let curious = |name| {
        let hostile = hostile.iter().find(|hostile| hostile.name == name);
        hostile.expect("it is there").component.to_vec()
    };
    // Two run the same component, and the third one another, with data of its own.
    let tenants = [
        ("one", "remains-of-others"),
        ("other", "remains-of-others"),
        ("third", "remains-beside-data"),
    ];
    for (tenant, name) in tenants {
        let deployment = Deployment::of(curious(name));
        gateway
            .admin()
            .deploy(tenant, MODULE, deployment)
            .await
            .expect("deployed");
    }
    for number in ["1", "2", "3"] {
        for (tenant, _) in tenants {
            let told = call_with(&gateway, tenant, &order(number)).await.expect("an answer");
            assert_eq!(
                told.error(),
                "",
                "call {number} of tenant {tenant} found something, or had no room"
            );
        }
    }
}
