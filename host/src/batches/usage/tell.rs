//! What TeleCloud is told of the readings of one page.
//!
//! Nothing is held while TeleCloud is told: it may post an event from inside of that call. After a crash the page is read
//! again. A total that takes the place of another can be told once more then, and counts once. Units that are added would
//! count twice, so each is announced in its account before it leaves, and in doubt a person decides.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::batches::Batches;
use crate::batches::store::Accounts;
use crate::domain::batch::{BatchSettings, Sent, UsageResult};
use crate::domain::call::CallId;
use crate::domain::event::Vars;
use crate::domain::metering::{Expression, Facts, Hold, Pass, Told, Verdict};
use crate::domain::name::ModulePath;
use crate::domain::order::{Order, OrderId};
use crate::domain::update::Update;
use crate::domain::usage::{Amount, Reading, Subscription, UsageKind, UsagePage};
use crate::orders::{Observation, Seen};
use crate::runner::NotTold;
use crate::storage::{Change, StorageError};
use crate::telecloud::client::{self, Call};

/// Orders of which TeleCloud is told at once. A tenant may have twice as many connections there.
const AT_ONCE: usize = 4;

/// An order that the module is asked about.
pub(super) struct Asked {
    pub(super) order: Order,
    pub(super) account_number: String,
    pub(super) order_number: String,
    pub(super) accounts: Accounts,
}

/// What TeleCloud was told of one order.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) results: Vec<UsageResult>,
    pub(super) changes: Vec<Change>,
    /// Why something could not even be sent.
    pub(super) not_sent: Option<String>,
}

/// What all orders of a page have in common.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) path: &'a ModulePath,
    pub(super) settings: &'a BatchSettings,
    pub(super) pass: Pass,
    pub(super) dry_run: bool,
}

impl Batches {
    /// Judges the readings and tells TeleCloud what it has to know, several orders at once.
    pub(super) async fn tell_all(
        &self,
        setting: Setting<'_>,
        asked: &BTreeMap<String, Asked>,
        page: &UsagePage,
    ) -> Result<Outcome, StorageError> {
        let mut by_order: BTreeMap<&str, Vec<&Reading>> = BTreeMap::new();
        for reading in &page.readings {
            by_order.entry(&reading.order_number).or_default().push(reading);
        }
        let told = by_order
            .into_iter()
            .map(|(number, readings)| self.tell_readings(setting, asked.get(number), readings));
        let told: Vec<_> = told.collect();
        let mut told = stream::iter(told).buffer_unordered(AT_ONCE);
        let mut all = Outcome::default();
        while let Some(one) = told.next().await {
            let one = one?;
            all.results.extend(one.results);
            all.changes.extend(one.changes);
            all.not_sent = all.not_sent.or(one.not_sent);
        }
        Ok(all)
    }

    /// An order that was not asked about is told nothing of.
    async fn tell_readings(
        &self,
        setting: Setting<'_>,
        asked: Option<&Asked>,
        readings: Vec<&Reading>,
    ) -> Result<Outcome, StorageError> {
        match asked {
            Some(asked) => self.tell_order(setting, asked, &readings).await,
            None => Ok(Outcome {
                results: readings
                    .into_iter()
                    .map(|reading| result(reading, Verdict::NoSuchOrder))
                    .collect(),
                ..Outcome::default()
            }),
        }
    }

