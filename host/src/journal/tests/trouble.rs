//! A log that fails, and callers that give up.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::*;

/// A log that fails, or never answers, while it is told to.
struct Troubled {
    inner: Arc<dyn Log>,
    fails: AtomicBool,
    silent: AtomicBool,
}

#[async_trait]
impl Log for Troubled {
    async fn append(
        &self,
        tenant: &TenantName,
        records: Vec<(Position, Bytes)>,
        changes: Vec<Change>,
        durability: Durability,
    ) -> Result<Option<Revision>, StorageError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StorageError::Unavailable {
                doing: "writing".into(),
                source: "the disk is on fire".into(),
            });
        }
        let revision = self.inner.append(tenant, records, changes, durability).await?;
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(revision)
    }
    async fn newest(&self, tenant: &TenantName, before: Option<u128>, calls: usize) -> Result<Vec<Ends>, StorageError> {
        self.inner.newest(tenant, before, calls).await
    }
    async fn call(&self, tenant: &TenantName, call: u128) -> Result<Vec<(Position, Bytes)>, StorageError> {
        self.inner.call(tenant, call).await
    }
    async fn delete(&self, tenant: &TenantName) -> Result<(), StorageError> {
        self.inner.delete(tenant).await
    }
}

fn troubled() -> (Stores, Arc<Troubled>) {
    let stores = Memory::stores();
    let troubled = Arc::new(Troubled {
        inner: stores.log,
        fails: false.into(),
        silent: false.into(),
    });
    (
        Stores {
            log: troubled.clone(),
            ..stores
        },
        troubled,
    )
}

#[tokio::test]
async fn a_request_that_cannot_be_recorded_is_held_back_and_the_call_can_still_end() {
    let (stores, log) = troubled();
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("1001"));
    log.fails.store(true, Ordering::SeqCst);
    let refused = call.exchange_started(Some("api"), false, &request(), second(1)).await;
    assert!(matches!(refused, Err(JournalError::Storage(_))));
    assert!(
        call.finish(
            Some(&Reply::failure("x")),
            Outcome::Unreachable,
            None,
            &Usage::default()
        )
        .await
        .is_err()
    );
    assert_eq!(show(&stores, call.id()).await, None);
    log.fails.store(false, Ordering::SeqCst);
    call.finish(
        Some(&Reply::failure("x")),
        Outcome::Unreachable,
        None,
        &Usage::default(),
    )
    .await
    .expect("kept");
    let shown = show(&stores, call.id()).await.expect("there");
    assert_eq!(shown.outcome, Outcome::Unreachable);
    assert!(matches!(shown.exchanges[0].end, Some(ExchangeEnd::NotSent { .. })));
}

#[tokio::test]
async fn a_write_that_nobody_waited_for_is_not_lost() {
    let (stores, log) = troubled();
    let call = begin(&stores, 0);
    call.event("Order/Create", &order("1001"));
    log.silent.store(true, Ordering::SeqCst);
    let request = request();
    let given_up = call.exchange_started(Some("api"), false, &request, second(1));
    assert!(futures_util::future::poll_immediate(given_up).await.is_none());
    let end = call.exchanges()[0].end.clone();
    assert!(
        matches!(end, Some(ExchangeEnd::NotSent { .. })),
        "nobody has let it out: {end:?}"
    );
    log.silent.store(false, Ordering::SeqCst);
    call.finish(Some(&Reply::failure("x")), Outcome::Unknown, None, &Usage::default())
        .await
        .expect("kept");
    let shown = show(&stores, call.id()).await.expect("there");
    assert_eq!((shown.exchanges.len(), shown.outcome), (1, Outcome::Unknown));
    assert_eq!(shown, call.record());
}
