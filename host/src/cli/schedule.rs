//! `patchbay schedule`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Subcommand;

use super::client::read;
use super::failure::Failure;
use super::input::word;
use super::printer::fields;
use super::{ModuleArgs, Session};
use crate::domain::batch::{BatchKind, BatchSettings};
use crate::domain::metering::ComponentRule;
use crate::domain::schedule::{CronExpression, Schedule, Zone};

pub(super) const EXAMPLES: &str = "Examples:
  patchbay schedule set acme sim usage --cron '30 4 * * *' --time-zone America/New_York
  patchbay schedule set acme sim audit --cron '0 5 * * 1' --jitter-s 600
  patchbay schedule unset acme sim audit
  patchbay schedule show acme sim --json > schedules.json
  patchbay schedule replace acme sim schedules.json

What usage is reported, in which units and to which component of a plan, is a part of the same settings:
  {\"schedules\": {\"usage\": {\"cron\": \"30 4 * * *\", \"time_zone\": \"America/New_York\"}},
   \"usage\": {\"components\": {\"8417871\": {\"unit_divisor\": 1048576, \"decimals\": 2, \"var\": 11}}}}";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show when a module's usage and audits run, and how
    Show {
        #[command(flatten)]
        module: ModuleArgs,
    },
    /// Set when one kind of work runs; the rest stays
    Set {
        #[command(flatten)]
        module: ModuleArgs,
        /// Which work
        #[arg(value_parser = word::<BatchKind>(&["usage", "audit"]))]
        kind: BatchKind,
        /// Five fields: minute, hour, day of month, month, day of week
        #[arg(long, value_name = "EXPRESSION", value_parser = CronExpression::parse)]
        cron: CronExpression,
        /// Whose clock the expression is about, such as America/New_York
        #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = Zone::parse)]
        time_zone: Zone,
        /// Most seconds by which a run is put off, so that not all modules start at once
        #[arg(long, value_name = "S", default_value_t = 0)]
        jitter_s: u64,
    },
    /// Schedule one kind of work no more; it can still be run by hand
    Unset {
        #[command(flatten)]
        module: ModuleArgs,
        /// Which work
        #[arg(value_parser = word::<BatchKind>(&["usage", "audit"]))]
        kind: BatchKind,
    },
    /// Replace all of it by what is in a file
    Replace {
        #[command(flatten)]
        module: ModuleArgs,
        /// A JSON object, as show --json prints it; - for standard input
        file: PathBuf,
    },
}

pub(super) async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failure> {
    match command {
        Command::Show { module } => {
            let found = session.client.get(&module.path(&["schedules"])).await?;
            session.printer.show(&found, |out| Ok(show(out, &read(&found)?)?))
        }
        Command::Set {
            module,
            kind,
            cron,
            time_zone,
            jitter_s,
        } => {
            let schedule = Schedule {
                cron,
                time_zone,
                jitter_s,
            };
            let line = format!(
                "set; it runs at {} by the clock of {}",
                schedule.cron, schedule.time_zone
            );
            put(&module, kind, Some(schedule), &line, session).await
        }
        Command::Unset { module, kind } => put(&module, kind, None, "not scheduled any more", session).await,
        Command::Replace { module, file } => {
            let settings = session.json_file(&file)?;
            let now = session.client.put(&module.path(&["schedules"]), &settings).await?;
            session.printer.done(&now, "replaced")
        }
    }
}

async fn put(
    module: &ModuleArgs,
    kind: BatchKind,
    schedule: Option<Schedule>,
    done: &str,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    let mut settings: BatchSettings = read(&session.client.get(&module.path(&["schedules"])).await?)?;
    let place = settings.schedules.get_mut(kind);
    if schedule.is_none() && place.is_none() {
        return Err(Failure::Declined(format!(
            "there is no schedule for {kind}; nothing was changed"
        )));
    }
    *place = schedule;
    let now = session.client.put(&module.path(&["schedules"]), &settings).await?;
    session.printer.done(&now, done)
}

fn show(out: &mut dyn Write, settings: &BatchSettings) -> io::Result<()> {
    let when = |kind| match settings.schedules.get(kind) {
        None => "not scheduled".to_owned(),
        Some(schedule) => schedule_line(schedule),
    };
    let mut rows = vec![
        ("usage", when(BatchKind::Usage)),
        ("audit", when(BatchKind::Audit)),
        (
            "cycle",
            settings
                .usage
                .cycle
                .as_ref()
                .map_or_else(|| "begins with each Order/Replenish".to_owned(), schedule_line),
        ),
    ];
    for (id, rule) in &settings.usage.components {
        rows.push(("component", format!("{id}: {}", rule_line(rule))));
    }
    let matching = &settings.audit.matching;
    let signs = [
        ("subscriber id", matching.subscriber_id),
        ("MDN", matching.mdn),
        ("ICCID", matching.iccid),
    ];
    let signs: Vec<String> = signs
        .into_iter()
        .filter_map(|(name, var)| Some(format!("{name} in VAR{}", var?)))
        .collect();
    rows.push(("audit by", signs.join(", ")));
    fields(out, &rows)
}

fn schedule_line(schedule: &Schedule) -> String {
    let mut line = format!("{} ({})", schedule.cron, schedule.time_zone);
    if schedule.jitter_s > 0 {
        line.push_str(&format!(", put off by up to {} s", schedule.jitter_s));
    }
    line
}

fn rule_line(rule: &ComponentRule) -> String {
    let mut line = format!(
        "divided by {}, {} to {} digits after the point",
        rule.unit_divisor, rule.rounding, rule.decimals
    );
    if rule.report {
        line.push_str(&format!(", reported as {}", rule.expression));
    }
    if let Some(var) = rule.var {
        line.push_str(&format!(", saved in VAR{var}"));
    }
    line
}
