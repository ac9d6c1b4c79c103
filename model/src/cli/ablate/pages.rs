//! The matrix as pages for a browser: a table, and for each counterexample a page with its ladder.

use std::fmt::Write;

use super::super::registry::Registry;
use super::table::{scenarios, sign};
use super::{Judged, Line, Report, in_words};
use crate::ablation::{self, COLUMNS, Cell, ENDS, NOT_SHOWN, SAFE, SIZE};
use crate::properties;
use crate::report::site::{INDEX, MARK, Site, SiteError};
use crate::report::svg::escape;
use crate::report::text::grouped;
use crate::report::{ladder, svg};
use crate::rules::Rule;

const STYLE: &str = "body{font:16px/1.45 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#111;background:#fff}\
table{border-collapse:collapse}th,td{border:1px solid #bbb;padding:.25em .6em;text-align:left}thead th{background:#eee}\
td.shown{background:#fde8e4}td.wrong{background:#ffd54f}dt{font-weight:bold}dd{margin:0 0 .6em 1.5em}\
pre{overflow-x:auto;font-size:13px;line-height:1.2}.ladder{overflow-x:auto}";

/// Writes all pages, the table last.
pub(super) fn write(
    report: &Report<'_>,
    registry: &Registry,
    mut site: Site,
) -> Result<(), SiteError> {
    for l in &report.lines {
        for (column, c) in l.cells.iter().enumerate() {
            let Some((name, file)) = names(c) else {
                continue;
            };
            if let Some(saved) = &c.saved {
                site.add(&file, &saved.text())?;
            }
            site.add(&name, &story(l, column, c, registry))?;
        }
    }
    site.add(INDEX, &index(report))?;
    site.finish()
}

/// The page of a cell that shows something, and the file that plays it again.
fn names(c: &Judged) -> Option<(String, String)> {
    let file = c.saved.as_ref()?.file_name();
    let stem = file.strip_suffix(".farewell").unwrap_or(&file);
    Some((format!("{stem}.html"), file))
}

fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{MARK}\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

/// What a column asks, in words.
fn says(column: usize) -> &'static str {
    ablation::property(column).map_or(ENDS, |p| p.says)
}

fn index(report: &Report<'_>) -> String {
    let mut body = String::from(
        "<p>Each row switches one rule of TCP off, and nothing else. Each column is a property. A number is the length of the \
         shortest counterexample in steps and leads to its ladder diagram; <code>8+1</code> is a fair run that never ends, with \
         the steps before and in what is repeated; <code>unclean</code>: every fair run ends, but an end with both users told \
         “closed” has become impossible. A dot: the property holds in every state of the row’s scenarios.</p>\n<table>\n\
         <thead><tr><th>without</th><th>hazard</th>",
    );
    for (n, c) in COLUMNS.iter().enumerate() {
        let _ = write!(body, "<th title=\"{}\">{}</th>", escape(says(n)), escape(c));
    }
    body += "<th>scenarios</th></tr></thead>\n<tbody>\n";
    body += &all_on(report);
    for l in &report.lines {
        body += &row(l);
    }
    body += "</tbody>\n</table>\n<h2>The columns</h2>\n<dl>\n";
    for (n, c) in COLUMNS.iter().enumerate() {
        let _ = writeln!(body, "<dt>{}</dt><dd>{}</dd>", escape(c), escape(says(n)));
    }
    body += "</dl>\n<h2>What there is to say about rows</h2>\n<dl>\n";
    for l in report.lines.iter().filter(|l| !l.row.why.is_empty()) {
        let _ = writeln!(
            body,
            "<dt>{}</dt><dd>{}</dd>",
            escape(&title(l)),
            escape(l.row.why)
        );
    }
    body += "</dl>\n<h2>Hazards that are not shown</h2>\n<dl>\n";
    for (hazard, why) in NOT_SHOWN {
        let _ = writeln!(body, "<dt>{hazard}</dt><dd>{}</dd>", escape(why));
    }
    let _ = write!(
        body,
        "</dl>\n<h2>Bounds</h2>\n<p>Scenarios of size {size}: an MSL of {msl} tick, a byte each way at most. Loss, repetition and \
         reordering have no bound. A dot says nothing of other scenarios. Printed by <code>farewell ablate</code>; the bounds of \
         a scenario: <code>farewell show SCENARIO --size {size}</code>.</p>\n<h2>With every rule on</h2>\n<table>\n<thead><tr>\
         <th>scenario</th><th>for</th><th>states</th></tr></thead>\n<tbody>\n",
        size = SIZE.name(),
        msl = SIZE.msl()
    );
    for g in &report.with {
        let off = g
            .with
            .off
            .map_or(String::new(), |r| format!(", {} off", r.id()));
        let what = if g.with.liveness {
            "liveness"
        } else {
            "safety"
        };
        let states = g.states.map_or("?".to_owned(), grouped);
        let _ = writeln!(
            body,
            "<tr><td>{}{}</td><td>{what}</td><td>{states}</td></tr>",
            escape(g.with.scenario),
            escape(&off)
        );
    }
    body += "</tbody>\n</table>\n";
    page("Farewell: what each rule protects", &body)
}