    async fn tell_order(
        &self,
        setting: Setting<'_>,
        asked: &Asked,
        readings: &[&Reading],
    ) -> Result<Outcome, StorageError> {
        let usage = &setting.settings.usage;
        let mut accounts = asked.accounts.clone();
        let mut outcome = Outcome::default();
        let mut vars = Vars::default();
        // Components that only a VAR shows are told by the Order/Update.
        let mut by_var = Vec::new();
        for reading in readings {
            // A kind that the module does not know says nothing of the kinds that it does.
            let same = |other: &&&Reading| {
                other.component_id == reading.component_id && !matches!(other.kind, UsageKind::Other(_))
            };
            let verdict = match judged(setting, asked, reading) {
                Verdict::Report { .. } | Verdict::Unchanged { .. } if readings.iter().filter(same).count() > 1 => {
                    Verdict::Held { why: Hold::Twice }
                }
                verdict => verdict,
            };
            let reports = usage
                .components
                .get(&reading.component_id)
                .is_some_and(|rule| rule.report);
            let mut result = result(reading, verdict);
            match result.verdict {
                Verdict::Report { units, total_units } => {
                    vars.merge(usage.vars(reading, total_units));
                    let told = told(setting.pass, reading, total_units);
                    if !reports {
                        by_var.push((reading.component_id.clone(), told));
                    } else if setting.dry_run {
                        result.reported = Some(Sent::DryRun);
                    } else {
                        let answer = self
                            .report_units(setting, asked, &mut accounts, reading, units, told)
                            .await?;
                        result.reported = Some(outcome.sent(answer));
                    }
                }
                Verdict::Unchanged { total_units } => {
                    vars.merge(usage.vars(reading, total_units));
                    let told = accounts
                        .get(&reading.component_id)
                        .and_then(|account| account.told.as_ref());
                    if reports && told.is_some_and(|told| told.run == Some(setting.pass.run)) {
                        // By this very run, before it was cut off.
                        result.reported = Some(Sent::Accepted { call: None });
                    }
                }
                _ => {}
            }
            outcome.results.push(result);
        }
        let saved = self.save_vars(setting, asked, vars, &mut outcome).await?;
        if saved && !setting.dry_run {
            for (component, told) in by_var {
                accounts.entry(component).or_default().told = Some(told);
            }
        }
        if accounts != asked.accounts {
            let change = self.store.put_accounts(setting.path, asked.order.id, &accounts)?;
            outcome.changes.push(change);
        }
        Ok(outcome)
    }

    /// Reports units of one component, and notes in its account what TeleCloud has taken.
    async fn report_units(
        &self,
        setting: Setting<'_>,
        asked: &Asked,
        accounts: &mut Accounts,
        reading: &Reading,
        units: Amount,
        told: Told,
    ) -> Result<(CallId, Result<(), NotTold>), StorageError> {
        let rule = setting.settings.usage.components.get(&reading.component_id);
        let adds = rule.is_some_and(|rule| rule.expression == Expression::Additive);
        let call = Call::ReportUsage {
            account_number: asked.account_number.clone(),
            order_number: asked.order_number.clone(),
            component_id: reading.component_id.clone(),
            units: units.to_string(),
            expression: if adds {
                client::Expression::Additive
            } else {
                client::Expression::Cumulative
            },
        };
        if adds {
            accounts.entry(reading.component_id.clone()).or_default().doubtful = Some(setting.pass.at);
            self.keep(setting.path, asked.order.id, accounts).await?;
        }
        let (id, answer) = self.far.tell(setting.path, &call).await;
        let account = accounts.entry(reading.component_id.clone()).or_default();
        match &answer {
            Ok(()) => {
                account.told = Some(told);
                account.doubtful = None;
            }
            Err(NotTold::Refused(_) | NotTold::NotSent(_)) => account.doubtful = None,
            // Units that may have been added stay in doubt.
            Err(NotTold::Unclear(_)) => {}
        }
        if adds {
            self.keep(setting.path, asked.order.id, accounts).await?;
        }
        Ok((id, answer))
    }

