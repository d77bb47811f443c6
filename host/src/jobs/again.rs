//! An event that is posted again while its job is open.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::course::{Next, turn};
use super::index::JobKey;
use super::verdict::open_reply;
use super::{JobError, Jobs, recovery};
use crate::domain::answer::Reply;
use crate::domain::call::CallId;
use crate::domain::event::{Action, Event};
use crate::domain::job::{By, Stage, Told};
use crate::domain::name::ModulePath;
use crate::domain::order::OrderState;

/// How soon a job is settled whose end could not be written.
const SETTLE: Duration = Duration::from_secs(30);

impl Jobs {
    /// What the event of an open job is answered with. An outcome that is unknown is looked into at once, and waited for until
    /// the deadline. `None` when the job is over meanwhile: then the event is to be claimed anew.
    ///
    /// # Errors
    /// When the store refuses or the job is damaged.
    pub async fn posted_again(
        &self,
        key: &JobKey,
        path: &ModulePath,
        event: &Event,
        deadline: Instant,
    ) -> Result<Option<Reply>, JobError> {
        let mut hurried = false;
        loop {
            let Some(changes) = self.index().changes(key) else {
                return Ok(None);
            };
            let mut changed = std::pin::pin!(changes.notified());
            // Before the look, so that no change gets lost in between.
            changed.as_mut().enable();
            let Some(case) = self.case(key).await? else {
                self.index().remove(key);
                return Ok(None);
            };
            if case.job.stage == Stage::Running {
                if recovery::keep_late(self, key).await? {
                    continue;
                }
                // Its end was not written, and nobody is at it who could.
                if !self.claims.holds(case.job.identity) && !self.index().is_busy(key) {
                    recovery::settle(self, key, &case.job).await?;
                    continue;
                }
            }
            if case.job.standing() == Stage::Found {
                let undone = self.is_undone(path, event, key.call).await?;
                let taken = self.advance(key, By::Telecloud, None, |case, now| {
                    let found = case.job.standing() == Stage::Found;
                    found.then(|| match undone {
                        true => turn(
                            Next::Ends(None),
                            "posted again after newer events of its order, so it is run",
                        ),
                        false => case.taken(now),
                    })
                });
                match taken.await? {
                    Some(_) if undone => return Ok(None),
                    Some(_) => return Ok(case.matter.reply),
                    None => continue,
                }
            }
            let may_change = matches!(case.job.stage, Stage::Running | Stage::Unknown | Stage::Again);
            if may_change && case.job.stage != Stage::Running && !hurried {
                hurried = true;
                self.hurry(key);
            }
            // In any other stage, and to TeleCloud that waits already, nobody can say more than has been said.
            let waits = may_change && case.job.told != Told::Pending;
            if waits && timeout_at(deadline, changed).await.is_ok() {
                continue;
            }
            match case.matter.reply {
                Some(reply) => return Ok(Some(reply)),
                None => {
                    let reply = open_reply(event.action.kind());
                    if self.promised(key, &reply).await? {
                        return Ok(Some(reply));
                    }
                }
            }
        }
    }

    /// What TeleCloud is told now, after a crash had left it without an answer, it is told in earnest: for an order that is
    /// pending it waits. False when the job has an answer by now, or is over.
    async fn promised(&self, key: &JobKey, reply: &Reply) -> Result<bool, JobError> {
        let told = self.advance(key, By::Telecloud, None, |case, _| {
            (case.matter.reply.is_none() && case.job.standing() != Stage::Found).then(|| {
                case.overdue(reply);
                turn(Next::GoesOn, "posted again, and answered as long as nobody knows")
            })
        });
        Ok(told.await?.is_some())
    }

    /// Whether newer events have undone what this call did for the event, so that its answer says nothing any more: a
    /// suspension that was followed by a resumption, a SIM that was swapped again. By other events, and by an order's
    /// creation or renewal, nothing is undone.
    pub(super) async fn is_undone(&self, path: &ModulePath, event: &Event, call: CallId) -> Result<bool, JobError> {
        let Some(order_number) = &event.order_number else {
            return Ok(false);
        };
        if !matches!(event.action, Action::SetStatus(_) | Action::Swap) {
            return Ok(false);
        }
        let id = self.orders.id(&path.tenant, &path.module, order_number);
        let Some(order) = self.orders.get(&path.tenant, id).await? else {
            return Ok(false);
        };
        let record = order.record;
        Ok(match &event.action {
            Action::SetStatus(status) => record.state_by > call && Some(record.state) != OrderState::of(status),
            _ => record.vars_by > call && !event.vars.clone().without(&record.vars).is_empty(),
        })
    }

    /// Has the job looked at now, if its module can be asked.
    fn hurry(&self, key: &JobKey) {
        self.index().hurry(key);
        self.wake.notify_one();
    }

    /// Keeps an eye on a job of which the end could not be written: it is settled as soon as that is possible.
    pub(super) fn watch(&self, key: &JobKey, case: &super::Case) {
        self.index().put_off(key, &case.job, SETTLE);
        self.wake.notify_one();
    }

    /// An event with an order's number came: a pending order that had none may be this one.
    ///
    /// # Errors
    /// When the store refuses or a job is damaged.
    pub async fn link(&self, path: &ModulePath, event: &Event) -> Result<(), JobError> {
        let (Some(account), Some(order_number)) = (&event.account_number, &event.order_number) else {
            return Ok(());
        };
        let candidates = self.index().unlinked(&path.tenant, account);
        let mut found = None;
        for key in candidates {
            let Some(case) = self.case(&key).await? else { continue };
            if case.is_of(&path.module, event) && found.replace(key).is_some() {
                // Two orders could be meant, so neither is.
                return Ok(());
            }
        }
        if let Some(key) = found {
            self.advance(&key, By::Telecloud, None, |case, now| {
                let linkable = case.job.order_number.is_none() && case.job.stage != Stage::Running;
                linkable.then(|| case.link(order_number, now))
            })
            .await?;
        }
        Ok(())
    }
}
