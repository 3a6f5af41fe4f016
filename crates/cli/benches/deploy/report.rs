//! The figures, and whether they are what they should be.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use testkit::api_proxy::Seen;

use crate::contender::{Contender, Step};
use crate::files::{ALL, COUNTS, OF_CHANGE};
use crate::measure::{Taken, median};

/// consign may take this part of kapp's time.
const PART_OF_KAPP: f64 = 0.5;

/// Requests of a deploy that are not for an object.
const BESIDE: usize = 60;

/// Bytes.
const MEMORY_LIMIT: u64 = 80_000_000;

/// What was measured of a contender in a step.
#[derive(Debug)]
pub struct Cell {
    /// Who.
    pub contender: Contender,
    /// At what.
    pub step: Step,
    /// Timed runs.
    pub taken: Vec<Taken>,
    /// What it asked in one more run.
    pub asked: Vec<Seen>,
    /// The most connections it had open then.
    pub connections: usize,
}

impl Cell {
    fn time(&self) -> Option<Duration> {
        median(self.taken.iter().map(|taken| taken.time).collect())
    }

    fn memory(&self) -> u64 {
        self.taken.iter().map(|t| t.memory).max().unwrap_or(0)
    }

    fn writes(&self) -> usize {
        self.asked.iter().filter(|seen| seen.is_write()).count()
    }
}

/// All that was measured.
#[derive(Debug, Default)]
pub struct Report {
    /// In any order.
    pub cells: Vec<Cell>,
    /// The bare patches.
    pub floor: Vec<Duration>,
}

impl Report {
    /// The cell to write to.
    pub fn of(&mut self, contender: Contender, step: Step) -> &mut Cell {
        self.cells
            .iter_mut()
            .find(|cell| cell.contender == contender && cell.step == step)
            .unwrap()
    }

    fn cell(&self, contender: Contender, step: Step) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| cell.contender == contender && cell.step == step)
    }

    fn time(&self, contender: Contender, step: Step) -> Option<Duration> {
        self.cell(contender, step)?.time()
    }

    fn of_kapp(&self, contender: Contender, step: Step) -> Option<f64> {
        let time = self.time(contender, step)?;
        let kapp = self.time(Contender::Kapp, step)?;
        Some(time.as_secs_f64() / kapp.as_secs_f64())
    }

    /// A table of each kind of figure.
    pub fn tables(&self) -> String {
        let mut text = String::new();
        self.table(&mut text, "median time, part of kapp's", |report, cell| {
            let time = cell.time()?.as_secs_f64();
            let part = report.of_kapp(cell.contender, cell.step);
            let part = part.map_or(String::new(), |part| format!("{part:8.2} x"));
            Some(format!("{time:8.2} s{part}"))
        });
        if let Some(floor) = median(self.floor.clone()) {
            let floor = floor.as_secs_f64();
            let _ = writeln!(text, "{:<12}{floor:8.2} s", "bare patches");
        }
        self.table(
            &mut text,
            "requests, writes among them, connections",
            |_, cell| {
                let (all, writes) = (cell.asked.len(), cell.writes());
                Some(format!("{all:5} {writes:5} {:5}", cell.connections))
            },
        );
        self.table(&mut text, "peak memory", |_, cell| {
            Some(format!("{:8} MB", cell.memory() / 1_000_000))
        });
        text
    }

    fn table(&self, text: &mut String, what: &str, show: impl Fn(&Self, &Cell) -> Option<String>) {
        let _ = write!(text, "\n{what}\n{:<12}", "");
        for step in Step::ALL {
            let _ = write!(text, "{:>24}", step.title());
        }
        text.push('\n');
        for contender in Contender::ALL {
            let row: Vec<String> = Step::ALL
                .iter()
                .filter_map(|step| show(self, self.cell(contender, *step)?))
                .collect();
            if row.is_empty() {
                continue;
            }
            let _ = write!(text, "{:<12}", contender.name());
            for figure in row {
                let _ = write!(text, "{figure:>24}");
            }
            text.push('\n');
        }
    }

    /// A line for each figure that consign is held to.
    pub fn targets(&self) -> String {
        let mut text = String::new();
        let mut target = |what: String, met: bool| {
            let _ = writeln!(text, "{:<8} {what}", if met { "met" } else { "NOT MET" });
        };
        for step in Step::ALL {
            let Some(cell) = self.cell(Contender::Consign, step) else {
                continue;
            };
            let title = step.title();
            if let Some(part) = self.of_kapp(Contender::Consign, step) {
                target(
                    format!("{title}: {part:.2} of kapp's time, at most {PART_OF_KAPP}"),
                    part <= PART_OF_KAPP,
                );
            }
            let (asked, limit) = (cell.asked.len(), BESIDE + requests(step));
            target(
                format!("{title}: {asked} requests, at most {limit}"),
                asked <= limit,
            );
            if step == Step::Unchanged {
                let writes = unexpected(&cell.asked);
                let named = writes.join(", ");
                target(
                    format!("{title}: no write but Lease and record [{named}]"),
                    writes.is_empty(),
                );
            }
            let memory = cell.memory();
            target(
                format!(
                    "{title}: {} MB of memory, at most {}",
                    memory / 1_000_000,
                    MEMORY_LIMIT / 1_000_000
                ),
                memory <= MEMORY_LIMIT,
            );
        }
        text
    }
}

/// What a step may ask about its objects: two requests for each that is to be
/// written, or a list for each kind.
fn requests(step: Step) -> usize {
    match step {
        Step::First => 2 * ALL,
        Step::Changed => 2 * OF_CHANGE,
        Step::Unchanged => COUNTS.len(),
    }
}

/// Writes to anything but consign's own Lease and records.
fn unexpected(asked: &[Seen]) -> Vec<String> {
    let is_own = |seen: &&Seen| {
        let mut parts = seen.path.rsplit('/');
        match (parts.next(), parts.next()) {
            (Some("configmaps" | "leases"), _) => serde_json::from_slice::<Value>(&seen.body)
                .is_ok_and(|object| {
                    let name = object["metadata"]["name"].as_str();
                    name.is_some_and(|name| name.starts_with("consign."))
                }),
            (Some(name), Some("configmaps" | "leases")) => name.starts_with("consign."),
            _ => false,
        }
    };
    asked
        .iter()
        .filter(|seen| seen.is_write())
        .filter(|seen| !is_own(seen))
        .map(|seen| format!("{} {}", seen.method, seen.path))
        .collect()
}