    /// Saves on the order what of the VARs is new. Says whether the order has all of them now.
    async fn save_vars(
        &self,
        setting: Setting<'_>,
        asked: &Asked,
        vars: Vars,
        outcome: &mut Outcome,
    ) -> Result<bool, StorageError> {
        let mut new = Vars::default();
        for (index, value) in vars.iter() {
            if asked.order.record.vars.get(index) != Some(value) {
                // It was one before.
                let _ = new.set(index, value.to_owned());
            }
        }
        if new.is_empty() {
            return Ok(true);
        }
        let saved = if setting.dry_run {
            Sent::DryRun
        } else {
            let (account, number) = (asked.account_number.clone(), asked.order_number.clone());
            let answer = self.update(setting.path, account, number, new).await?;
            outcome.sent(answer)
        };
        for result in &mut outcome.results {
            if matches!(result.verdict, Verdict::Report { .. } | Verdict::Unchanged { .. }) {
                result.saved = Some(saved.clone());
            }
        }
        Ok(matches!(saved, Sent::Accepted { .. }))
    }

    /// Tells TeleCloud the VARs of an order, and puts what it has taken on record.
    pub(in crate::batches) async fn update(
        &self,
        path: &ModulePath,
        account_number: String,
        order_number: String,
        vars: Vars,
    ) -> Result<(CallId, Result<(), NotTold>), StorageError> {
        let update = Update::vars(vars);
        let call = Call::UpdateOrder {
            account_number: account_number.clone(),
            order_number: order_number.clone(),
            update: update.clone(),
        };
        let (call, answer) = self.far.tell(path, &call).await;
        if answer.is_ok() {
            let observation = Observation {
                module: &path.module,
                call,
                at: Timestamp::now(),
                seen: Seen::Update {
                    order_number: &order_number,
                    account_number: Some(&account_number),
                    update: &update,
                },
            };
            let mut prepared = self.orders.observe(&path.tenant, observation).await?;
            self.store.write(std::mem::take(&mut prepared.changes)).await?;
        }
        Ok((call, answer))
    }

    async fn keep(&self, path: &ModulePath, order: OrderId, accounts: &Accounts) -> Result<(), StorageError> {
        self.store
            .write(vec![self.store.put_accounts(path, order, accounts)?])
            .await
    }
}

impl Asked {
    pub(super) fn subscription(&self) -> Subscription {
        Subscription {
            account_number: self.account_number.clone(),
            order_number: self.order_number.clone(),
            vars: self.order.record.vars.clone().without_porting(),
        }
    }
}

impl Outcome {
    /// What became of something that was told.
    fn sent(&mut self, (call, answer): (CallId, Result<(), NotTold>)) -> Sent {
        if let Err(NotTold::NotSent(why)) = &answer {
            self.not_sent = Some(why.clone());
        }
        sent(call, answer)
    }
}

fn judged(setting: Setting<'_>, asked: &Asked, reading: &Reading) -> Verdict {
    let facts = Facts {
        replenished: asked.order.record.replenished,
        account: asked.accounts.get(&reading.component_id),
    };
    setting.settings.usage.judge(reading, Some(facts), setting.pass)
}

fn told(pass: Pass, reading: &Reading, units: Amount) -> Told {
    Told {
        total: reading.total,
        units,
        at: pass.at,
        run: Some(pass.run),
        page: pass.page,
    }
}

/// What became of something that was told.
pub(in crate::batches) fn sent(call: CallId, answer: Result<(), NotTold>) -> Sent {
    match answer {
        Ok(()) => Sent::Accepted { call: Some(call) },
        Err(error) => Sent::Failed {
            unclear: matches!(error, NotTold::Unclear(_)),
            why: error.to_string(),
            call,
        },
    }
}

fn result(reading: &Reading, verdict: Verdict) -> UsageResult {
    UsageResult {
        order_number: reading.order_number.clone(),
        component_id: reading.component_id.clone(),
        kind: match &reading.kind {
            UsageKind::Recurring => "recurring".to_owned(),
            UsageKind::OnceOff => "once-off".to_owned(),
            UsageKind::Other(word) => word.clone(),
        },
        total: reading.total,
        verdict,
        reported: None,
        saved: None,
    }
}
