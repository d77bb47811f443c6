//! Bodies that are being read. Anybody can begin one and never end it, and whose post it is, is known only when it is whole:
//! so they take nothing that a tenant has, and when there are too many, the one that takes longest has to go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::name::TenantName;

/// Those that are not whole yet.
#[derive(Debug, Clone)]
pub(super) struct Readings(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    most: usize,
    /// How many there are.
    now: usize,
    begun: u64,
    /// For each tenant that has any, the one that takes longest first.
    tenants: BTreeMap<TenantName, BTreeMap<u64, Arc<Notify>>>,
}

/// The right to read one, until it is dropped.
#[derive(Debug)]
pub(super) struct Reading {
    readings: Readings,
    tenant: TenantName,
    number: u64,
    end: Arc<Notify>,
}

impl Readings {
    /// So many at once.
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            most,
            now: 0,
            begun: 0,
            tenants: BTreeMap::new(),
        })))
    }

    /// Begins to read a body that was sent to this tenant. If there are too many, one of those that were sent to the tenant
    /// that has the most of them has to go: who floods one tenant does not break off what is sent to another.
    pub(super) fn begin(&self, tenant: TenantName) -> Reading {
        let mut state = self.state();
        if state.now >= state.most {
            state.end_longest();
        }
        state.begun += 1;
        state.now += 1;
        let (number, end) = (state.begun, Arc::<Notify>::default());
        let own = state.tenants.entry(tenant.clone()).or_default();
        own.insert(number, Arc::clone(&end));
        drop(state);
        Reading {
            readings: self.clone(),
            tenant,
            number,
            end,
        }
    }

    /// Nothing in here can panic half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end_longest(&mut self) {
        let most = self.tenants.iter().max_by_key(|(_, bodies)| bodies.len());
        let Some(tenant) = most.map(|(tenant, _)| tenant.clone()) else {
            return;
        };
        let longest = self
            .tenants
            .get(&tenant)
            .and_then(|bodies| bodies.keys().next().copied());
        if let Some(end) = longest.and_then(|number| self.remove(&tenant, number)) {
            end.notify_one();
        }
    }

    /// Takes one out, if it is there still.
    fn remove(&mut self, tenant: &TenantName, number: u64) -> Option<Arc<Notify>> {
        let bodies = self.tenants.get_mut(tenant)?;
        let end = bodies.remove(&number)?;
        if bodies.is_empty() {
            self.tenants.remove(tenant);
        }
        self.now -= 1;
        Some(end)
    }
}

impl Reading {
    /// Until it has to go.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.readings.state().remove(&self.tenant, self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn tenant(name: &str) -> TenantName {
        TenantName::parse(name).expect("a name")
    }

    fn gone(readings: &[&Reading]) -> Vec<bool> {
        readings
            .iter()
            .map(|one| one.ended().now_or_never().is_some())
            .collect()
    }

    #[test]
    fn of_too_many_the_longest_of_the_tenant_with_the_most_has_to_go() {
        let readings = Readings::new(3);
        let quiet = readings.begin(tenant("quiet"));
        let [first, second] = [(); 2].map(|()| readings.begin(tenant("flooded")));
        assert_eq!(gone(&[&quiet, &first, &second]), [false; 3], "there was room for each");
        let third = readings.begin(tenant("flooded"));
        assert_eq!(gone(&[&quiet, &first, &second, &third]), [false, true, false, false]);
        let other = readings.begin(tenant("other"));
        assert_eq!(gone(&[&quiet, &second, &third, &other]), [false, true, false, false]);
    }

    #[test]
    fn what_is_whole_makes_room_and_nothing_is_left_of_it() {
        let readings = Readings::new(1);
        for _ in 0..3 {
            drop(readings.begin(tenant("north")));
        }
        let slow = readings.begin(tenant("north"));
        let quick = readings.begin(tenant("south"));
        assert_eq!(gone(&[&slow, &quick]), [true, false]);
        drop((slow, quick));
        let state = readings.state();
        assert_eq!((state.now, state.tenants.len()), (0, 0));
    }
}
