//! The fast engine: a breadth-first exploration on timely dataflow.
//!
//! One operator on each worker, its output fed back to its input a level later and exchanged by fingerprint. A
//! level is expanded when the frontier has passed it, which says that every worker has expanded the level before
//! and that every state of this one has arrived: so the order within a level does not matter, and nothing that is
//! reported depends on the number of workers. Expansion goes in slices, between which a worker takes in what has
//! arrived.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::timely::container::NoopBuilder;
use ::timely::dataflow::channels::pact::DistributorPact;
use ::timely::dataflow::operators::generic::operator::Operator;
use ::timely::dataflow::operators::generic::{InputHandleCore, OperatorInfo, OutputBuilderSession};
use ::timely::dataflow::operators::{Capability, ConnectLoop, Feedback};
use ::timely::progress::frontier::MutableAntichain;
use ::timely::worker::Worker as TimelyWorker;

use super::control::{Cause, Control};
use super::fingerprint::Print;
use super::parcel::{Parcel, Post};
use super::reduction::Applied;
use super::worker::{Finished, Worker};
use super::{CheckError, End, Limits, Outcome, Progress, Width, trace};
use crate::space::Space;

/// States to expand before looking at the input again.
const SLICE: usize = 2048;
/// How long a worker with nothing to do sleeps before it looks whether another has failed.
const NAP: Duration = Duration::from_millis(10);

/// Explores with fingerprints `F`, and again with 128-bit ones if there turn out to be too many states for 64.
/// `spent` was already spent in the space's own code.
pub(super) fn run<M: Space, F: Print>(
    space: &Arc<M>,
    limits: &Limits,
    begun: Instant,
    spent: Duration,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Outcome<M::State>, CheckError> {
    if space.initial().is_empty() {
        return Err(CheckError::NoInitialState);
    }
    let widen_at = match F::WIDTH {
        Width::Bits64 => limits.widen_at,
        Width::Bits128 => u64::MAX,
    };
    let control = Arc::new(Control::new(limits, widen_at, begun));
    let reduction = Applied::to(&**space, limits.reduction);
    let mut workers = run_workers::<M, F>(space, &control, reduction, progress)?;
    if let Some(error) = workers.iter_mut().find_map(|worker| worker.error.take()) {
        return Err(error);
    }

    let found_once: u64 = workers.iter().map(|worker| worker.unique).sum();
    let dropped: u64 = workers.iter().map(|worker| worker.dropped).sum();
    let twins: u64 = workers.iter().map(|worker| worker.twins).sum();
    let classes: u64 = workers.iter().map(|worker| worker.classes).sum();
    let generating = spent
        + workers
            .iter()
            .map(|worker| worker.generating)
            .sum::<Duration>();
    let violation = workers.iter().filter_map(|worker| worker.violation).min();
    let mut found = Vec::new();
    let end = match (violation, control.cut(found_once)) {
        (Some((_, print, violations)), _) => {
            let shards: Vec<_> = workers.iter().map(|worker| &worker.visited).collect();
            found = trace::rebuild(&**space, &shards, print, |state| {
                F::of(&reduction.representative(&**space, state))
            })?;
            End::Violated { violations }
        }
        (None, None) => End::Exhausted,
        (None, Some(Cause::Widen)) => {
            drop(workers);
            return run::<M, u128>(space, limits, begun, generating, progress);
        }
        (None, Some(cause)) => cause.end().ok_or(CheckError::Panicked)?,
    };
    Ok(Outcome {
        end,
        unique: found_once - dropped,
        represented: found_once + twins,
        reduction: reduction.reduction,
        successors: workers.iter().map(|worker| worker.successors).sum(),
        depth: workers.iter().map(|worker| worker.depth).max().unwrap_or(0),
        elapsed: control.elapsed(),
        generating,
        peak_memory: control.peak(),
        bound_hit: space.bound_hit(),
        width: F::WIDTH,
        collision_probability: F::collision_probability(found_once)
            + F::collision_probability(classes),
        trace: found,
    })
}

/// Starts the workers, watches over them, and collects what they found.
fn run_workers<M: Space, F: Print>(
    space: &Arc<M>,
    control: &Arc<Control>,
    reduction: Applied,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Vec<Finished<F>>, CheckError> {
    let config = ::timely::Config::process(control.workers());
    let (its_space, its_control) = (Arc::clone(space), Arc::clone(control));
    let guards = ::timely::execute(config, move |worker| {
        work::<M, F>(worker, &its_space, &its_control, reduction)
    })
    .map_err(CheckError::Start)?;
    control.watch(
        || guards.guards().iter().all(|guard| guard.is_finished()),
        || control.progress(),
        progress,
    );
    guards
        .join()
        .into_iter()
        .map(|finished| finished.map_err(|_| CheckError::Panicked))
        .collect()
}

/// Runs one worker thread from start to end.
fn work<M: Space, F: Print>(
    timely: &mut TimelyWorker,
    space: &Arc<M>,
    control: &Arc<Control>,
    reduction: Applied,
) -> Finished<F> {
    let _alarm = Alarm(control);
    let worker = Worker::<M, F>::new(
        Arc::clone(space),
        Arc::clone(control),
        reduction,
        timely.index(),
        timely.peers(),
    );
    let worker = Rc::new(RefCell::new(worker));
    build(timely, &worker, control);
    while timely.has_dataflows() {
        timely.step_or_park(Some(NAP));
        if control.cause() == Some(Cause::Failed) {
            // Whoever failed will not take part in ending the dataflow.
            for dataflow in timely.installed_dataflows() {
                timely.drop_dataflow(dataflow);
            }
        }
    }
    worker.borrow_mut().finish()
}

/// Tells the other workers when this one panics: they would wait for it for ever.
struct Alarm<'a>(&'a Control);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(Cause::Failed);
        }
    }
}

