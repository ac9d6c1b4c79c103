//! `farewell ablate`: each rule off, alone, in the scenario that needs it.

use serde_json::{Value, json};

use super::args::{self, Format};
use super::output::Out;
use super::registry::{Finding, Registry, Setup};
use super::session::Session;
use super::{Failure, Status, counterexample, names};
use crate::ablation::{Case, NOT_SHOWN, Without};
use crate::check::End;
use crate::properties;
use crate::report::text::{self, grouped};
use crate::rules::{RULES, RuleInfo, RuleSet, Shows};

const COLUMNS: [(&str, bool); 6] = [
    ("rule", false),
    ("hazard", true),
    ("scenario", false),
    ("property", false),
    ("states with", true),
    ("without it", false),
];
const WIDTHS: [usize; 6] = [22, 6, 22, 15, 11, 24];

/// One rule's two runs.
struct Row<'a> {
    case: &'a Case,
    with: Finding,
    /// The run without the rule; none if the run with it was cut short by Ctrl-C.
    without: Option<Finding>,
    /// What differs from what is pinned.
    differs: Vec<String>,
    /// A bound or the budget, rather than the protocol, ended one of the runs.
    cut: bool,
    saved: Option<String>,
}

pub(super) fn run(a: &args::Ablate, registry: &Registry, out: &mut Out) -> Result<Status, Failure> {
    let wanted = names::rules(&a.rules)?;
    let is_wanted = |r: &RuleInfo| a.rules.is_empty() || wanted.has(r.rule);
    let session = Session::new(&a.budget, a.format)?;
    let text = a.format == Format::Text;
    if text {
        let names = COLUMNS.map(|(h, _)| h.to_owned());
        out.line(&text::line(&COLUMNS, &WIDTHS, &names));
        out.line(&text::line(
            &COLUMNS,
            &WIDTHS,
            &WIDTHS.map(|w| "─".repeat(w)),
        ));
    }
    let cases: Vec<&Case> = registry
        .cases
        .iter()
        .filter(|c| is_wanted(c.rule.info()))
        .collect();
    let mut rows = Vec::new();
    for (n, case) in cases.iter().enumerate() {
        if session.is_interrupted() {
            break;
        }
        let row = ablated(case, registry, &session, a, n + 1, cases.len())?;
        if text {
            print(&row, out);
        }
        rows.push(row);
    }
    let mut status = if rows.len() < cases.len() {
        Status::Bound
    } else {
        Status::Fine
    };
    for r in &rows {
        status = status.and(match (r.cut, r.differs.is_empty()) {
            (true, _) => Status::Bound,
            (_, true) => Status::Fine,
            _ => Status::Violated,
        });
    }
    let open: Vec<&RuleInfo> = RULES
        .iter()
        .filter(|r| is_wanted(r) && !registry.cases.iter().any(|c| c.rule == r.rule))
        .collect();
    if text {
        finish(&rows, &open, status, out);
    } else {
        let rows: Vec<Value> = rows.iter().map(row_json).collect();
        let open: Vec<Value> = open
            .iter()
            .map(|r| json!({ "rule": r.id, "why": undecided(r) }))
            .collect();
        let hazards: Vec<Value> = NOT_SHOWN
            .iter()
            .map(|(hazard, why)| json!({ "hazard": hazard, "why": why }))
            .collect();
        out.json(&json!({
            "command": "ablate", "status": status as u8, "cases": rows, "undecided": open, "not_shown": hazards,
        }));
    }
    Ok(status)
}

fn ablated<'a>(
    case: &'a Case,
    registry: &Registry,
    session: &Session,
    a: &args::Ablate,
    at: usize,
    of: usize,
) -> Result<Row<'a>, Failure> {
    let subject = names::scenario(registry, case.scenario)?;
    let property = names::property(case.property)?;
    let with = Setup {
        judged: Some(property.faults),
        off: case
            .behind
            .map_or(RuleSet::EMPTY, |r| RuleSet::EMPTY.with(r)),
        ..Setup::of(case.size)
    };
    let without = Setup {
        off: with.off.with(case.rule),
        ..with
    };
    let explore = |setup: &Setup| {
        session
            .explore(subject, setup, at, of)
            .map_err(|e| Failure::no_verdict(format!("{}: {e}", case.rule.id())))
    };
    let before = explore(&with)?;
    let mut row = Row {
        case,
        with: before,
        without: None,
        differs: Vec::new(),
        cut: false,
        saved: None,
    };
    row.cut = is_cut(&row.with);
    if session.is_interrupted() {
        row.cut = true;
        return Ok(row);
    }
    let found = explore(&without)?;
    row.cut |= is_cut(&found);
    if let Some(story) = &found.story {
        let saved = counterexample::saved(case.scenario, &without, Some(case.property), story);
        row.saved = counterexample::save(&saved, &a.budget.save);
    }
    if !row.cut {
        row.differs = differences(case, &row.with, &found);
    }
    row.without = Some(found);
    Ok(row)
}

fn is_cut(f: &Finding) -> bool {
    match f.end {
        End::Violated { .. } => false,
        End::Exhausted => f.bound_hit,
        End::MemoryLimit | End::StateLimit | End::Interrupted => true,
    }
}

fn steps(f: &Finding) -> usize {
    f.story.as_ref().map_or(0, |s| s.moments.len())
}

