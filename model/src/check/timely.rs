//! The fast engine: a breadth-first exploration on timely dataflow.
//!
//! One operator on each worker, its output fed back to its input a level later and exchanged by fingerprint. When the
//! frontier has passed a level, every worker has expanded the level before and every state of this one has arrived. A
//! level is expanded when all workers, of all processes, have seen that: so the order within a level does not matter,
//! everyone knows of every violation before it, and nothing that is reported depends on the number of workers or
//! processes. Expansion goes in slices, between which a worker takes in what has arrived.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::timely::container::NoopBuilder;
use ::timely::dataflow::channels::pact::DistributorPact;
use ::timely::dataflow::operators::generic::operator::Operator;
use ::timely::dataflow::operators::generic::{InputHandleCore, OperatorInfo, OutputBuilderSession};
use ::timely::dataflow::operators::{Capability, ConnectLoop, Feedback};
use ::timely::execute::execute_from;
use ::timely::progress::frontier::MutableAntichain;
use ::timely::scheduling::Activator;
use ::timely::worker::Worker as TimelyWorker;

use super::cluster::Run;
use super::conclude::{self, Conclusion, Sum};
use super::control::{Cause, Control};
use super::fingerprint::{Print, Print96};
use super::keep::{KeepError, Store};
use super::parcel::{Parcel, Post};
use super::reduction::Applied;
use super::worker::{Finished, Worker};
use super::{CheckError, Limits, Outcome, Progress, Width};
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
        Width::Bits96 | Width::Bits128 => u64::MAX,
    };
    let process = limits.team.as_ref().map_or(0, |team| team.process());
    if let Some(keep) = &limits.keep
        && F::WIDTH == Width::Bits64
        && Store::bits(keep, process) == Some(Print96::BYTES as u32 * 8)
    {
        return run_wide(space, limits, begun, spent, progress);
    }
    // It runs the space's own code, as the workers do.
    let about = catch_unwind(AssertUnwindSafe(|| about::<M, F>(&**space, limits)));
    let about = about.map_err(|_| {
        if let Some(team) = &limits.team {
            team.fail(&CheckError::Panicked.to_string());
        }
        CheckError::Panicked
    })?;
    let mut store = match &limits.keep {
        Some(keep) => Some(in_team(
            Store::open(keep, process, limits.threads.max(1), &about),
            limits,
        )?),
        None => None,
    };
    let complete = store.as_ref().map_or(0, Store::complete);
    let (run, first) = match &limits.team {
        Some(team) => {
            let (run, first) = Run::begin(team, &about, complete.into())?;
            (Some(Arc::new(run)), first.min(complete.into()) as u32)
        }
        None => (None, complete),
    };
    if let Some(store) = &mut store {
        in_team(go_on(&**space, store, first), limits)?;
    }
    let store = store.map(Arc::new);
    let control = Arc::new(Control::with(limits, widen_at, begun, run.clone()));
    let reduction = Applied::to(&**space, limits.reduction);
    let ended = explore::<M, F>(space, &control, reduction, store.as_ref(), progress);
    let ended = ended.map_err(|error| match &run {
        Some(run) => for_all(error, run),
        None => error,
    });
    if let Some(run) = run {
        run.end();
    }
    let conclusion = ended?;
    let Sum { found, peak, .. } = &conclusion.sum;
    let generating = spent + found.generating;
    let end = match conclusion.end(&control) {
        Ok(end) => end,
        Err(Some(Cause::Widen)) => {
            drop(control);
            if let Some(store) = store.and_then(Arc::into_inner) {
                in_team(store.wipe(), limits)?;
            }
            // Everything will be noted again.
            space.note_instead(&[]);
            return run_wide(space, limits, begun, generating, progress);
        }
        Err(_) => return Err(CheckError::Panicked),
    };
    Ok(Outcome {
        end,
        unique: found.unique - found.dropped,
        represented: found.unique + found.twins,
        reduction: reduction.reduction,
        successors: found.successors,
        depth: found.depth,
        elapsed: control.elapsed(),
        generating,
        peak_memory: *peak,
        trace: conclusion.walk(&**space, reduction)?,
        bound_hit: space.bound_hit(),
        width: F::WIDTH,
        collision_probability: F::collision_probability(found.unique)
            + F::collision_probability(found.classes),
    })
}

