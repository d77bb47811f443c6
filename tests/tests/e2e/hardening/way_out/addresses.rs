//! Addresses that no module may reach.

use anyhow::Result;
use patchbay_tests::torture::{Share, addresses};

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_leads_inside_neither_by_itself_nor_by_names_mixed_answers_rebinding_or_redirects() -> Result<()> {
    let seed = new_seed();
    let found = addresses(Share::OneOf(6, seed)).await?;
    assert_eq!(found.let_out, [] as [String; 0], "seed {seed}");
    assert_eq!(found.connections_at_canaries, 0, "seed {seed}");
    assert!(found.controls > 0 && found.tried > 100, "seed {seed}: {found:?}");
    assert_eq!(found.controls_passed, found.controls, "seed {seed}");
    Ok(())
}

/// Another one each time; a failure names it.
fn new_seed() -> u64 {
    let bits = ulid::Ulid::generate().0;
    u64::try_from(bits & u128::from(u64::MAX)).expect("the lower half")
}
