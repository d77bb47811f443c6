//! Looking hosts up, in shares: no tenant takes all look-ups that can be under way.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::name::TenantName;
use crate::fair::{Bounds, Kind, Line, Places};

/// Finds the addresses that a name stands for. Asked once for each exchange.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All of its addresses, of both families.
    ///
    /// # Errors
    /// What the resolver said.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's own resolver, with its hosts file and search list.
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

/// Look-ups under way at once. Each holds a thread until the system answers, and a dead name server lets it wait for half a
/// minute; without a bound, such look-ups would take every thread there is for work that blocks.
const LOOKUPS_MAX: usize = 64;

/// All look-ups. Whose names are never answered waits for itself: each tenant leaves some to the others.
pub(super) struct LookUps {
    resolver: Arc<dyn Resolver>,
    places: Arc<Places>,
}

impl LookUps {
    pub(super) fn by(resolver: Arc<dyn Resolver>) -> Self {
        // As many as like may wait: each has one of its tenant's connections.
        let places = Places::leaving_some(LOOKUPS_MAX, usize::MAX);
        Self { resolver, places }
    }

    /// Looks a name up for a tenant. The look-up goes on when nobody waits for it any more, and it keeps its place until it
    /// has really ended.
    pub(super) async fn resolve(&self, tenant: &TenantName, name: &str) -> io::Result<Vec<IpAddr>> {
        let line = Line {
            tenant: tenant.clone(),
            kind: Kind::Event,
        };
        let place = self.places.take(&line, Bounds::NONE, None).await;
        let place = place.map_err(io::Error::other)?;
        let (resolver, name) = (Arc::clone(&self.resolver), name.to_owned());
        let under_way = tokio::spawn(async move {
            let _place = place;
            resolver.resolve(&name).await
        });
        under_way.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use tokio::sync::Semaphore;

    use super::*;

    /// Finds every name on loopback; those of one domain not before it is told to.
    struct Swallowing {
        asked: AtomicUsize,
        answers: Semaphore,
    }

    #[async_trait]
    impl Resolver for Swallowing {
        async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if name.ends_with(".evil.example") {
                self.answers.acquire().await.expect("open").forget();
            }
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        }
    }

    fn tenant(name: &str) -> TenantName {
        TenantName::parse(name).expect("a name")
    }

    /// Begins to wait, and says whether there is anything to wait for.
    async fn waits(look_up: impl Future<Output = io::Result<Vec<IpAddr>>>) -> bool {
        let mut look_up = pin!(look_up);
        std::future::poll_fn(|context| Poll::Ready(look_up.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn a_tenant_whose_names_are_never_answered_leaves_look_ups_to_the_others() {
        let resolver = Arc::new(Swallowing {
            asked: AtomicUsize::new(0),
            answers: Semaphore::new(0),
        });
        let look_ups = LookUps::by(Arc::<Swallowing>::clone(&resolver));
        let (evil, other) = (tenant("evil"), tenant("other"));
        for number in 0..LOOKUPS_MAX * 2 {
            // Given up at once, as by a module that chose a short time.
            assert!(waits(look_ups.resolve(&evil, &format!("{number}.evil.example"))).await);
        }
        // More than are left, one after the other.
        for _ in 0..LOOKUPS_MAX {
            let found = look_ups.resolve(&other, "api.carrier.example").await;
            assert_eq!(found.expect("an address"), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
        }
        assert_eq!(resolver.asked.load(Ordering::SeqCst), LOOKUPS_MAX / 2 + LOOKUPS_MAX);
        assert!(
            waits(look_ups.resolve(&evil, "api.carrier.example")).await,
            "what nobody waits for any more counts until it has ended"
        );
        resolver.answers.add_permits(LOOKUPS_MAX);
        let found = look_ups.resolve(&evil, "api.carrier.example").await;
        found.expect("the places are back");
    }
}
