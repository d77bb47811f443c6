//! `patchbay module handling`

use clap::Args;

use crate::domain::event::ActionKind;
use crate::domain::handling::Handling;

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct HandlingArgs {
    /// Milliseconds until what is recorded is on the disk; 0 waits for it before anything is sent or answered
    #[arg(long, value_name = "MS")]
    sync_within_ms: Option<u64>,
    /// Seconds for which an event that is posted again gets the answer of the first
    #[arg(long, value_name = "S")]
    repeat_s: Option<u64>,
    /// The same for one action, such as `replenish=10`; an action without a number loses its own
    #[arg(long, value_name = "ACTION=S", value_parser = by_action)]
    repeat_s_for: Vec<(ActionKind, Option<u64>)>,
    /// Milliseconds for which a call with requests under way may go on after its deadline
    #[arg(long, value_name = "MS")]
    overtime_ms: Option<u64>,
    /// Seconds after which a pending order needs a person
    #[arg(long, value_name = "S")]
    pending_s: Option<u64>,
    /// Seconds after which an unknown outcome that the carrier could not resolve needs a person
    #[arg(long, value_name = "S")]
    unknown_s: Option<u64>,
    /// Seconds after a request was cut off for which the carrier's word that nothing happened is not believed
    #[arg(long, value_name = "S")]
    settle_s: Option<u64>,
    /// Seconds after which news that TeleCloud does not take needs a person
    #[arg(long, value_name = "S")]
    telling_s: Option<u64>,
    /// Seconds for which an answer that was found later is kept for the event's next post
    #[arg(long, value_name = "S")]
    found_s: Option<u64>,
}

impl HandlingArgs {
    pub(super) fn over(self, old: &Handling) -> Handling {
        let mut repeat_s_by_action = old.repeat_s_by_action.clone();
        for (action, seconds) in self.repeat_s_for {
            match seconds {
                Some(seconds) => drop(repeat_s_by_action.insert(action, seconds)),
                None => drop(repeat_s_by_action.remove(&action)),
            }
        }
        Handling {
            sync_within_ms: self.sync_within_ms.unwrap_or(old.sync_within_ms),
            repeat_s: self.repeat_s.unwrap_or(old.repeat_s),
            repeat_s_by_action,
            overtime_ms: self.overtime_ms.unwrap_or(old.overtime_ms),
            pending_s: self.pending_s.unwrap_or(old.pending_s),
            unknown_s: self.unknown_s.unwrap_or(old.unknown_s),
            settle_s: self.settle_s.unwrap_or(old.settle_s),
            telling_s: self.telling_s.unwrap_or(old.telling_s),
            found_s: self.found_s.unwrap_or(old.found_s),
        }
    }
}

/// What a module's page says of it.
pub(super) fn rows(handling: &Handling) -> Vec<(&'static str, String)> {
    let durable = match handling.sync_within_ms {
        0 => "before anything is sent or answered".to_owned(),
        ms => format!("within {ms} ms"),
    };
    let mut repeats = format!("{} s", handling.repeat_s);
    for (action, seconds) in &handling.repeat_s_by_action {
        repeats.push_str(&format!(", {action} {seconds} s"));
    }
    vec![
        ("on the disk", durable),
        ("answers repeated", repeats),
        ("overtime", format!("{} ms", handling.overtime_ms)),
        ("pending", format!("a person after {} s", handling.pending_s)),
        ("unknown", format!("a person after {} s", handling.unknown_s)),
        ("settling", format!("{} s", handling.settle_s)),
        ("telling", format!("a person after {} s", handling.telling_s)),
        ("found", format!("kept for {} s", handling.found_s)),
    ]
}

fn by_action(text: &str) -> Result<(ActionKind, Option<u64>), String> {
    let (action, seconds) = text.split_once('=').ok_or("write it as ACTION=SECONDS")?;
    let action = serde_json::from_value(action.into()).map_err(|error| error.to_string())?;
    if seconds.is_empty() {
        return Ok((action, None));
    }
    let seconds = seconds
        .parse()
        .map_err(|_| format!("{seconds:?} is not a number of seconds"))?;
    Ok((action, Some(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_gets_and_loses_a_window_of_its_own() {
        assert_eq!(by_action("replenish=10"), Ok((ActionKind::Replenish, Some(10))));
        assert_eq!(by_action("set-status="), Ok((ActionKind::SetStatus, None)));
        for wrong in ["replenish", "teleport=1", "swap=soon"] {
            assert!(by_action(wrong).is_err(), "{wrong}");
        }
    }
}
