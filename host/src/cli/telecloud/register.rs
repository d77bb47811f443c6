//! `patchbay telecloud register`

use std::io::{self, Write};

use clap::Args;

use super::super::client::read;
use super::super::failure::Failure;
use super::super::printer::{fields, plain, word};
use super::super::{ModuleArgs, Session, input};
use crate::api::{Link, Registration, Step, StepState, Wish};
use crate::domain::name::TelecloudId;
use crate::domain::telecloud::{LinkedEvent, ProductGroupStatus};

#[derive(Debug, Args)]
pub struct RegisterArgs {
    #[command(flatten)]
    module: ModuleArgs,
    /// Where TeleCloud reaches the module, such as https://gateway.example/m/acme/sim
    #[arg(long, value_name = "URL")]
    module_url: String,
    /// What TeleCloud shows; the module's title or name unless stated
    #[arg(long)]
    name: Option<String>,
    /// What TeleCloud shows with it
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The module's id at TeleCloud, if it was made there by hand
    #[arg(long, value_name = "ID", conflicts_with = "new")]
    module_id: Option<TelecloudId>,
    /// Make another module at TeleCloud although one was made before, because that one is gone
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    group: GroupArgs,
    /// Send it; without this, it is only said what would be sent
    #[arg(long)]
    apply: bool,
}

/// The product group, all of it or none.
#[derive(Debug, Args)]
struct GroupArgs {
    /// A product group that is to call the module
    #[arg(long, value_name = "ID", requires = "group_status", requires = "events")]
    product_group: Option<TelecloudId>,
    /// What the product group is afterwards: TeleCloud wants to be told on every edit
    #[arg(long, value_name = "STATUS", requires = "product_group",
        value_parser = input::word::<ProductGroupStatus>(&["unlocked", "locked"]))]
    group_status: Option<ProductGroupStatus>,
    /// What the product group calls the module for; may be repeated
    #[arg(long = "event", value_name = "EVENT", requires = "product_group",
        value_parser = input::word::<LinkedEvent>(&["order", "replenish", "status", "swap", "cancel"]))]
    events: Vec<LinkedEvent>,
}

impl GroupArgs {
    fn link(self) -> Option<Link> {
        let (id, status) = self.product_group.zip(self.group_status)?;
        let events = self.events.into_iter().collect();
        Some(Link { id, status, events })
    }
}

pub(super) async fn run(args: RegisterArgs, session: &mut Session<'_>) -> Result<(), Failure> {
    let wish = Wish {
        url: args.module_url,
        name: args.name,
        description: args.description,
        module_id: args.module_id,
        new: args.new,
        product_group: args.group.link(),
        dry_run: !args.apply,
    };
    let path = args.module.path(&["telecloud-registration"]);
    let answer = session.client.post(&path, &wish).await?;
    let registration: Registration = read(&answer)?;
    session
        .printer
        .show(&answer, |out| Ok(show(out, &registration, wish.dry_run)?))?;
    match wish.dry_run || registration.done {
        true => Ok(()),
        false => Err(Failure::Declined(unfinished(&registration.steps))),
    }
}

fn show(out: &mut dyn Write, registration: &Registration, dry_run: bool) -> io::Result<()> {
    for (index, step) in registration.steps.iter().enumerate() {
        writeln!(out, "{}. {}: {}", index + 1, step.service, state(step.state))?;
        writeln!(out, "{} {}", step.method, plain(&step.url))?;
        let said = step
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.value.clone()));
        fields(out, &said.collect::<Vec<_>>())?;
        if let Some(detail) = &step.detail {
            writeln!(out, "{}", plain(detail))?;
        }
        if let Some(transaction) = &step.transaction {
            writeln!(out, "TeleCloud's transaction {}", plain(transaction))?;
        }
        if let Some(call) = step.call {
            writeln!(out, "on record as call {call}")?;
        }
        writeln!(out)?;
    }
    for note in &registration.notes {
        writeln!(out, "Note: {}", plain(note))?;
    }
    match (dry_run, registration.done) {
        (true, _) => writeln!(out, "Nothing was sent. Run it again with --apply to send this."),
        (false, true) => writeln!(out, "registered"),
        (false, false) => Ok(()),
    }
}

fn state(state: StepState) -> &'static str {
    match state {
        StepState::Planned => "would be sent",
        StepState::Accepted => "done",
        StepState::Refused => "refused",
        StepState::Unclear => "sent, and nobody knows what became of it",
        StepState::NotSent => "not sent",
        StepState::NotTried => "not tried",
    }
}

/// One sentence: what was done, and what was not.
fn unfinished(steps: &[Step]) -> String {
    let said = steps
        .iter()
        .map(|step| format!("{} {}", step.service, word(&step.state)));
    let mut sentence = format!("not all of it was done: {}", Vec::from_iter(said).join(", "));
    let unclear = |step: &Step| step.state == StepState::Unclear && step.service == "Module/Create";
    if steps.iter().any(unclear) {
        sentence.push_str("; look for the module at TeleCloud, and if it is there, give its id with --module-id");
    }
    sentence
}
