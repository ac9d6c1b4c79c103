//! The table of a check and what stands under it.

use super::Status;
use super::check::{Report, Row};
use super::demands::Exercised;
use super::output::Out;
use super::registry::{Registry, Setup, Subject};
use super::verdict::Verdict;
use crate::check::Reduction;
use crate::endpoint::TcpState;
use crate::report::text::{self, grouped};
use crate::rules::{RULES, Rule};
use crate::spec::transition::TABLE;

/// The table's columns. Rows appear as they are done, so the widths are set beforehand.
pub(super) struct Layout {
    columns: Vec<(&'static str, bool)>,
    widths: Vec<usize>,
}

impl Layout {
    /// The first column is as wide as the longest name of all that are listed and those asked for. A reduced run tells
    /// states stored from those they stand for.
    pub(super) fn new(registry: &Registry, asked: &[&dyn Subject], reduction: Reduction) -> Layout {
        let listed = registry.subjects.iter().map(Box::as_ref);
        let all = listed.chain(asked.iter().copied());
        let longest = all.map(|s| s.card().id.len()).max();
        let mut all = vec![
            (("scenario", false), longest.unwrap_or(0)),
            (("states", true), 11),
            (("successors", true), 13),
            (("depth", true), 5),
            (("states/s", true), 8),
            (("live", true), 4),
            (("verdict", false), 33),
        ];
        if reduction != Reduction::None {
            all[1].0.0 = "stored";
            all.insert(2, (("represented", true), 11));
        }
        let (columns, widths) = all.into_iter().unzip();
        Layout { columns, widths }
    }

