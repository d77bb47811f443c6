//! `patchbay job` and `patchbay fallout`

mod view;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Session;
use super::client::read;
use super::failure::Failure;
use super::input::{id, word};
use super::printer::{table, time, word as written};
use crate::api::{Action, JobListing, JobQuery, JobView};
use crate::domain::event::Vars;
use crate::domain::job::Stage;
use crate::domain::name::{ModuleName, TenantName};
use crate::domain::update::NewStatus;

pub(super) const EXAMPLES: &str = "Examples:
  patchbay job list acme --stage pending
  patchbay job show acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF
  patchbay job check-again acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF
  patchbay job link acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF --order 4617ZU4617
  patchbay job tell acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF --status active --var 3=2025550143

A job is work that outlives its call, and has the id of that call. It is over once the carrier and TeleCloud agree.

Stages:
  running  the module is at it
  unknown  it may have happened: the carrier is asked
  pending  the carrier has taken the order and will finish it
  again    it did not happen, and TeleCloud waits for it: the event is run again
  found    it happened, and the answer waits for the event's next post
  telling  all is done at the carrier: TeleCloud is being told
  fallout  a person has to look; `patchbay fallout list` says why

`job show` says what can be done now. Acting takes a token with the scope operate, and is recorded under its label.";

pub(super) const FALLOUT_EXAMPLES: &str = "Examples:
  patchbay fallout list acme
  patchbay job show acme 01KAJ3X0V5R7W2Q8N4M6B1C9DF    # the whole story, and what can be done";

const STAGES: &[&str] = &["running", "unknown", "pending", "again", "found", "telling", "fallout"];
const STATUSES: &[&str] = &["active", "suspended", "non-pay", "failed", "cancelled"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List open jobs, oldest first
    List {
        /// The tenant's name
        tenant: TenantName,
        #[command(flatten)]
        filter: Filter,
        /// Jobs that stand here
        #[arg(long, value_parser = word::<Stage>(STAGES))]
        stage: Option<Stage>,
    },
    /// Show a job: where it stands, why, what can be done now, and the whole story
    Show {
        #[command(flatten)]
        job: JobArgs,
    },
    /// Ask the carrier again, or try TeleCloud again, now
    CheckAgain {
        #[command(flatten)]
        job: JobArgs,
    },
    /// Run the event again, now
    RunAgain {
        #[command(flatten)]
        job: JobArgs,
        /// Your word that you have looked at the carrier, and that it did not happen there
        #[arg(long)]
        it_did_not_happen: bool,
    },
    /// Say which order it is, so that TeleCloud can be told
    Link {
        #[command(flatten)]
        job: JobArgs,
        /// The order's number at TeleCloud
        #[arg(long, value_name = "ORDER_NUMBER")]
        order: String,
        /// The customer's account, if the event did not say
        #[arg(long, value_name = "ACCOUNT_NUMBER")]
        account: Option<String>,
    },
    /// Tell TeleCloud how the order stands; failed and cancelled refund a pending order
    Tell {
        #[command(flatten)]
        job: JobArgs,
        #[command(flatten)]
        news: News,
    },
    /// Close it: all is done, at the carrier and at TeleCloud
    Done {
        #[command(flatten)]
        job: JobArgs,
    },
}

/// `patchbay fallout`
#[derive(Debug, Subcommand)]
pub enum Fallout {
    /// List what needs a person, oldest first, with the reason and what can be done
    List {
        /// The tenant's name
        tenant: TenantName,
        #[command(flatten)]
        filter: Filter,
    },
}

/// A job on the command line.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The tenant's name
    tenant: TenantName,
    /// The id of the call that the job follows, as it is listed
    #[arg(value_parser = id)]
    call: String,
}

