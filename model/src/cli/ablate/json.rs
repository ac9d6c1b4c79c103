//! The matrix for machines.

use serde_json::{Value, json};

use super::super::json::story;
use super::{Judged, Line, Report};
use crate::ablation::{COLUMNS, Cell, NOT_SHOWN, SIZE};
use crate::rules::Rule;

pub(super) fn report(report: &Report<'_>) -> Value {
    let hazards: Vec<Value> = NOT_SHOWN
        .iter()
        .map(|(hazard, why)| json!({ "hazard": hazard, "why": why }))
        .collect();
    let with: Vec<Value> = report
        .with
        .iter()
        .map(|g| {
            json!({
                "scenario": g.with.scenario,
                "liveness": g.with.liveness,
                "off": g.with.off.map(Rule::id),
                "states": g.states,
                "pinned_states": g.with.states,
                "violated": g.broken.iter().map(|c| COLUMNS[*c]).collect::<Vec<_>>(),
                "no_verdict": g.cut,
                "differs": g.differs(),
            })
        })
        .collect();
    json!({
        "command": "ablate",
        "status": report.status as u8,
        "size": SIZE.name(),
        "columns": COLUMNS,
        "all_on": with,
        "rows": report.lines.iter().map(line).collect::<Vec<_>>(),
        "not_shown": hazards,
        "pages": report.pages,
    })
}

fn line(l: &Line<'_>) -> Value {
    let info = l.row.rule.info();
    let cells: serde_json::Map<String, Value> = l
        .cells
        .iter()
        .enumerate()
        .filter(|(n, _)| !l.row.scenarios(*n).is_empty())
        .map(|(n, c)| (COLUMNS[n].to_owned(), cell(c, l, n)))
        .collect();
    json!({
        "rule": info.id,
        "off_in_both": l.row.behind.map(Rule::id),
        "hazard": info.hazard,
        "source": info.source,
        "clause": info.clause,
        "without": info.without,
        "safety_scenarios": l.row.safety,
        "liveness_scenarios": l.row.liveness,
        "cells": cells,
        "why": l.row.why,
        "as_pinned": l.differs().is_empty() && l.cut().next().is_none(),
    })
}

fn cell(c: &Judged, l: &Line<'_>, column: usize) -> Value {
    let verdict = match c.found.cell {
        None => "unknown",
        Some(Cell::Holds) => "holds",
        Some(Cell::Violated { .. }) => "violated",
        Some(Cell::NeverEnds { .. }) => "never-ends",
        Some(Cell::NotCleanly { .. }) => "not-cleanly",
    };
    let again = match c.found.cell {
        Some(Cell::NeverEnds { again, .. }) => Some(again),
        _ => None,
    };
    json!({
        "verdict": verdict,
        "steps": c.found.cell.and_then(Cell::steps),
        "repeated_steps": again,
        "scenario": c.found.shown.as_ref().map(|s| s.scenario),
        "counterexample": c.found.shown.as_ref().map(|s| story(&s.story)),
        "saved": c.at,
        "no_verdict": c.found.cut,
        "differs": c.differs(l.row, column),
    })
}