/// The same with fingerprints that are long enough for any number of states.
pub(super) fn run_wide<M: Space>(
    space: &Arc<M>,
    limits: &Limits,
    begun: Instant,
    spent: Duration,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Outcome<M::State>, CheckError> {
    if limits.keep.is_some() {
        run::<M, Print96>(space, limits, begun, spent, progress)
    } else {
        run::<M, u128>(space, limits, begun, spent, progress)
    }
}

/// What went wrong with files here ends the run for everyone.
fn in_team<T>(result: Result<T, KeepError>, limits: &Limits) -> Result<T, KeepError> {
    if let (Err(error), Some(team)) = (&result, &limits.team) {
        team.fail(&error.to_string());
    }
    result
}

/// Has a kept run go on from the first levels that are complete.
fn go_on(space: &impl Space, store: &mut Store, levels: u32) -> Result<(), KeepError> {
    store.go_on_from(levels)?;
    match store.last() {
        Some((_, noted)) if !space.note_instead(&[noted.to_vec()]) => Err(store.is_foreign()),
        _ => Ok(()),
    }
}

/// What all who take part in a run must agree on.
fn about<M: Space, F: Print>(space: &M, limits: &Limits) -> String {
    if limits.team.is_none() && limits.keep.is_none() {
        return String::new();
    }
    let probe = super::probe::probe(space);
    let (about, bits) = (limits.about.trim_end(), F::BYTES * 8);
    let kept = limits.keep.is_some();
    let reduction = Applied::to(space, limits.reduction).reduction;
    format!(
        "{about}\nfingerprints: {bits} bits\nkept in files: {kept}\nreduction: {reduction}\nmodel: {probe:016x}"
    )
}

/// Ends the run for everyone, and says why.
fn for_all(error: CheckError, run: &Run) -> CheckError {
    match error {
        CheckError::Team(error) => error.into(),
        // A thread that panicked may have done so because the others were lost.
        error => match run.check() {
            Err(first) => first.into(),
            Ok(()) => run.fail(&error.to_string()).into(),
        },
    }
}

/// Runs the workers and puts together what they found, with those of other processes.
fn explore<M: Space, F: Print>(
    space: &Arc<M>,
    control: &Arc<Control>,
    reduction: Applied,
    store: Option<&Arc<Store>>,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Conclusion<F>, CheckError> {
    let mut workers = run_workers::<M, F>(space, control, reduction, store, progress)?;
    if let Some(error) = workers.iter_mut().find_map(|worker| worker.error.take()) {
        return Err(error);
    }
    if control.cause() == Some(Cause::Failed) {
        return Err(CheckError::Panicked);
    }
    let own = Sum::of(&workers, control, space.noted());
    conclude::conclude(own, control, reduction, |worker, print, level| {
        workers[worker].find(print, level)
    })
}

/// Starts the workers, watches over them, and collects what they found.
fn run_workers<M: Space, F: Print>(
    space: &Arc<M>,
    control: &Arc<Control>,
    reduction: Applied,
    store: Option<&Arc<Store>>,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Vec<Finished<F>>, CheckError> {
    let (builders, threads, gone) = match control.run() {
        None => {
            let config = ::timely::CommunicationConfig::Process(control.workers());
            let (builders, threads) = config.try_build().map_err(CheckError::Start)?;
            (builders, threads, None)
        }
        Some(run) => {
            let connected = run.connect(control)?;
            let threads: Box<dyn Any + Send> = Box::new(connected.threads);
            (connected.builders, threads, Some(connected.gone))
        }
    };
    let (its_space, its_control) = (Arc::clone(space), Arc::clone(control));
    let its_store = store.cloned();
    let config = ::timely::WorkerConfig::default();
    let guards = execute_from(builders, threads, config, move |worker| {
        work::<M, F>(
            worker,
            &its_space,
            &its_control,
            reduction,
            its_store.as_ref(),
        )
    })
    .map_err(CheckError::Start)?;
    control.watch(
        || guards.guards().iter().all(|guard| guard.is_finished()),
        || control.progress(),
        progress,
    );
    if let (Some(run), Some(gone)) = (control.run(), gone) {
        run.workers_have_gone(&gone);
    }
    // Threads of connections panic when a worker did, and so does whoever waits for them.
    let finished = catch_unwind(AssertUnwindSafe(|| guards.join()));
    finished
        .map_err(|_| CheckError::Panicked)?
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
    store: Option<&Arc<Store>>,
) -> Finished<F> {
    let _alarm = Alarm(control);
    let worker = Worker::<M, F>::new(
        Arc::clone(space),
        Arc::clone(control),
        reduction,
        store,
        timely.index(),
        timely.peers(),
    );
    let worker = Rc::new(RefCell::new(worker));
    control.wakes_me();
    let again = build(timely, &worker, control);
    let mut turn = control.turn();
    while timely.has_dataflows() {
        timely.step_or_park(Some(NAP));
        if turn != control.turn() {
            turn = control.turn();
            again.activate();
        }
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
) -> Activator {
    let (worker, control) = (Rc::clone(worker), Arc::clone(control));
    timely.dataflow::<u32, _, _>(move |scope| {
        let (back, found) = scope.feedback::<Parcel<M::State, F>>(1);
        let address = Rc::new(RefCell::new(None));
        let its_address = Rc::clone(&address);
        let expand = move |first: Capability<u32>, info: OperatorInfo| {
            *its_address.borrow_mut() = Some(Rc::clone(&info.address));
            let again = scope.activator_for(info.address);
            let begin = worker.borrow().first();
            // The level that this worker has not yet seen arrive whole.
            let mut arrived = begin;
            // The right to send from each level that this worker has states in.
            let mut held = BTreeMap::from([(begin, first.delayed(&begin))]);
            drop(first);
            move |(input, frontier): (&mut InputHandleCore<_, _, _>, &MutableAntichain<u32>),
                  output: &mut OutputBuilderSession<'_, u32, NoopBuilder<Parcel<M::State, F>>>| {
                let worker = &mut *worker.borrow_mut();
                input.for_each(|capability, parcel: &mut Parcel<M::State, F>| {
                    // Every parcel is sent at one time.
                    let Some(&level) = capability.least() else { return control.stop(Cause::Failed) };
                    if parcel.is_malformed {
                        return worker.refuse();
                    }
                    worker.receive(level, std::mem::take(&mut parcel.records));
                    if !worker.is_idle(level) {
                        held.entry(level).or_insert_with(|| capability.delayed(&level, output.output_index()));
                    }
                });
                if let Some(&open) = frontier.frontier().first() {
                    while arrived < open {
                        worker.arrived(arrived);
                        arrived += 1;
                    }
                }
                let mut budget = SLICE;
                while let Some(entry) = held.first_entry() {
                    let level = *entry.key();
                    if control.is_stopped() || control.is_over(level) {
                        worker.abandon();
                        held.clear();
                        break;
                    }
                    if !control.has_entered(level) {
                        break;
                    }
                    if budget == 0 {
                        again.activate();
                        break;
                    }
                    let mut session = output.session_with_builder(entry.get());
                    let mut send = |owner, records| session.give_container(&mut Parcel::new(owner, records));
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
        let address = address.take().unwrap_or_else(|| scope.addr());
        scope.activator_for(address)
    })
}
