//! What the runs of one command share: engine, limits, Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::Failure;
use super::args::{Budget, Format};
use super::progress::Line;
use super::registry::{Finding, Progressed, Setup, Subject};
use crate::check::liveness::LivenessError;
use crate::check::{self, Engine, Limits, Reduction};

/// Engine, limits and the line of progress.
pub(super) struct Session {
    pub(super) engine: Engine,
    pub(super) limits: Limits,
    line: Line,
}

impl Session {
    pub(super) fn new(budget: &Budget, format: Format) -> Result<Session, Failure> {
        // Or the counterexamples of hours would be lost.
        if budget.save.exists() && !budget.save.is_dir() {
            let name = budget.save.display();
            return Err(Failure::usage(format!("--save: {name} is no directory")));
        }
        let stop = stop_on_ctrl_c()?;
        let mut limits = Limits {
            memory: budget.memory_limit.unwrap_or_else(most_of_what_is_free),
            stop,
            ..Limits::default()
        };
        if let Some(n) = budget.threads {
            limits.threads = n;
        }
        Ok(Session {
            engine: budget.engine.into(),
            limits,
            line: Line::new(format == Format::Text),
        })
    }

    /// The same, with a reduction.
    pub(super) fn reduced(mut self, reduction: Reduction) -> Session {
        self.limits.reduction = reduction;
        self
    }

    /// Explores one scenario, the `at`-th of `of`.
    pub(super) fn explore(
        &self,
        subject: &dyn Subject,
        setup: &Setup,
        at: usize,
        of: usize,
    ) -> Result<Finding, check::CheckError> {
        self.explore_on(self.limits.threads, subject, setup, at, of)
    }

    /// The same on so many threads.
    pub(super) fn explore_on(
        &self,
        threads: usize,
        subject: &dyn Subject,
        setup: &Setup,
        at: usize,
        of: usize,
    ) -> Result<Finding, check::CheckError> {
        let limits = Limits {
            threads,
            ..self.limits.clone()
        };
        self.watched(subject.card().id, at, of, |progress| {
            subject.check(setup, self.engine, &limits, progress)
        })
    }

    /// Does some work that reports how far it is, the `at`-th of `of`.
    pub(super) fn watched<T>(
        &self,
        what: &str,
        at: usize,
        of: usize,
        work: impl FnOnce(&(dyn Fn(&check::Progress) + Sync)) -> T,
    ) -> T {
        let done = work(&|p| self.line.show(what, at, of, p));
        self.line.clear();
        done
    }

    /// Decides whether one scenario's fair runs end, the `at`-th of `of`.
    pub(super) fn decide(
        &self,
        subject: &dyn Subject,
        setup: &Setup,
        at: usize,
        of: usize,
    ) -> Result<Progressed, LivenessError> {
        self.watched(subject.card().id, at, of, |progress| {
            subject.decide(setup, &self.limits, progress)
        })
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.limits.stop.load(Ordering::Relaxed)
    }
}

/// What Ctrl-C sets. A process catches it once, however many commands it runs.
fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, Failure> {
    static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if let Some(stop) = STOP.get() {
        return Ok(Arc::clone(stop));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    ctrlc::set_handler(move || seen.store(true, Ordering::Relaxed))
        .map_err(|e| Failure::no_verdict(format!("Ctrl-C cannot be caught: {e}")))?;
    Ok(Arc::clone(STOP.get_or_init(|| stop)))
}

/// Four fifths of what is free, and what the process has already.
fn most_of_what_is_free() -> u64 {
    check::available().map_or(u64::MAX, |free| {
        free / 5 * 4 + check::resident().unwrap_or(0)
    })
}
