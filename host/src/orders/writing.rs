//! Changing the record of an order.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::Orders;
use super::keys::{Keys, id_of};
use super::observation::{After, Observation, Seen, joined};
use super::turns::Turn;
use crate::domain::call::{CallId, Outcome};
use crate::domain::event::Event;
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::order::{OrderId, OrderRecord, Unlinked, is_telling, same_order};
use crate::storage::{Change, Expect, StorageError};

/// Most orders without a number that are looked at because they have a VAR in common with an event. By a value that
/// more orders of one account have, none is recognised.
pub(super) const LOOKALIKES_MAX: usize = 64;

/// Changes to an order, to be written together with what they come from.
///
/// Others wait to change the order until this is dropped: write the changes first, and have no other order observed
/// meanwhile.
#[must_use]
pub struct Prepared {
    /// Empty when there is nothing to change.
    pub changes: Vec<Change>,
    /// The call that created the order, if it has come out with this that the order is that call's.
    pub linked: Option<CallId>,
    _turn: Option<Turn>,
}

/// An order's record before a change.
struct Before {
    id: OrderId,
    record: OrderRecord,
}

impl Orders {
    /// What was seen of an order becomes changes to its record. An order that was created without a number is linked by
    /// the first later event with a number that can only be about it.
    ///
    /// # Errors
    /// When the store refuses, or the record is damaged: then the order is not on record as it should be, and the call
    /// can end all the same.
    pub async fn observe(&self, tenant: &TenantName, observation: Observation<'_>) -> Result<Prepared, StorageError> {
        if let Seen::Event { outcome, .. } = observation.seen
            && matches!(outcome, Outcome::Refused | Outcome::Repeated)
        {
            return Ok(Prepared {
                changes: Vec::new(),
                linked: None,
                _turn: None,
            });
        }
        let keys = self.keys(tenant);
        let number = observation.order_number();
        let (id, before, turn) = match number {
            Some(number) => {
                let id = keys.id(observation.module, number);
                let (before, turn) = self.numbered(&keys, id, &observation).await?;
                (id, before, turn)
            }
            None => self.unnumbered(&keys, OrderId::unlinked(observation.call)).await?,
        };
        let mut record = before.as_ref().map(|before| before.record.clone());
        let mut linked = None;
        if let (Some(number), Some(unlinked)) = (number, &before)
            && unlinked.id != id
        {
            record = Some(joined(unlinked.record.clone(), number, None));
            linked = Some(CallId(unlinked.id.0));
        }
        let after = match observation.apply(record.clone()) {
            After::Unchanged => record,
            After::Record(record) => Some(*record),
            After::Gone => None,
        };
        Ok(Prepared {
            changes: self.changes(&keys, before.as_slice(), id, after.as_ref()),
            linked,
            _turn: Some(turn),
        })
    }

    /// Says which number an order has that was created without one. `None` when no order that this call created is on
    /// record without a number.
    ///
    /// # Errors
    /// When the store refuses, or a record is damaged.
    pub async fn link(
        &self,
        tenant: &TenantName,
        created_by: CallId,
        order_number: &str,
    ) -> Result<Option<Prepared>, StorageError> {
        let keys = self.keys(tenant);
        let from = OrderId::unlinked(created_by);
        // An order stays with its module, so what is read before the turn is good enough to know whose turn to take.
        let Some(found) = self.record(&keys, from).await? else {
            return Ok(None);
        };
        let to = keys.id(&found.module, order_number);
        let turn = self.turns.both(from, to).await;
        let Some(unlinked) = self.record(&keys, from).await? else {
            return Ok(None);
        };
        let numbered = self.record(&keys, to).await?;
        let after = joined(unlinked.clone(), order_number, numbered.clone());
        let mut before = vec![Before {
            id: from,
            record: unlinked,
        }];
        before.extend(numbered.map(|record| Before { id: to, record }));
        Ok(Some(Prepared {
            changes: self.changes(&keys, &before, to, Some(&after)),
            linked: Some(created_by),
            _turn: Some(turn),
        }))
    }