/// Builds the dataflow of one worker.
fn build<M: Space, F: Print>(
    timely: &mut TimelyWorker,
    worker: &Rc<RefCell<Worker<M, F>>>,
    control: &Arc<Control>,
) {
    let (worker, control) = (Rc::clone(worker), Arc::clone(control));
    timely.dataflow::<u32, _, _>(move |scope| {
        let (back, found) = scope.feedback::<Parcel<M::State, F>>(1);
        let expand = move |first: Capability<u32>, info: OperatorInfo| {
            let again = scope.activator_for(info.address);
            // The right to send from each level that this worker has states in.
            let mut held = BTreeMap::from([(0, first)]);
            move |(input, frontier): (&mut InputHandleCore<_, _, _>, &MutableAntichain<u32>),
                  output: &mut OutputBuilderSession<'_, u32, NoopBuilder<Parcel<M::State, F>>>| {
                let worker = &mut *worker.borrow_mut();
                input.for_each(|capability, parcel: &mut Parcel<M::State, F>| {
                    // Every parcel is sent at one time.
                    let Some(&level) = capability.least() else { return control.stop(Cause::Failed) };
                    worker.receive(level, std::mem::take(&mut parcel.records));
                    if !worker.is_idle(level) {
                        held.entry(level).or_insert_with(|| capability.delayed(&level, output.output_index()));
                    }
                });
                let mut budget = SLICE;
                while let Some(entry) = held.first_entry() {
                    let level = *entry.key();
                    if control.is_stopped() || control.is_over(level) {
                        worker.abandon();
                        held.clear();
                        break;
                    }
                    if frontier.less_equal(&level) {
                        break;
                    }
                    if budget == 0 {
                        again.activate();
                        break;
                    }
                    let mut session = output.session_with_builder(entry.get());
                    let mut send = |owner, records| session.give_container(&mut Parcel { owner, records });
                    budget = budget.saturating_sub(worker.expand(level, &mut send));
                    let is_expanded = worker.is_idle(level);
                    if is_expanded || budget == 0 {
                        worker.flush(&mut send);
                    }
                    drop(session);
                    if is_expanded {
                        let capability = entry.remove();
                        if !worker.is_idle(level + 1) {
                            held.entry(level + 1).or_insert_with(|| capability.delayed(&(level + 1)));
                        }
                    }
                }
                control.check();
            }
        };
        found.unary_frontier(DistributorPact(|_| Post), "expand", expand).connect_loop(back);
    });
}