#[derive(Debug, Args)]
pub struct Filter {
    /// Jobs of this module
    #[arg(long)]
    module: Option<ModuleName>,
    /// Jobs whose calls are later than this one
    #[arg(long, value_name = "CALL", value_parser = id)]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Args)]
pub struct News {
    /// The order's new state
    #[arg(long, value_parser = word::<NewStatus>(STATUSES))]
    status: Option<NewStatus>,
    /// Why it failed; goes with --status failed
    #[arg(long, value_name = "TEXT")]
    error_text: Option<String>,
    /// A VAR to save on the order, such as 3=2025550143; may be given several times
    #[arg(long = "var", value_name = "N=VALUE", value_parser = var)]
    vars: Vec<(u8, String)>,
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::List { tenant, filter, stage } => {
            let listing = list(&tenant, filter, stage, session).await?;
            session.printer.show(&listing, |out| {
                let listing: JobListing = read(&listing)?;
                let rows = listing.items.into_iter().map(row).collect();
                let headings = [
                    "CALL", "RECEIVED", "MODULE", "SERVICE", "ORDER", "STAGE", "SINCE", "NEXT",
                ];
                table(out, &headings, rows, "There are no such jobs here.")?;
                Ok(view::more(out, listing.next)?)
            })
        }
        Command::Show { job } => show(&job, session).await,
        Command::CheckAgain { job } => act(&job, &Action::CheckAgain {}, session).await,
        Command::RunAgain { job, it_did_not_happen } => {
            act(&job, &Action::RunAgain { it_did_not_happen }, session).await
        }
        Command::Link { job, order, account } => {
            let action = Action::Link {
                order_number: order,
                account_number: account,
            };
            act(&job, &action, session).await
        }
        Command::Tell { job, news } => {
            let mut vars = Vars::default();
            for (index, value) in news.vars {
                vars.set(index, value)
                    .map_err(|index| Failure::Usage(no_var(&index.to_string())))?;
            }
            let action = Action::Tell {
                status: news.status,
                error_text: news.error_text,
                vars,
            };
            act(&job, &action, session).await
        }
        Command::Done { job } => act(&job, &Action::Done {}, session).await,
    }
}

pub(super) async fn fallout(command: Fallout, session: &mut Session<'_>) -> Result<(), Failure> {
    let Fallout::List { tenant, filter } = command;
    let listing = list(&tenant, filter, Some(Stage::Fallout), session).await?;
    session.printer.show(&listing, |out| {
        let listing: JobListing = read(&listing)?;
        view::fallout(out, &tenant, &listing.items)?;
        Ok(view::more(out, listing.next)?)
    })
}

async fn list(
    tenant: &TenantName,
    filter: Filter,
    stage: Option<Stage>,
    session: &Session<'_>,
) -> Result<Value, Failure> {
    let query = JobQuery {
        module: filter.module,
        stage,
        after: filter.after.map(|id| read(&id.into())).transpose()?,
        limit: Some(filter.limit),
    };
    session
        .client
        .query(&["tenants", tenant.as_str(), "jobs"], &query)
        .await
}

async fn show(at: &JobArgs, session: &mut Session<'_>) -> Result<(), Failure> {
    let path = |resource| ["tenants", at.tenant.as_str(), resource, at.call.as_str()];
    let job = session.client.find(&path("jobs")).await?;
    let call = session.client.get(&path("calls")).await?;
    session.printer.show(&json!({"job": job, "call": call}), |out| {
        let job: Option<JobView> = job.as_ref().map(read).transpose()?;
        Ok(view::whole(out, &at.tenant, job.as_ref(), &read(&call)?)?)
    })
}

async fn act(at: &JobArgs, action: &Action, session: &mut Session<'_>) -> Result<(), Failure> {
    let path = ["tenants", at.tenant.as_str(), "jobs", at.call.as_str(), "actions"];
    let job = session.client.post(&path, action).await?;
    let line = if job.is_null() {
        "done; the job is over".to_owned()
    } else {
        let job: JobView = read(&job)?;
        format!("done; the job stands at {} now", job.stage)
    };
    session.printer.done(&job, &line)
}

fn row(job: JobView) -> Vec<String> {
    vec![
        job.call.to_string(),
        time(job.received),
        job.module.to_string(),
        job.service,
        job.order_number.unwrap_or_else(|| "-".to_owned()),
        written(&job.stage),
        time(job.since),
        job.due.map_or_else(|| "-".to_owned(), time),
    ]
}

fn var(text: &str) -> Result<(u8, String), String> {
    let (index, value) = text.split_once('=').ok_or("write it as N=VALUE")?;
    match index.parse() {
        Ok(number) if Vars::default().set(number, String::new()).is_ok() => Ok((number, value.to_owned())),
        _ => Err(no_var(index)),
    }
}

fn no_var(index: &str) -> String {
    format!("{index:?} is not the number of a VAR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_var_has_a_number_that_there_is() {
        assert_eq!(var("3=a=b"), Ok((3, "a=b".to_owned())));
        for wrong in ["3", "0=x", "21=x", "MDN=x"] {
            assert!(var(wrong).is_err(), "{wrong}");
        }
    }
}
