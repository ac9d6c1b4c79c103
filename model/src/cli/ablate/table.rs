//! The matrix for people, on a terminal.

use super::super::Status;
use super::super::output::Out;
use super::{Judged, Line, Report, in_words};
use crate::ablation::{COLUMNS, Cell, NOT_SHOWN, Row, SAFE, SIZE};
use crate::properties;
use crate::report::text::{self, grouped};

/// Heads of the columns, short: the legend says which property each is.
const HEADS: [(&str, bool); 8] = [
    ("without", false),
    ("hazard", true),
    ("stream", false),
    ("told", false),
    ("machine", false),
    ("TIME_WAIT", false),
    ("ends", false),
    ("in", false),
];
const WIDTHS: [usize; 8] = [22, 6, 6, 6, 7, 9, 10, 40];
/// The width of what is written below.
const PAGE: usize = 110;

/// The sign of a cell, with the letter of its scenario where the row has several.
pub(super) fn sign(cell: Option<Cell>, scenarios: usize) -> String {
    let letter = |place: usize| match (scenarios, u8::try_from(place)) {
        (2.., Ok(n)) => char::from(b'a' + n % 26).to_string(),
        _ => String::new(),
    };
    match cell {
        None => "?".to_owned(),
        Some(Cell::Holds) => "·".to_owned(),
        Some(Cell::Violated { place, steps }) => format!("{steps}{}", letter(place)),
        Some(Cell::NeverEnds {
            place,
            before,
            again,
        }) => {
            format!("{before}+{again}{}", letter(place))
        }
        Some(Cell::NotCleanly { place, steps }) => format!("{steps} unclean{}", letter(place)),
    }
}

/// The scenarios of a row, with their letters where there are several.
pub(super) fn scenarios(row: &Row) -> String {
    let list = |ids: &[&str]| {
        let lettered = ids.iter().enumerate().map(|(n, id)| match ids.len() {
            0 | 1 => (*id).to_owned(),
            _ => format!("{} {id}", char::from(b'a' + (n % 26) as u8)),
        });
        lettered.collect::<Vec<_>>().join(", ")
    };
    let both = [list(row.safety), list(row.liveness)];
    let there: Vec<&str> = both
        .iter()
        .map(String::as_str)
        .filter(|s| !s.is_empty())
        .collect();
    there.join("; ")
}

/// What stands in the row's column: nothing where no scenario of the row is for it.
fn cell(c: &Judged, row: &Row, column: usize) -> String {
    let there = row.scenarios(column).len();
    if there == 0 {
        return String::new();
    }
    let mark = if c.differs(row, column).is_some() {
        "!"
    } else {
        ""
    };
    sign(c.found.cell, there) + mark
}

pub(super) fn print(report: &Report<'_>, pages_asked: bool, out: &mut Out) {
    let head = HEADS.map(|(h, _)| h.to_owned());
    let mut row = |cells: &[String]| out.line(&text::line(&HEADS, &WIDTHS, cells));
    row(&head);
    row(&WIDTHS.map(|w| "─".repeat(w)));
    row(&all_on(report));
    for l in &report.lines {
        row(&cells(l));
    }
    legend(out);
    if report.named {
        report.lines.iter().for_each(|l| details(l, out));
    } else {
        notes(report, out);
        not_shown(out);
    }
    wrong(report, out);
    foot(report, pages_asked, out);
}

fn cells(l: &Line<'_>) -> Vec<String> {
    let info = l.row.rule.info();
    let behind = if l.row.behind.is_some() { " *" } else { "" };
    let hazard = match info.hazard {
        0 => "-".to_owned(),
        n => n.to_string(),
    };
    let mut out = vec![format!("{}{behind}", info.id), hazard];
    out.extend(l.cells.iter().enumerate().map(|(n, c)| cell(c, l.row, n)));
    out.push(scenarios(l.row));
    out
}

/// The row of all rules on: every scenario of the other rows.
fn all_on(report: &Report<'_>) -> Vec<String> {
    let holds = |column: usize| {
        let of = |liveness: bool| {
            report
                .with
                .iter()
                .filter(move |g| g.with.liveness == liveness)
        };
        let mut here = of(column >= SAFE).peekable();
        if here.peek().is_none() {
            return String::new();
        }
        let broken = of(column >= SAFE).any(|g| g.broken.contains(&column));
        let cut = here.any(|g| g.cut.is_some());
        match (broken, cut) {
            (true, _) => "VIOLATED".to_owned(),
            (_, true) => "?".to_owned(),
            _ => "·".to_owned(),
        }
    };
    let mut out = vec!["nothing: all on".to_owned(), String::new()];
    out.extend((0..COLUMNS.len()).map(holds));
    let states: u64 = report.with.iter().filter_map(|g| g.states).sum();
    out.push(format!(
        "all of these: {} worlds, {} states",
        report.with.len(),
        grouped(states)
    ));
    out
}