    /// The record of an order with a number, or of the one without that it turns out to be.
    async fn numbered(
        &self,
        keys: &Keys<'_>,
        id: OrderId,
        observation: &Observation<'_>,
    ) -> Result<(Option<Before>, Turn), StorageError> {
        let turn = self.turns.one(id).await;
        if let Some(record) = self.record(keys, id).await? {
            return Ok((Some(Before { id, record }), turn));
        }
        let Seen::Event { event, .. } = observation.seen else {
            return Ok((None, turn));
        };
        let Some(unlinked) = self.recognised(keys, observation.module, event).await? else {
            return Ok((None, turn));
        };
        drop(turn);
        let turn = self.turns.both(id, unlinked).await;
        // Somebody may have had their turn in between.
        if let Some(record) = self.record(keys, id).await? {
            return Ok((Some(Before { id, record }), turn));
        }
        let record = self.record(keys, unlinked).await?;
        let record = record.filter(|record| same_order(&Unlinked::of(record), observation.module, event).is_ok());
        Ok((record.map(|record| Before { id: unlinked, record }), turn))
    }

    /// The record of an order that was created without a number, wherever it is now.
    async fn unnumbered(&self, keys: &Keys<'_>, id: OrderId) -> Result<(OrderId, Option<Before>, Turn), StorageError> {
        let turn = self.turns.one(id).await;
        let (id, turn) = match self.moved(keys, id).await? {
            None => (id, turn),
            Some(id) => {
                drop(turn);
                (id, self.turns.one(id).await)
            }
        };
        let record = self.record(keys, id).await?;
        Ok((id, record.map(|record| Before { id, record }), turn))
    }

    /// The one order without a number that this event can be about.
    async fn recognised(
        &self,
        keys: &Keys<'_>,
        module: &ModuleName,
        event: &Event,
    ) -> Result<Option<OrderId>, StorageError> {
        let Some(account) = &event.account_number else {
            return Ok(None);
        };
        let mut lookalikes = BTreeSet::new();
        for (index, value) in event.vars.iter().filter(|(_, value)| is_telling(value)) {
            let folder = keys.by_telling(module, account, index, value);
            let found = self.documents.page(&folder, None, LOOKALIKES_MAX + 1).await?;
            if found.len() <= LOOKALIKES_MAX {
                lookalikes.extend(found.iter().filter_map(|(key, _)| id_of(key)));
            }
        }
        let mut recognised = None;
        for id in lookalikes {
            let record = self.record(keys, id).await?;
            if record.is_some_and(|record| same_order(&Unlinked::of(&record), module, event).is_ok())
                && recognised.replace(id).is_some()
            {
                return Ok(None);
            }
        }
        Ok(recognised)
    }

    /// What makes of the records before the one after, at `id`. The turn keeps others away, so nothing is expected of
    /// what is there: a conflict would keep the call that this is written with from ending.
    fn changes(&self, keys: &Keys<'_>, before: &[Before], id: OrderId, after: Option<&OrderRecord>) -> Vec<Change> {
        let mut values: BTreeMap<String, Option<Bytes>> = BTreeMap::new();
        let after_entries = after.map(|record| keys.entries(id, record)).unwrap_or_default();
        let mut before_entries = BTreeSet::new();
        for Before { id: old, record } in before {
            before_entries.extend(keys.entries(*old, record));
            values.insert(keys.order(*old), None);
            if after.is_some() && *old != id {
                values.insert(keys.moved(*old), Some(json(&id)));
            }
        }
        values.extend(before_entries.difference(&after_entries).map(|key| (key.clone(), None)));
        let new = after_entries.difference(&before_entries);
        values.extend(new.map(|key| (key.clone(), Some(Bytes::new()))));
        if let Some(record) = after {
            let key = keys.order(id);
            let sealed = self.seal(&key, record);
            values.insert(key, Some(sealed.into()));
        }
        let change = |(key, value)| match value {
            Some(value) => Change::Put {
                key,
                value,
                expect: Expect::Anything,
            },
            None => Change::Delete {
                key,
                expect: Expect::Anything,
            },
        };
        values.into_iter().map(change).collect()
    }
}

fn json(id: &OrderId) -> Bytes {
    Bytes::from(format!("\"{id}\""))
}
