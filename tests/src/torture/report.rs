//! What came of the torture, as a table.

use std::time::Duration;

use super::Addresses;
use super::components::Tried;
use super::interrupts::Interrupts;
use super::neighbours::Neighbours;
use super::overload::Overload;

/// How far a module may get past a limit of time.
const OVERRUN: Duration = Duration::from_millis(20);

/// Calls that a share of a thousand says something of.
const CALLS: usize = 1_000;

/// Hostile components that are to be written by hand.
const WRITTEN: u64 = 150;

/// How long a refusal may take.
const REFUSAL: Duration = Duration::from_millis(10);

/// Bytes that the process may hold more than before.
const MEMORY: u64 = 64 << 20;

/// What was measured, on one gateway that was never started again.
#[derive(Debug)]
pub struct Report {
    pub(super) addresses: Addresses,
    pub(super) interrupts: Interrupts,
    pub(super) neighbours: Neighbours,
    pub(super) overload: Overload,
    pub(super) components: Tried,
    pub(super) memory_before: u64,
    pub(super) memory_after: u64,
}

/// A line of the table.
#[derive(Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What it came to.
    pub figure: String,
    /// What it should come to; empty where it only says how much was tried.
    pub goal: String,
    /// Whether it does.
    pub met: bool,
}

impl Report {
    /// The table.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = self.tried();
        rows.extend(self.times());
        let grown = self.memory_after.saturating_sub(self.memory_before);
        rows.push(row(
            "memory of the same process: before, after",
            format!("{}, {} MiB", self.memory_before >> 20, self.memory_after >> 20),
            "64 MiB more at most",
            grown <= MEMORY,
        ));
        rows
    }

    fn tried(&self) -> Vec<Row> {
        let Self {
            components, addresses, ..
        } = self;
        let tried = components.written + components.mutated;
        vec![
            row(
                "hostile components: by hand, mutated",
                format!("{}, {}", components.written, components.mutated),
                "150 by hand",
                components.written >= WRITTEN,
            ),
            row(
                "of them refused, called, answering for themselves",
                format!("{}, {}, {}", components.refused, components.called, components.answered),
                "",
                components.refused + components.called == tried,
            ),
            row("deaths of the gateway", 0_usize, "0", true),
            row(
                "forbidden addresses tried, each in its spelling and way",
                addresses.tried,
                "",
                true,
            ),
            row(
                "of them let out",
                addresses.let_out.len(),
                "0",
                addresses.let_out.is_empty(),
            ),
            row(
                "connections at canaries",
                addresses.connections_at_canaries,
                "0",
                addresses.connections_at_canaries == 0,
            ),
            row(
                "requests to where it may go, and got there",
                format!("{}, {}", addresses.controls, addresses.controls_passed),
                "all",
                addresses.controls == addresses.controls_passed,
            ),
        ]
    }

    fn times(&self) -> Vec<Row> {
        let Self {
            interrupts,
            neighbours,
            overload,
            ..
        } = self;
        let worst = |of: &super::latency::Latency| [990, 999, 1_000].map(|share| ms(of.within(share))).join(", ");
        let [alone, loops, beside] =
            [&neighbours.alone, &neighbours.loops, &neighbours.beside].map(|met| met.latency.within(990));
        let calls = neighbours.beside.latency.calls();
        let failed = neighbours.beside.failed;
        let goodput = overload.goodput / overload.peak;
        vec![
            row(
                &format!(
                    "past the limit of computing, both cores busy, {} calls: p99, p99.9, worst",
                    interrupts.cpu.calls()
                ),
                worst(&interrupts.cpu),
                "20 ms at p99.9",
                interrupts.cpu.calls() >= CALLS && interrupts.cpu.within(999) <= OVERRUN,
            ),
            row(
                &format!(
                    "past the deadline, both cores busy, {} calls: p99, p99.9, worst",
                    interrupts.deadline.calls()
                ),
                worst(&interrupts.deadline),
                "20 ms at p99.9",
                interrupts.deadline.calls() >= CALLS && interrupts.deadline.within(999) <= OVERRUN,
            ),
            row(
                "an ordinary tenant beside 8 hostile ones: calls, failed",
                format!("{calls}, {failed}"),
                "99.99 % succeed",
                calls >= CALLS && failed * 10_000 <= calls,
            ),
            row(
                "its p99: alone, beside loops outside of the gateway, beside them",
                format!("{}, {}, {}", ms(alone), ms(loops), ms(beside)),
                "3 times at most",
                calls >= CALLS && beside <= alone * 3,
            ),
            row(
                "what the hostile ones were answered meanwhile",
                neighbours.answered,
                "",
                true,
            ),
            row(
                "carried out at five times the load, of what was at most",
                format!(
                    "{:.0} of {:.0} a second, {:.2}",
                    overload.goodput, overload.peak, goodput
                ),
                "0.9",
                goodput >= 0.9,
            ),
            row(
                &format!("{} refusals then: p99", overload.refusals.calls()),
                ms(overload.refusals.within(990)),
                "10 ms",
                overload.refusals.calls() > 0 && overload.refusals.within(990) <= REFUSAL,
            ),
        ]
    }
}

fn row(what: &str, figure: impl Into<Figure>, goal: &str, met: bool) -> Row {
    Row {
        what: what.to_owned(),
        figure: figure.into().0,
        goal: goal.to_owned(),
        met,
    }
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

/// How a figure is written.
struct Figure(String);

impl From<String> for Figure {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<usize> for Figure {
    fn from(count: usize) -> Self {
        Self(count.to_string())
    }
}