fn legend(out: &mut Out) {
    out.line("");
    let mut line = |name: &str, says: &str| {
        for (n, l) in text::wrap(says, PAGE - 12).iter().enumerate() {
            let name = if n == 0 { name } else { "" };
            out.line(&format!("{}{l}", text::pad(name, 12)));
        }
    };
    line(
        "16",
        "violated: the shortest counterexample has that many steps (16b: in the row's scenario b)",
    );
    line("8+1", "a fair run never ends: 8 steps, then 1 for ever");
    line(
        "11 unclean",
        "every fair run ends, but after 11 steps an end with both users told \"closed\" is impossible, and nobody did any harm",
    );
    line(
        "·",
        "holds in every state of the row's scenarios, none of which hit a bound",
    );
    line(
        "columns",
        &format!(
            "stream: read as written; told: told-truthfully; machine: the RFC's state machine; TIME_WAIT: time-wait-lasts; \
             ends: every fair run ends. Size {}; before the semicolon the scenarios for safety, behind it for liveness; hazard: \
             row of the list of hazards",
            SIZE.name()
        ),
    );
}

fn wrapped(head: &str, indent: usize, words: &str, out: &mut Out) {
    for (n, l) in text::wrap(words, PAGE - indent).iter().enumerate() {
        let head = if n == 0 { head } else { "" };
        out.line(&format!("{}{l}", text::pad(head, indent)));
    }
}

fn name(row: &Row) -> String {
    let star = if row.behind.is_some() { " *" } else { "" };
    format!("{}{star}", row.rule.id())
}

fn notes(report: &Report<'_>, out: &mut Out) {
    out.line("");
    for l in report.lines.iter().filter(|l| !l.row.why.is_empty()) {
        wrapped(&name(l.row), 25, l.row.why, out);
    }
}

fn not_shown(out: &mut Out) {
    out.line("");
    out.line("Not shown by it, of the list of hazards:");
    for (hazard, why) in NOT_SHOWN {
        wrapped(&format!("  {hazard:>2}"), 6, why, out);
    }
}

/// All there is to say about a row.
fn details(l: &Line<'_>, out: &mut Out) {
    let info = l.row.rule.info();
    out.line("");
    wrapped(
        "",
        0,
        &format!("{}: {} ({})", name(l.row), info.clause, info.source),
        out,
    );
    wrapped("", 2, &format!("without it: {}", info.without), out);
    if !l.row.why.is_empty() {
        wrapped("", 2, l.row.why, out);
    }
    for (column, c) in l.cells.iter().enumerate() {
        let Some(cell) = c.found.cell.filter(|c| *c != Cell::Holds) else {
            continue;
        };
        let faults = c.found.shown.as_ref().map_or(0, |s| s.story.faults);
        let faults: Vec<_> = properties::faults(faults).map(|f| f.text()).collect();
        let mut words = in_words(cell, l.row, column);
        if !faults.is_empty() {
            words += &format!(": {}", faults.join("; "));
        }
        wrapped(&format!("  {}", COLUMNS[column]), 19, &words, out);
        if let Some(at) = &c.at {
            out.line(&format!("{}farewell replay {at}", " ".repeat(19)));
        }
    }
}

/// What is not as it should be.
fn wrong(report: &Report<'_>, out: &mut Out) {
    let mut lines = Vec::new();
    for g in &report.with {
        lines.extend(g.differs().map(|d| format!("NOT AS PINNED: all on: {d}")));
        lines.extend(g.cut.iter().map(|c| format!("no verdict: all on: {c}")));
    }
    for l in &report.lines {
        let id = name(l.row);
        let differs = l.differs().into_iter();
        lines.extend(differs.map(|d| format!("NOT AS PINNED: {id}: {d}")));
        let mut cut: Vec<&str> = l.cut().collect();
        cut.dedup();
        lines.extend(cut.iter().map(|c| format!("no verdict: {id}: {c}")));
    }
    // Said once, not of every run that did not happen.
    let before = lines.len();
    lines.retain(|l| !l.ends_with("interrupted"));
    if lines.len() < before {
        lines.push("interrupted: what was not run yet has no verdict".to_owned());
    }
    if !lines.is_empty() {
        out.line("");
    }
    for l in lines {
        wrapped("", 0, &l, out);
    }
}

fn foot(report: &Report<'_>, pages_asked: bool, out: &mut Out) {
    let cells = || report.lines.iter().flat_map(|l| &l.cells);
    out.line("");
    if let Some(at) = cells().find_map(|c| c.at.as_deref()) {
        out.line(&format!(
            "Each counterexample is saved and plays again, for example:\n  farewell replay {at}"
        ));
    }
    match &report.pages {
        Some(dir) => out.line(&format!("Pages: {dir}/index.html")),
        None if pages_asked && report.status == Status::Bound => {
            out.line("No page was written: the matrix is not complete.")
        }
        None if pages_asked => out.line("No page was written."),
        None => {}
    }
    let shown = cells().filter(|c| c.found.shown.is_some()).count();
    let rules = report
        .lines
        .iter()
        .filter(|l| l.cells.iter().any(|c| c.found.shown.is_some()))
        .count();
    let last = match report.status {
        Status::Fine => format!(
            "With all rules on nothing is violated and everything ends. Of {} rows, each without its rule, {rules} have a \
             counterexample, {shown} in all.",
            report.lines.len()
        ),
        Status::Bound => "The matrix is not complete: `?` is no verdict.".to_owned(),
        Status::Violated | Status::Usage => {
            let n = report
                .lines
                .iter()
                .filter(|l| !l.differs().is_empty())
                .count()
                + report.with.iter().filter(|g| g.differs().is_some()).count();
            format!(
                "{n} of {} rows and worlds are NOT as pinned.",
                report.lines.len() + report.with.len()
            )
        }
    };
    wrapped("", 0, &last, out);
}
