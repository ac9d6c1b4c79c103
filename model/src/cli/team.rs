//! The processes that check together, and the directory that runs are kept in.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use super::args;
use super::check::Report;
use super::output::Out;
use super::registry::{Setup, Subject};
use super::session::Session;
use super::summary;
use crate::check::cluster::{Team, TeamError, parse_hosts};
use crate::check::{Keep, has_run};
use crate::frontier::cache::MODEL;

/// Meets the other processes, if the command line names any, and has the session explore with them.
pub(super) fn join(
    a: &args::Check,
    subjects: &[&dyn Subject],
    setup: &Setup,
    session: &mut Session,
) -> Result<(), Failure> {
    let (Some(file), Some(process)) = (&a.cluster.hosts, a.cluster.process) else {
        return Ok(());
    };
    if a.budget.engine != args::Engine::Timely {
        return Err(Failure::usage("--hosts is for --engine timely".into()));
    }
    let usage = |e: &dyn std::fmt::Display| Failure::usage(format!("{}: {e}", file.display()));
    let text = fs::read_to_string(file)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?;
    let hosts = parse_hosts(&text).map_err(|e| usage(&e))?;
    let names: Vec<_> = subjects.iter().map(|s| s.card().id).collect();
    let what = format!("scenarios: {}\n{}", names.join(" "), facts(setup));
    let timeout = Duration::from_secs(a.cluster.join_timeout);
    let team = Team::join(hosts, process, session.limits.threads, &what, timeout);
    session.limits.team = Some(Arc::new(team.map_err(|e| match e {
        TeamError::NoSuchProcess { .. } | TeamError::Hosts(_) => usage(&e),
        TeamError::Listen { .. } | TeamError::Differs { .. } => Failure::usage(e.to_string()),
        e => Failure::no_verdict(e.to_string()),
    })?));
    Ok(())
}

/// Has the session keep its runs, if the command line says where.
pub(super) fn keep(
    a: &args::Check,
    subjects: &[&dyn Subject],
    session: &mut Session,
) -> Result<(), Failure> {
    let (dir, resume) = match (&a.cluster.checkpoint, &a.cluster.resume) {
        (Some(dir), _) => (dir, false),
        (None, Some(dir)) => (dir, true),
        (None, None) => return Ok(()),
    };
    if a.budget.engine != args::Engine::Timely {
        return Err(Failure::usage(
            "--checkpoint and --resume are for --engine timely".into(),
        ));
    }
    if resume && !dir.is_dir() {
        return Err(Failure::usage(format!(
            "{} is no directory: there is nothing to resume",
            dir.display()
        )));
    }
    let name = dir.display();
    if dir.exists() && !dir.is_dir() {
        return Err(Failure::usage(format!("{name} is no directory")));
    }
    let process = a.cluster.process.unwrap_or(0);
    let has_run = |s: &&&dyn Subject| has_run(&dir.join(s.card().id), process);
    match (resume, subjects.iter().find(has_run)) {
        (true, None) => Err(Failure::usage(format!(
            "{name} has no run of what is to be checked: there is nothing to resume; begin one by --checkpoint"
        ))),
        (false, Some(s)) => Err(Failure::usage(format!(
            "{name} has a run of {} already: go on with it by --resume, or remove it",
            s.card().id
        ))),
        _ => Ok(()),
    }?;
    let dir = dir.clone();
    session.limits.keep = Some(Keep { dir, resume });
    Ok(())
}

/// A setup, a fact a line, and the model's sources.
pub(super) fn facts(setup: &Setup) -> String {
    let off: Vec<_> = setup
        .rules_off()
        .iter()
        .map(crate::rules::Rule::id)
        .collect();
    let judged = setup
        .judged
        .map_or("all".into(), |faults| format!("{faults:x}"));
    format!(
        "sources: {MODEL}\nsize: {}\nrules off: {}\nsaturation: {}\nproperties: {judged}",
        setup.size.name(),
        off.join(" "),
        setup.saturated
    )
}

/// The one line of a process that leaves the report to process 0.
pub(super) fn one_line(team: &Team, report: &Report<'_>, out: &mut Out) {
    let (process, count) = (team.process(), team.processes());
    out.line(&format!(
        "process {process} of {count}: {}",
        summary::last_words(report)
    ));
}