fn all_on(report: &Report<'_>) -> String {
    let mut out = String::from("<tr><th>nothing: all on</th><td></td>");
    for column in 0..COLUMNS.len() {
        let mut here = report.with.iter();
        let broken = here.any(|g| g.broken.contains(&column));
        out += if broken {
            "<td class=\"wrong\">VIOLATED</td>"
        } else {
            "<td>·</td>"
        };
    }
    let _ = writeln!(
        out,
        "<td>all of these: {} worlds</td></tr>",
        report.with.len()
    );
    out
}

fn title(l: &Line<'_>) -> String {
    match l.row.behind {
        None => l.row.rule.id().to_owned(),
        Some(behind) => format!("{} ({} off, too)", l.row.rule.id(), behind.id()),
    }
}

fn row(l: &Line<'_>) -> String {
    let info = l.row.rule.info();
    let hazard = match info.hazard {
        0 => String::new(),
        n => n.to_string(),
    };
    let mut out = format!(
        "<tr><th title=\"{}\">{}</th><td>{hazard}</td>",
        escape(info.clause),
        escape(&title(l))
    );
    for (column, c) in l.cells.iter().enumerate() {
        let there = l.row.scenarios(column).len();
        let sign = if there == 0 {
            String::new()
        } else {
            escape(&sign(c.found.cell, there))
        };
        let class = match (c.differs(l.row, column).is_some(), c.found.shown.is_some()) {
            (true, _) => " class=\"wrong\"",
            (_, true) => " class=\"shown\"",
            _ => "",
        };
        let inside = match names(c) {
            Some((name, _)) => format!("<a href=\"{}\">{sign}</a>", escape(&name)),
            None => sign,
        };
        let _ = write!(out, "<td{class}>{inside}</td>");
    }
    let _ = writeln!(out, "<td>{}</td></tr>", escape(&scenarios(l.row)));
    out
}

/// The page of one counterexample.
fn story(l: &Line<'_>, column: usize, c: &Judged, registry: &Registry) -> String {
    let info = l.row.rule.info();
    let mut body = format!("<p><a href=\"{INDEX}\">All rules</a></p>\n<dl>\n");
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(body, "<dt>{}</dt><dd>{value}</dd>", escape(name));
    };
    fact("The rule", &escape(info.clause));
    fact("Source", &escape(info.source));
    fact("Without it", &escape(info.without));
    if let Some(behind) = l.row.behind {
        let words = format!("{}: {}", behind.id(), behind.info().clause);
        fact("Off in both runs", &escape(&words));
    }
    fact(
        &format!("The property {}", COLUMNS[column]),
        &escape(says(column)),
    );
    let cell = c.found.cell.unwrap_or(Cell::Holds);
    fact("Verdict", &escape(&in_words(cell, l.row, column)));
    let Some(shown) = &c.found.shown else {
        return page(&title(l), &body);
    };
    for f in properties::faults(shown.story.faults) {
        fact("Wrong", &escape(f.text()));
    }
    if let Some(s) = registry.named(shown.scenario) {
        let words = format!("{}: {}", shown.scenario, s.card().shows);
        fact("The scenario", &escape(&words));
    }
    fact(
        "The same with the rule on",
        &with_the_rule_on(l, shown.scenario, registry),
    );
    let off: String = shown
        .setup
        .off
        .iter()
        .map(|r| format!(" --without {}", r.id()))
        .collect();
    let what = if column < SAFE {
        format!(" --property {}", COLUMNS[column])
    } else {
        " --liveness".to_owned()
    };
    let check = format!(
        "farewell check {} --size {}{off}{what}",
        shown.scenario,
        shown.setup.size.name()
    );
    fact("Finds it", &format!("<code>{}</code>", escape(&check)));
    if let Some((_, file)) = names(c) {
        let file = escape(&file);
        fact(
            "Plays it again",
            &format!("<code>farewell replay <a href=\"{file}\">{file}</a></code>"),
        );
    }
    body += "</dl>\n<div class=\"ladder\">\n";
    body += &svg::sequence(&shown.story);
    body += "\n</div>\n<h2>The same as text</h2>\n<pre>\n";
    body += &escape(&ladder::draw(&shown.story, false));
    body += "</pre>\n";
    page(&format!("Without {}: {}", title(l), COLUMNS[column]), &body)
}

fn with_the_rule_on(l: &Line<'_>, scenario: &str, registry: &Registry) -> String {
    let same = |w: &&ablation::With| w.scenario == scenario && w.off == l.row.behind;
    let off = l.row.behind.map(Rule::id);
    let rules = off.map_or("every rule".to_owned(), |id| format!("every rule but {id}"));
    match registry.matrix.with.iter().find(same) {
        Some(w) => escape(&format!(
            "with {rules} the property holds in all {} states",
            grouped(w.states)
        )),
        None => String::new(),
    }
}
