//! The same for machines: one document, stable keys.

use serde_json::{Value, json};

use super::check::{Report, Row};
use super::registry::{Card, Finding, Registry, Setup};
use crate::properties;
use crate::report::Story;
use crate::requirements::Requirement;
use crate::rules::{RULES, Rule, RuleSet, Shows};
use crate::scenarios::{Ends, Expect};
use crate::spec::transition::TABLE;
use crate::world::Goal;

fn rules(set: RuleSet) -> Vec<&'static str> {
    set.iter().map(Rule::id).collect()
}

/// What a scenario declares.
fn expects(card: &Card) -> Value {
    let of_liveness = |verdict: &str, why: Option<&str>| json!({ "liveness": verdict, "why": why });
    match card.ends {
        Some(Ends::Always) => return of_liveness("ends", None),
        Some(Ends::Never(why)) => return of_liveness("never-ends", Some(why)),
        Some(Ends::WhenItsUserCloses(why)) => return of_liveness("user-never-closes", Some(why)),
        Some(Ends::NotCleanly(why)) => return of_liveness("not-cleanly", Some(why)),
        None => {}
    }
    match card.expects {
        Expect::Verified => json!({ "verdict": "verified" }),
        Expect::Violated(fault, why) => {
            json!({ "verdict": "violated", "property": fault.property().id, "fault": fault.text(), "why": why })
        }
    }
}

pub(super) fn setup(s: &Setup) -> Value {
    json!({
        "size": s.size.name(),
        "msl": s.size.msl(),
        "bytes": s.size.bytes(),
        "profile": s.profile.name(),
        "without": rules(s.off),
        "saturated": s.saturated,
        "properties": s.judged.map(|j| properties::violated(j).map(|p| p.id).collect::<Vec<_>>()),
    })
}

/// A counterexample: its actions, as a saved file has them.
pub(super) fn story(s: &Story) -> Value {
    json!({
        "properties": properties::violated(s.faults).map(|p| p.id).collect::<Vec<_>>(),
        "faults": properties::faults(s.faults).map(|f| f.text()).collect::<Vec<_>>(),
        "steps": s.moments.len(),
        "start": s.start,
        "actions": s.moments.iter().map(|m| m.action.as_str()).collect::<Vec<_>>(),
    })
}

/// Counts and what was exercised.
pub(super) fn counts(f: &Finding) -> Value {
    json!({
        "unique_states": f.unique,
        "represented_states": f.represented,
        "reduction": f.reduction.name(),
        "successors": f.successors,
        "depth": f.depth,
        "seconds": f.elapsed.as_secs_f64(),
        "peak_memory": f.peak_memory,
        "most_live": f.covered.most_live,
        "bound_hit": f.bound_hit,
        "collision_probability": f.collision_probability,
    })
}

fn row(r: &Row<'_>) -> Value {
    let f = &r.found;
    json!({
        "scenario": r.card.id,
        "declares": expects(r.card),
        "verdict": r.verdict.key(),
        "late_resets_declared_by": r.card.late_resets,
        "counts": counts(f),
        "reused_states": f.covered.reused,
        "states": f.covered.state_names().collect::<Vec<_>>(),
        "transitions": f.covered.transition_count(),
        "rules": rules(f.covered.rules),
        "goals": Goal::ALL.iter().filter(|g| f.covered.reaches(**g)).map(|g| g.text()).collect::<Vec<_>>(),
        "counterexample": f.story.as_ref().map(story),
        "saved": r.saved,
    })
}

/// `farewell check`.
pub(super) fn check(r: &Report<'_>) -> Value {
    let e = &r.exercised;
    let found = || r.rows.iter().map(|r| &r.found);
    json!({
        "command": "check",
        "setup": setup(&r.setup),
        "reduction": r.reduction.name(),
        "status": r.status as u8,
        "complete": r.complete,
        "asked": r.asked,
        "processes": r.processes,
        "seconds": r.elapsed.as_secs_f64(),
        "totals": {
            "unique_states": e.unique,
            "represented_states": found().map(|f| f.represented).sum::<u64>(),
            "successors": found().map(|f| f.successors).sum::<u64>(),
            "peak_memory": found().map(|f| f.peak_memory).max(),
            "collision_probability": found().map(|f| f.collision_probability).sum::<f64>(),
            "reused_share": e.reused(),
        },
        "exercised": {
            "states": e.covered.state_names().collect::<Vec<_>>(),
            "missing_states": e.missing_states(),
            "transitions": e.covered.transition_count(),
            "of_transitions": TABLE.len(),
            "missing_transitions": e.missing_transitions(),
            "rules": rules(e.covered.rules),
            "missing_rules": e.missing_rules(),
        },
        "lacks": r.lacks,
        "scenarios": r.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

/// What is known of a scenario before it runs.
fn card(c: &Card) -> Value {
    json!({
        "scenario": c.id,
        "shows": c.shows,
        "declares": expects(c),
        "goals": c.goals.iter().map(|g| g.text()).collect::<Vec<_>>(),
    })
}

/// `farewell scenarios`.
pub(super) fn scenarios(registry: &Registry) -> Value {
    json!({ "command": "scenarios", "scenarios": registry.all().map(|s| card(s.card())).collect::<Vec<_>>() })
}

/// `farewell rules`.
pub(super) fn all_rules() -> Value {
    let one = |r: &crate::rules::RuleInfo| {
        let profiles = crate::rules::Profile::ALL
            .into_iter()
            .filter(|p| p.rules().has(r.rule));
        json!({
            "rule": r.id,
            "source": r.source,
            "hazard": r.hazard,
            "clause": r.clause,
            "without": r.without,
            "shows": if r.shows == Shows::Safety { "safety" } else { "liveness" },
            "profiles": profiles.map(|p| p.name()).collect::<Vec<_>>(),
        })
    };
    json!({ "command": "rules", "rules": RULES.iter().map(one).collect::<Vec<_>>() })
}

/// `farewell requirements`.
pub(super) fn requirements(all: &[Requirement]) -> Value {
    let one = |r: &Requirement| {
        json!({
            "rfc": r.rfc,
            "id": r.id,
            "file": r.file,
            "line": r.line,
            "evidence": r.evidence.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    json!({ "command": "requirements", "requirements": all.iter().map(one).collect::<Vec<_>>() })
}

/// `farewell show`.
pub(super) fn show(
    c: &Card,
    s: &Setup,
    bounds: &[(String, String)],
    judged: u32,
    on: RuleSet,
) -> Value {
    json!({
        "command": "show",
        "card": card(c),
        "setup": setup(s),
        "bounds": bounds.iter().map(|(k, v)| json!({ "name": k, "value": v })).collect::<Vec<_>>(),
        "properties": properties::violated(judged).map(|p| json!({ "property": p.id, "says": p.says })).collect::<Vec<_>>(),
        "rules": rules(on),
        "rules_off": rules(RuleSet(RuleSet::all().0 & !on.0)),
    })
}
