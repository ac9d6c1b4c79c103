//! `farewell check`.

use std::time::{Duration, Instant};

use super::args::{self, Format};
use super::counterexample;
use super::demands::Exercised;
use super::output::{self, Out};
use super::registry::{Card, Finding, Registry, Setup, Subject};
use super::session::Session;
use super::summary;
use super::verdict::{Held, Verdict};
use super::{Failure, Status, json, names, team};
use crate::check::{CheckError, Engine, Reduction};
use crate::report::text;
use crate::scenarios::Size;

/// One scenario's run.
pub(super) struct Row<'a> {
    pub(super) card: &'a Card,
    pub(super) found: Finding,
    pub(super) verdict: Verdict,
    /// Where its counterexample was saved.
    pub(super) saved: Option<String>,
}

/// All that a check did.
pub(super) struct Report<'a> {
    pub(super) setup: Setup,
    /// The reduction asked for; each row says what applied.
    pub(super) reduction: Reduction,
    pub(super) rows: Vec<Row<'a>>,
    /// How many scenarios were asked for.
    pub(super) asked: usize,
    pub(super) exercised: Exercised,
    /// What a complete default run lacks; nothing where it is not demanded.
    pub(super) lacks: Vec<String>,
    /// Whether all scenarios ran as they stand, at the standard size.
    pub(super) complete: bool,
    pub(super) elapsed: Duration,
    /// How many processes explored.
    pub(super) processes: usize,
    pub(super) status: Status,
}

pub(super) fn run(a: &args::Check, registry: &Registry, out: &mut Out) -> Result<Status, Failure> {
    let subjects = names::scenarios(registry, &a.scenarios)?;
    let property = a.property.as_deref().map(names::property).transpose()?;
    if let Some(s) = subjects.iter().find(|s| s.card().ends.is_some()) {
        return Err(Failure::usage(format!(
            "{} is for liveness: add --liveness",
            s.card().id
        )));
    }
    let setup = Setup {
        size: a.size.into(),
        profile: a.profile.into(),
        off: names::rules(&a.without)?,
        saturated: !a.plain,
        liveness: false,
        judged: property.map(|p| p.faults),
    };
    let held = Held {
        declaration: setup.has_all_rules() && property.is_none(),
        goals: setup.has_all_rules(),
    };
    let session = Session::new(&a.budget, a.format)?;
    let reduction = reduction(a, session.engine)?;
    let mut session = session.reduced(reduction);
    team::keep(a, &subjects, &mut session)?;
    team::join(a, &subjects, &setup, &mut session)?;
    let team = session.limits.team.clone();
    let reports = team.as_ref().is_none_or(|team| team.process() == 0);
    let text = a.format == Format::Text && reports;
    let begun = Instant::now();
    let layout = summary::Layout::new(registry, &subjects, reduction);
    if text {
        summary::head(&setup, reduction, &layout, out);
    }
    let mut report = Report {
        setup,
        reduction,
        rows: Vec::new(),
        asked: subjects.len(),
        exercised: Exercised::default(),
        lacks: Vec::new(),
        complete: false,
        elapsed: Duration::ZERO,
        processes: team.as_ref().map_or(1, |team| team.processes()),
        status: Status::Fine,
    };
    for (n, subject) in subjects.iter().enumerate() {
        if session.is_interrupted() {
            break;
        }
        let found = match session.explore(*subject, &setup, n + 1, subjects.len()) {
            Ok(found) => found,
            // The others can still be checked; this one counts as not run.
            Err(e) => {
                output::complain(&format!("{}: {e}", subject.card().id));
                if matches!(e, CheckError::Team(_) | CheckError::Keep(_)) {
                    break; // the next would fare no better
                }
                continue;
            }
        };
        let row = judge(*subject, found, held, a, &setup, reports);
        report.status = report.status.and(row.verdict.status());
        report.exercised.add(&row.found);
        if text {
            summary::row(&row, &layout, out);
        }
        report.rows.push(row);
    }
    report.elapsed = begun.elapsed();
    let whole = report.rows.len() == report.asked;
    if !whole {
        report.status = report.status.and(Status::Bound);
    }
    let default = setup == Setup::of(Size::Standard);
    report.complete = whole && default && a.scenarios.is_empty();
    if report.complete
        && report
            .rows
            .iter()
            .all(|r| !matches!(r.verdict, Verdict::Bound(_)))
    {
        report.lacks = report.exercised.lacks();
    }
    if !report.lacks.is_empty() {
        report.status = report.status.and(Status::Violated);
    }
    match (&team, a.format) {
        (Some(team), Format::Text) if !reports => team::one_line(team, &report, out),
        (_, Format::Text) => finish(&report, a, out),
        (_, Format::Json) if reports => out.json(&json::check(&report)),
        (_, Format::Json) => {}
    }
    Ok(report.status)
}

/// The reduction asked for, or else the default: none while every state can be visited, all where that takes more memory
/// than there is; of these the symmetry alone where the run is kept in files.
fn reduction(a: &args::Check, engine: Engine) -> Result<Reduction, Failure> {
    let is_reference = engine == Engine::Stateright;
    let is_kept = a.cluster.checkpoint.is_some() || a.cluster.resume.is_some();
    match a.reduction.map(Reduction::from) {
        Some(r) if is_reference && r != Reduction::None => Err(Failure::usage(
            "stateright's checker is the reference and explores every state: leave out --reduction, or --engine".to_owned(),
        )),
        Some(r) if is_kept && matches!(r, Reduction::Network | Reduction::All) => Err(Failure::usage(
            "what dominates what is known in memory only: with --checkpoint or --resume let --reduction be symmetry or none".to_owned(),
        )),
        Some(r) => Ok(r),
        None if a.size == args::Size::Deep && is_kept => Ok(Reduction::Symmetry),
        None if a.size == args::Size::Deep && !is_reference => Ok(Reduction::All),
        None => Ok(Reduction::None),
    }
}

fn judge<'a>(
    subject: &'a dyn Subject,
    found: Finding,
    held: Held,
    a: &args::Check,
    setup: &Setup,
    reports: bool,
) -> Row<'a> {
    let card = subject.card();
    let verdict = Verdict::of(card, &found, held);
    // In a run over everything what was declared is not saved: it comes again whenever it is asked for.
    let wanted = reports && (verdict != Verdict::AsDeclared || !a.scenarios.is_empty());
    let saved = match &found.story {
        Some(story) if wanted => {
            let saved = counterexample::saved(card.id, setup, a.property.as_deref(), story);
            counterexample::save(&saved, &a.budget.save)
        }
        _ => None,
    };
    Row {
        card,
        found,
        verdict,
        saved,
    }
}

fn finish(report: &Report<'_>, a: &args::Check, out: &mut Out) {
    let named = !a.scenarios.is_empty();
    for row in &report.rows {
        if let Some(sentence) = row.verdict.sentence(row.card, &row.found) {
            out.line("");
            out.lines(&text::wrap(&sentence, 108));
        }
        match &row.found.story {
            Some(story) if row.verdict != Verdict::AsDeclared || named => {
                counterexample::print(story, row.saved.as_deref(), a.absolute, out);
            }
            Some(_) => out.line(&format!(
                "  shown by: farewell check {} --size {}",
                row.card.id,
                report.setup.size.name()
            )),
            None => {}
        }
    }
    out.line("");
    summary::foot(report, out);
}