    fn line(&self, cells: &[String]) -> String {
        text::line(&self.columns, &self.widths, cells)
    }
}

/// What is checked, and the table's header.
pub(super) fn head(setup: &Setup, reduction: Reduction, layout: &Layout, out: &mut Out) {
    let off: Vec<&str> = setup.off.iter().map(Rule::id).collect();
    let mut what = format!(
        "size {}, profile {}",
        setup.size.name(),
        setup.profile.name()
    );
    if !off.is_empty() {
        what += &format!(", without {}", off.join(", "));
    }
    if !setup.saturated {
        what += ", not saturated";
    }
    if reduction != Reduction::None {
        what += &format!(", reduction {reduction}");
    }
    out.line(&what);
    out.line("");
    let names: Vec<_> = layout
        .columns
        .iter()
        .map(|(h, _)| (*h).to_owned())
        .collect();
    out.line(&layout.line(&names));
    let rule: Vec<_> = layout.widths.iter().map(|w| "─".repeat(*w)).collect();
    out.line(&layout.line(&rule));
}

/// One scenario.
pub(super) fn row(r: &Row<'_>, layout: &Layout, out: &mut Out) {
    let f = &r.found;
    let mut cells = vec![
        r.card.id.to_owned(),
        grouped(f.unique),
        grouped(f.successors),
        f.depth.to_string(),
        text::rate(f.unique, f.elapsed.as_secs_f64())
            .trim_end_matches("/s")
            .trim_end()
            .to_owned(),
        f.covered.most_live.to_string(),
        r.verdict.cell(r.card),
    ];
    if layout.columns.len() > cells.len() {
        cells.insert(2, grouped(f.represented));
    }
    out.line(&layout.line(&cells));
}

/// Totals, coverage, bounds, assumptions, and the verdict in words.
pub(super) fn foot(report: &Report<'_>, out: &mut Out) {
    let found = || report.rows.iter().map(|r| &r.found);
    let e = &report.exercised;
    let unique: u64 = found().map(|f| f.unique).sum();
    let successors: u64 = found().map(|f| f.successors).sum();
    let collision = found()
        .map(|f| f.collision_probability)
        .fold(0.0, |sum: f64, p| sum + p);
    let peak = found().map(|f| f.peak_memory).max().unwrap_or(0);
    let seconds = report.elapsed.as_secs_f64();
    let rate = text::rate(unique, found().map(|f| f.elapsed.as_secs_f64()).sum());
    let mut fact = |name: &str, value: String| {
        for (n, l) in text::wrap(&value, 94).iter().enumerate() {
            out.line(&format!("{:<12}{l}", if n == 0 { name } else { "" }));
        }
    };
    let each = if report.processes > 1 {
        " in a process"
    } else {
        ""
    };
    fact(
        "total",
        format!(
            "{} states, {} successors in {seconds:.1} s ({rate}), peak memory {}{each}",
            grouped(unique),
            grouped(successors),
            text::bytes(peak)
        ),
    );
    if let Some(reduced) = reduced(report) {
        fact("reduced", reduced);
    }
    fact("exercised", exercised(e));
    fact(
        "reuse",
        format!(
            "{:.0} % of the states hold two or more incarnations",
            e.reused() * 100.0
        ),
    );
    fact(
        "collision",
        format!(
            "probability below {collision:.0e} that two states shared a fingerprint and hid something"
        ),
    );
    if let Some(resets) = late_resets(report) {
        fact("late resets", resets);
    }
    fact("bounds", bounds(report));
    fact(
        "not in it",
        "attackers off the path, urgent data, SACK, congestion control, Fast Open, ICMP; progress (check --liveness)".into(),
    );
    for lack in &report.lacks {
        fact("LACKS", lack.clone());
    }
    out.line("");
    out.lines(&text::wrap(&last_words(report), 108));
}

fn exercised(e: &Exercised) -> String {
    format!(
        "{} of {} states, {} of {} transitions, {} of {} rules of TCP",
        e.state_count(),
        TcpState::ALL.len(),
        e.covered.transition_count(),
        TABLE.len(),
        e.rule_count(),
        RULES.len()
    )
}

/// What a reduction leaves out, if one was asked for.
fn reduced(report: &Report<'_>) -> Option<String> {
    let represented = grouped(report.rows.iter().map(|r| r.found.represented).sum());
    let symmetric =
        |r: &&Row<'_>| matches!(r.found.reduction, Reduction::Symmetry | Reduction::All);
    let symmetric = report.rows.iter().filter(symmetric).count();
    let network = "of two states that differ in the network only, and one has all that the other has, for as long at least, \
                   that one is stored";
    let symmetry = format!(
        "of two mirror images one is stored, where both hosts do the same (here {symmetric})"
    );
    let how = match report.reduction {
        Reduction::None => return None,
        Reduction::Symmetry => symmetry,
        Reduction::Network => network.to_owned(),
        Reduction::All => format!("{network}; {symmetry}"),
    };
    Some(format!(
        "{how}. They stand for {represented} states that were found, and for all that only those would have led to; \
         --reduction none visits every one"
    ))
}

/// What "late resets apart" means, if a verdict says it.
fn late_resets(report: &Report<'_>) -> Option<String> {
    let apart = |r: &&Row<'_>| r.verdict == Verdict::Verified && r.card.late_resets.is_some();
    let mut declared: Vec<_> = report.rows.iter().filter(apart).collect();
    declared.sort_by_key(|r| r.card.late_resets);
    declared.dedup_by_key(|r| r.card.late_resets);
    let by: Vec<_> = declared.iter().filter_map(|r| r.card.late_resets).collect();
    (!by.is_empty()).then(|| {
        format!(
            "where numbers may be used again, a RST that an old segment drew can reset the next connection, and an old \
             SYN,ACK can seem to open one that a RST then ends: its user is told \"reset\" without a cause; not \
             judged there, declared by {}",
            by.join(", ")
        )
    })
}

fn bounds(report: &Report<'_>) -> String {
    let s = report.setup;
    format!(
        "MSL of {} tick(s), {} byte(s) each way in a life unless the scenario says otherwise, a few lives of one \
         4-tuple (`farewell show SCENARIO`); loss, duplication and reordering without limit; {}. \
         \"Verified\" means: every reachable state within these bounds{}",
        s.size.msl(),
        s.size.bytes(),
        if s.saturated {
            "saturation is on (repeated sends are added at once)"
        } else {
            "saturation is off"
        },
        if report.reduction == Reduction::None {
            ""
        } else {
            ", itself or as one that can do the same and more"
        },
    )
}

/// The verdict in words.
pub(super) fn last_words(report: &Report<'_>) -> String {
    let count = |is: fn(&Verdict) -> bool| report.rows.iter().filter(|r| is(&r.verdict)).count();
    let verified = count(|v| *v == Verdict::Verified);
    let declared = count(|v| *v == Verdict::AsDeclared);
    let cut = count(|v| matches!(v, Verdict::Bound(_)));
    let unrun = report.asked - report.rows.len();
    let violated = count(|v| matches!(v, Verdict::Violated(_)));
    let other = count(|v| matches!(v, Verdict::Missing(_) | Verdict::Unreached(_)));
    match report.status {
        Status::Fine if report.setup.has_all_rules() && report.setup.judged.is_none() => {
            let who = if report.rows.len() == 1 {
                "The scenario"
            } else {
                "Every scenario"
            };
            let kinds = match (verified, declared) {
                (v, 0) => format!("{v} verified"),
                (0, d) => format!("{d} violated as it must be"),
                (v, d) => format!("{v} verified, {d} violated as they must be"),
            };
            format!("{who} ended as declared: {kinds}. No bound was hit.")
        }
        Status::Fine => format!("{verified} of {verified} verified. No bound was hit."),
        Status::Bound => {
            let mut text =
                format!("No violation within the bound: {verified} verified, {cut} cut short");
            if declared > 0 {
                text += &format!(", {declared} violated as they must be");
            }
            if unrun > 0 {
                text += &format!(", {unrun} not run");
            }
            text + ". That is not a verification."
        }
        Status::Violated | Status::Usage => {
            let mut parts = vec![format!("{verified} verified")];
            let mut part = |n: usize, what: &str| {
                if n > 0 {
                    parts.push(format!("{n} {what}"));
                }
            };
            part(declared, "violated as they must be");
            part(violated, "VIOLATED");
            part(other, "NOT AS DECLARED");
            part(cut, "cut short");
            part(unrun, "not run");
            let mut text = parts.join(", ") + ".";
            if !report.lacks.is_empty() {
                text += " The run did not exercise all that it must.";
            }
            text
        }
    }
}
