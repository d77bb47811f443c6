//! What a person can do about a job, and when that is safe.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::case::Case;
use super::course::{Next, Turn, turn};
use super::index::JobKey;
use super::{JobError, Jobs};
use crate::domain::answer::Reply;
use crate::domain::call::Outcome;
use crate::domain::event::Vars;
use crate::domain::job::{By, Stage, Told};
use crate::domain::secret::MASK;
use crate::domain::trail::{Deed, Verb};
use crate::domain::update::{NewStatus, Update};
use crate::registry::Caller;
use crate::trail::Trail;

/// What a person decides. Variants without fields have braces: otherwise serde would let any field pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", tag = "action", deny_unknown_fields)]
pub enum Action {
    /// Ask the carrier again, or try TeleCloud again, now.
    CheckAgain {},
    /// Run the event again, now. Whoever says so has made sure at the carrier that it did not happen.
    RunAgain {
        /// Has to be true.
        it_did_not_happen: bool,
    },
    /// Say which order it is, so that TeleCloud can be told.
    Link {
        /// The order's number at TeleCloud.
        order_number: String,
        /// The customer's account, if the event did not say.
        #[serde(default)]
        account_number: Option<String>,
    },
    /// Tell TeleCloud how the order stands. FAILED and CANCELLED refund a pending order.
    Tell {
        /// The order's new state; none leaves it.
        #[serde(default)]
        status: Option<NewStatus>,
        /// Why it failed; goes with FAILED only.
        #[serde(default)]
        error_text: Option<String>,
        /// VARs to save on the order.
        #[serde(default)]
        #[schema(value_type = std::collections::BTreeMap<String, String>)]
        vars: Vars,
    },
    /// Close it: all is done, here and there.
    Done {},
}

/// Why an action is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is over, or never was.
    #[error("there is no open job for this call")]
    NoSuchJob,
    /// The module is at it.
    #[error("the module is at it at the moment; try again in a minute")]
    Running,
    /// See there.
    #[error("{0}")]
    NotNow(&'static str),
    /// The store refused.
    #[error(transparent)]
    Failed(#[from] JobError),
}

/// The names of what can be done about a job now, as [`Action`] has them.
#[must_use]
pub(super) fn actions(case: &Case) -> Vec<&'static str> {
    let standing = case.job.standing();
    if case.job.stage == Stage::Running {
        return Vec::new();
    }
    let mut actions = vec!["check-again"];
    if may_run_again(standing) {
        actions.push("run-again");
    }
    if case.job.order_number.is_none() || case.job.account_number.is_none() {
        actions.push("link");
    } else {
        actions.push("tell");
    }
    actions.push("done");
    actions
}

/// An order that the carrier has taken, or has finished, is never run again.
fn may_run_again(standing: Stage) -> bool {
    matches!(standing, Stage::Unknown | Stage::Again)
}

impl Action {
    /// As the trail has it: customers' data and passwords may be among the values of VARs, so only their names are told.
    fn shown(&self) -> Value {
        let mut shown = json!(self);
        if let Some(Value::Object(vars)) = shown.get_mut("vars") {
            vars.values_mut().for_each(|value| *value = MASK.into());
        }
        shown
    }

    /// What it does to a job, or why not.
    fn apply(&self, case: &mut Case, now: jiff::Timestamp) -> Result<Turn, Refused> {
        let going_on = |what: &str| Ok(turn(Next::GoesOn, what));
        if case.job.stage == Stage::Running {
            return Err(Refused::Running);
        }
        match self {
            Self::CheckAgain {} => {
                case.resume(now);
                going_on("to be checked again")
            }
            Self::RunAgain { it_did_not_happen } => {
                if !may_run_again(case.job.standing()) {
                    return Err(Refused::NotNow(
                        "the carrier has taken the order; running it again could have it done twice",
                    ));
                }
                if !it_did_not_happen {
                    return Err(Refused::NotNow(
                        "running it again needs the word that it did not happen at the carrier: look there first",
                    ));
                }
                Ok(case.did_not_happen(now))
            }
            Self::Link {
                order_number,
                account_number,
            } => {
                if order_number.trim().is_empty() {
                    return Err(Refused::NotNow("the order's number is empty"));
                }
                if let Some(account) = account_number {
                    case.job.account_number = Some(account.clone());
                }
                Ok(case.link(order_number, now))
            }
            Self::Tell {
                status,
                error_text,
                vars,
            } => {
                if error_text.is_some() && *status != Some(NewStatus::Failed) {
                    return Err(Refused::NotNow("an error text goes with the status failed only"));
                }
                let update = Update {
                    status: *status,
                    error_text: error_text.clone(),
                    vars: vars.clone(),
                };
                if update.is_empty() && case.matter.news.is_empty() {
                    return Err(Refused::NotNow("there is nothing to tell: give a status or VARs"));
                }
                case.told_by_hand(update, now);
                going_on("TeleCloud is to be told")
            }
            Self::Done {} => {
                case.job.outcome = Outcome::Done;
                Ok(turn(Next::Ends(None), "closed by hand"))
            }
        }
    }
}

impl Case {
    /// Goes back to where it stood before a person was called, and is looked at now.
    pub(super) fn resume(&mut self, now: jiff::Timestamp) {
        if let Some((_, was)) = self.job.fallout.take() {
            self.job.stage = was;
            // Its age counts anew. An order was finished when it was finished.
            if was != Stage::Telling {
                self.job.since = now;
            }
        }
        self.job.attempts = 0;
        self.job.due = now;
        if let Some(unsent) = &mut self.job.unsent {
            unsent.since = now;
            unsent.attempts = 0;
            unsent.due = now;
        }
    }

    /// What a person says is told as it is, and ends a job that waited for nothing else.
    pub(super) fn told_by_hand(&mut self, update: Update, now: jiff::Timestamp) {
        self.resume(now);
        let ends = update.status.is_some();
        self.tell(update, now);
        if ends && self.job.told == Told::Pending {
            let failed = matches!(self.matter.news.status, Some(NewStatus::Failed | NewStatus::Cancelled));
            let (reply, outcome) = if failed {
                let text = self.matter.news.error_text.clone().unwrap_or_default();
                (Reply::failure(text), Outcome::Rejected)
            } else {
                let vars = self.matter.news.vars.clone();
                (Reply::Success { pending: false, vars }, Outcome::Done)
            };
            self.matter.reply = Some(reply);
            self.telling(outcome, now);
        }
    }
}

impl Jobs {
    /// Does what a person decided, on record with the call. False when the job is over by that.
    ///
    /// # Errors
    /// When that is not safe now, with the reason, or when it could not be kept.
    pub async fn act(&self, key: &JobKey, action: &Action, who: &Caller, trail: &Trail) -> Result<bool, Refused> {
        let mut refused = None;
        let by = By::Operator(who.name());
        let deed = Deed::new(
            Verb::Decide,
            format!("tenants/{}/jobs/{}/actions", key.tenant, key.call),
        );
        let (signature, deed) = (who.signature(), deed.after(&action.shown()));
        let decided = Some((trail, &signature, deed));
        let done = self.advance_on_trail(key, by, None, decided, |case, now| match action.apply(case, now) {
            Ok(turn) => Some(turn),
            Err(why) => {
                refused = Some(why);
                None
            }
        });
        let done = done.await?;
        match (done, refused) {
            (Some((_, turn)), _) => Ok(turn.next == Next::GoesOn),
            (None, Some(why)) => Err(why),
            (None, None) => Err(Refused::NoSuchJob),
        }
    }
}