/// What differs from what is pinned.
fn differences(case: &Case, with: &Finding, without: &Finding) -> Vec<String> {
    let mut out = Vec::new();
    if with.end != End::Exhausted {
        out.push("violated even with all rules on".to_owned());
    } else if with.unique != case.with {
        out.push(format!(
            "{} states with all rules, pinned are {}",
            grouped(with.unique),
            grouped(case.with)
        ));
    }
    match (case.without, without.end) {
        (Without::Violated(n), End::Violated { .. }) if n as usize == steps(without) => {}
        (Without::Violated(n), End::Violated { .. }) => {
            out.push(format!(
                "a counterexample of {} steps, pinned are {n}",
                steps(without)
            ));
        }
        (Without::Violated(n), _) => out.push(format!(
            "not violated, pinned is a counterexample of {n} steps"
        )),
        (Without::Survives(_), End::Violated { .. }) => {
            out.push(format!(
                "violated in {} steps, pinned is that it survives",
                steps(without)
            ));
        }
        (Without::Survives(_), _) => {}
    }
    out
}

fn outcome(r: &Row<'_>) -> String {
    match &r.without {
        None => "not run".into(),
        Some(f) if matches!(f.end, End::Violated { .. }) => {
            format!("violated in {} steps", steps(f))
        }
        Some(_) if r.cut => "cut short".into(),
        Some(_) => "survives".into(),
    }
}

fn print(r: &Row<'_>, out: &mut Out) {
    let hazard = r.case.rule.info().hazard;
    let cells = [
        r.case.rule.id().to_owned(),
        if hazard > 0 {
            hazard.to_string()
        } else {
            "-".into()
        },
        format!("{} {}", r.case.scenario, r.case.size.name()),
        r.case.property.to_owned(),
        grouped(r.with.unique),
        outcome(r),
    ];
    out.line(&text::line(&COLUMNS, &WIDTHS, &cells));
    let mut more = |text: &str| {
        out.lines(
            &text::wrap(text, 100)
                .iter()
                .map(|l| format!("      {l}"))
                .collect::<Vec<_>>(),
        )
    };
    if let Some(behind) = r.case.behind {
        more(&format!(
            "{} is off in both runs: it would catch the same failure",
            behind.id()
        ));
    }
    if let (Without::Survives(why), Some(End::Exhausted)) =
        (r.case.without, r.without.as_ref().map(|f| f.end))
    {
        more(&format!("survives: {why}"));
    }
    if let Some(story) = r.without.as_ref().and_then(|f| f.story.as_ref()) {
        let faults: Vec<_> = properties::faults(story.faults).map(|f| f.text()).collect();
        more(&faults.join("; "));
    }
    for d in &r.differs {
        more(&format!("NOT AS PINNED: {d}"));
    }
}

fn undecided(r: &RuleInfo) -> &'static str {
    match r.shows {
        Shows::Liveness => "only liveness shows its absence: not decided here",
        Shows::Safety => "no scenario of the matrix yet",
    }
}

fn finish(rows: &[Row<'_>], open: &[&RuleInfo], status: Status, out: &mut Out) {
    if !open.is_empty() {
        out.line("");
        out.line("Not in the matrix:");
        for r in open {
            out.line(&format!("  {}{}", text::pad(r.id, 24), undecided(r)));
        }
    }
    if !rows.is_empty() {
        out.line("");
        out.line("Not shown by it, of the list of hazards:");
        for (hazard, why) in NOT_SHOWN {
            let lines = text::wrap(why, 94);
            for (n, l) in lines.iter().enumerate() {
                let name = if n == 0 {
                    hazard.to_string()
                } else {
                    String::new()
                };
                out.line(&format!("  {name:>2}  {l}"));
            }
        }
    }
    if let Some(dir) = rows.iter().find_map(|r| r.saved.as_deref()) {
        out.line("");
        out.line(&format!(
            "Each counterexample is saved and plays again, for example: farewell replay {dir}"
        ));
    }
    out.line("");
    let violated = rows
        .iter()
        .filter(|r| r.without.as_ref().is_some_and(|f| f.story.is_some()))
        .count();
    let survive = rows.len() - violated;
    out.line(&match status {
        Status::Fine => format!(
            "With all rules on nothing is violated. Switched off alone: {violated} with a counterexample, {survive} \
             without, for the reason given."
        ),
        Status::Bound => "Cut short: the matrix is not complete.".to_owned(),
        Status::Violated | Status::Usage => {
            let n = rows.iter().filter(|r| !r.differs.is_empty()).count();
            format!("{n} of {} are NOT as pinned.", rows.len())
        }
    });
}

fn row_json(r: &Row<'_>) -> Value {
    json!({
        "rule": r.case.rule.id(),
        "off_in_both": r.case.behind.map(crate::rules::Rule::id),
        "hazard": r.case.rule.info().hazard,
        "scenario": r.case.scenario,
        "size": r.case.size.name(),
        "property": r.case.property,
        "with": super::json::counts(&r.with),
        "without": r.without.as_ref().map(super::json::counts),
        "outcome": outcome(r),
        "survives": match r.case.without { Without::Survives(why) => Some(why), Without::Violated(_) => None },
        "counterexample": r.without.as_ref().and_then(|f| f.story.as_ref()).map(super::json::story),
        "as_pinned": r.differs.is_empty() && !r.cut,
        "differs": r.differs,
        "saved": r.saved,
    })
}
