//! `farewell ablate`: each rule off, alone, and what becomes of each property.
//!
//! [`measure`] makes the runs; this file holds what was found against what is pinned; [`table`], [`json`] and [`pages`]
//! show it.

mod json;
mod measure;
mod pages;
mod table;

use super::args::{self, Format};
use super::output::Out;
use super::registry::Registry;
use super::session::Session;
use super::{Failure, Status, counterexample, names};
use crate::ablation::{COLUMNS, Cell, Row, SAFE};
use crate::report::saved::Saved;
use crate::report::site::Site;
use measure::{Found, Ground, Shown, measure};

/// A cell, held against what is pinned.
struct Judged {
    pinned: Cell,
    found: Found,
    /// The story as a file, and where it was saved.
    saved: Option<Saved>,
    at: Option<String>,
}

impl Judged {
    /// What differs from what is pinned.
    fn differs(&self, row: &Row, column: usize) -> Option<String> {
        let found = self.found.cell.filter(|c| *c != self.pinned)?;
        let words = |c: Cell| in_words(c, row, column);
        Some(format!(
            "{}: {}, pinned is: {}",
            COLUMNS[column],
            words(found),
            words(self.pinned)
        ))
    }
}

/// A row, held against what is pinned.
struct Line<'a> {
    row: &'a Row,
    cells: [Judged; 5],
}

impl Line<'_> {
    fn differs(&self) -> Vec<String> {
        let cells = self.cells.iter().enumerate();
        cells.filter_map(|(n, c)| c.differs(self.row, n)).collect()
    }

    /// Why cells have no verdict.
    fn cut(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().filter_map(|c| c.found.cut.as_deref())
    }
}

/// All of it.
struct Report<'a> {
    lines: Vec<Line<'a>>,
    with: Vec<Ground>,
    /// Rules were named: more is said of each.
    named: bool,
    status: Status,
    /// Where the pages were written.
    pages: Option<String>,
}

/// What a cell says, in words.
fn in_words(c: Cell, row: &Row, column: usize) -> String {
    let of = |place: usize| row.scenarios(column).get(place).copied().unwrap_or("?");
    match c {
        Cell::Holds => "holds".to_owned(),
        Cell::Violated { place, steps } => format!("violated in {steps} steps in {}", of(place)),
        Cell::NeverEnds {
            place,
            before,
            again,
        } => format!(
            "a fair run never ends: {before} steps, then {again} for ever, in {}",
            of(place)
        ),
        Cell::NotCleanly { place, steps } => format!(
            "no clean end is possible any more after {steps} steps in {}",
            of(place)
        ),
    }
}

pub(super) fn run(a: &args::Ablate, registry: &Registry, out: &mut Out) -> Result<Status, Failure> {
    let wanted = names::rules(&a.rules)?;
    let rows: Vec<&Row> = registry
        .matrix
        .rows
        .iter()
        .filter(|r| a.rules.is_empty() || wanted.has(r.rule))
        .collect();
    if rows.is_empty() {
        return Err(Failure::usage(
            "these worlds have no ablation matrix: it is the specification's (`farewell ablate`)"
                .to_owned(),
        ));
    }
    // Before the long run: where the pages go must be a place to write to.
    let site = a
        .html
        .as_deref()
        .map(|dir| Site::begin(dir).map_err(|e| Failure::usage(e.to_string())))
        .transpose()?;
    let session = Session::new(&a.budget, a.format)?;
    let measured = measure(&rows, &registry.matrix, registry, &session)?;
    let mut report = Report {
        lines: measured
            .rows
            .into_iter()
            .map(|(row, found)| held(row, found, a))
            .collect(),
        with: measured.with,
        named: !a.rules.is_empty(),
        status: Status::Fine,
        pages: None,
    };
    report.status = status(&report);
    let mut unwritten = None;
    if let Some(site) = site.filter(|_| report.status != Status::Bound) {
        let dir = site.dir().display().to_string();
        match pages::write(&report, registry, site) {
            Ok(()) => report.pages = Some(dir),
            Err(e) => unwritten = Some(Failure::usage(e.to_string())),
        }
    }
    match a.format {
        Format::Text => table::print(&report, a.html.is_some(), out),
        Format::Json => out.json(&json::report(&report)),
    }
    unwritten.map_or(Ok(report.status), Err)
}

/// Holds a row against what is pinned, and saves what it shows.
fn held<'a>(row: &'a Row, found: [Found; 5], a: &args::Ablate) -> Line<'a> {
    let mut column = 0;
    let cells = found.map(|found| {
        let saved = found.shown.as_ref().map(|s| file(s, column));
        let at = saved
            .as_ref()
            .and_then(|s| counterexample::save(s, &a.budget.save));
        let pinned = row.cells[column];
        column += 1;
        Judged {
            pinned,
            found,
            saved,
            at,
        }
    });
    Line { row, cells }
}

fn file(s: &Shown, column: usize) -> Saved {
    let property = (column < SAFE).then(|| COLUMNS[column]);
    counterexample::saved(s.scenario, &s.setup, property, &s.story)
}

fn status(report: &Report<'_>) -> Status {
    let mut status = Status::Fine;
    for g in &report.with {
        if g.cut.is_some() {
            status = status.and(Status::Bound);
        }
        if g.differs().is_some() {
            status = status.and(Status::Violated);
        }
    }
    for l in &report.lines {
        if l.cut().next().is_some() {
            status = status.and(Status::Bound);
        }
        if !l.differs().is_empty() {
            status = status.and(Status::Violated);
        }
    }
    status
}
