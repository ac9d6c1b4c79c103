//! Many lives at once: all open, and when all are open they go on to their ends.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use farewell::stack::Handle;
use farewell::tuple::Tuple;
use farewell::{Instant, State};
use farewell_tun::capture::Host;
use farewell_tun::diag::KernelSocket;

use crate::ends::End;
use crate::life::Life;
use crate::plan::Plan;
use crate::report::{Failure, Report};
use crate::world::{Happened, World, WorldError};

/// The kernel's states are looked at this often.
const LOOK: Duration = Duration::from_millis(100);
/// What users have closed is over by then, but for TIME_WAIT: retransmissions, orphans, and embryos, which are given up
/// after [`EMBRYO`](crate::world::EMBRYO).
const DRAINED_BY: Duration = Duration::from_secs(90);

/// How long something is waited for. Where the machine is busy with other things, the time that this program did not get
/// counts little, up to a bound.
struct Patience {
    may_take: Duration,
    last: Instant,
    left: Duration,
    until: Instant,
}

/// A turn that takes longer was not this program's doing.
const TURN: Duration = Duration::from_millis(150);
/// On a busy machine it may take so many times longer.
const BUSY: u32 = 10;

impl Patience {
    fn new(now: Instant, may_take: Duration) -> Patience {
        Patience {
            may_take,
            last: now,
            left: may_take,
            until: now + may_take * BUSY,
        }
    }

    /// The whole time again.
    fn renew(&mut self, now: Instant) {
        *self = Patience::new(now, self.may_take);
    }

    fn is_lost(&mut self, now: Instant) -> bool {
        self.left = self.left.saturating_sub(now.since(self.last).min(TURN));
        self.last = now;
        self.left.is_zero() || self.until <= now
    }
}

/// Lives that go on together.
struct Wave {
    lives: Vec<Life>,
    open: BTreeSet<usize>,
    handles: HashMap<Handle, usize>,
    tuples: HashMap<Tuple, usize>,
    wakes: BTreeSet<(Instant, usize)>,
    released: bool,
}

/// Lets these lives happen, up to their last segment.
pub(crate) fn run(
    world: &mut World,
    seed: u64,
    plans: Vec<Plan>,
    may_take: Duration,
    report: &mut Report,
) -> Result<(), WorldError> {
    let mut patience = Patience::new(world.now(), may_take);
    let mut wave = Wave {
        lives: Vec::with_capacity(plans.len()),
        open: BTreeSet::new(),
        handles: HashMap::new(),
        tuples: HashMap::new(),
        wakes: BTreeSet::new(),
        released: false,
    };
    for (n, plan) in plans.into_iter().enumerate() {
        let faults = plan.cell.kind.faults();
        if let Some(life) = Life::new(plan, seed, n as u64) {
            world.driver.link_mut().watch(life.tuple, faults);
            wave.tuples.insert(life.tuple, n);
            wave.open.insert(n);
            wave.lives.push(life);
        }
    }
    let mut ready = wave.open.clone();
    let mut look_at = world.now();
    while !wave.open.is_empty() {
        for n in std::mem::take(&mut ready) {
            wave.step(world, n, report);
        }
        let until = wave.wakes.first().map_or(LOOK, |w| w.0.since(world.now()));
        for happened in world.turn(until.min(LOOK))? {
            ready.extend(wave.notice(world, happened, report));
        }
        let now = world.now();
        while let Some((at, n)) = wave.wakes.first().copied().filter(|w| w.0 <= now) {
            wave.wakes.remove(&(at, n));
            ready.insert(n);
        }
        if look_at <= now {
            world.kernel_sockets()?;
            look_at = now + LOOK;
        }
        if wave.release_if_open() {
            // They have their whole time from now on.
            patience.renew(now);
            ready.extend(&wave.open);
        }
        if patience.is_lost(now) {
            for n in wave.open.clone() {
                wave.fail(world, n, "it is not over in time".into(), report);
            }
        }
    }
    wave.drain(world, report)?;
    for life in &wave.lives {
        let crossed = world.driver.link().crossed(&life.tuple);
        let counts = world.driver.link_mut().forget(&life.tuple);
        report.count(&life.plan, &life.outcome, &counts, crossed);
    }
    Ok(())
}

impl Wave {
    /// Once all are open they may end; says whether that is now.
    fn release_if_open(&mut self) -> bool {
        let is_open = |n: &usize| self.lives.get(*n).is_some_and(Life::is_open);
        let now = !self.released && self.open.iter().all(is_open);
        self.released |= now;
        now
    }

    fn step(&mut self, world: &mut World, n: usize, report: &mut Report) {
        let Some(life) = self.lives.get_mut(n) else {
            return;
        };
        if life.is_over() {
            return;
        }
        let stepped = life.step(world, self.released);
        if let Some(handle) = life.handle() {
            self.handles.insert(handle, n);
        }
        match stepped {
            Err(why) => self.fail(world, n, why, report),
            Ok(()) if life.is_over() => {
                self.open.remove(&n);
            }
            Ok(()) => {
                if let Some(at) = life.wake {
                    self.wakes.insert((at, n));
                }
            }
        }
    }

    /// Says which life is concerned.
    fn notice(
        &mut self,
        world: &mut World,
        happened: Happened,
        report: &mut Report,
    ) -> Option<usize> {
        let (n, result) = match happened {
            Happened::Kernel(token) => return Some(token as usize),
            Happened::Ours(handle, told) => {
                let n = *self.handles.get(&handle)?;
                let life = self.lives.get_mut(n)?;
                // A handle of an incarnation that was closed says no more.
                if life.handle() != Some(handle) {
                    return None;
                }
                (n, life.told(told))
            }
            Happened::Accepted(handle, tuple) => {
                self.handles
                    .insert(handle, *self.tuples.get(&tuple).unwrap_or(&usize::MAX));
                self.accepted(world, tuple, Host::Farewell, End::ours(handle), report)?
            }
            Happened::KernelAccepted(socket, tuple) => {
                self.accepted(world, tuple, Host::Kernel, End::kernel(socket), report)?
            }
        };
        if let Err(why) = result {
            self.fail(world, n, why, report);
        }
        Some(n)
    }

    fn accepted(
        &mut self,
        world: &mut World,
        tuple: Tuple,
        host: Host,
        end: End,
        report: &mut Report,
    ) -> Option<(usize, Result<(), String>)> {
        let n = self.tuples.get(&tuple).copied();
        let Some((n, life)) = n.and_then(|n| Some((n, self.lives.get_mut(n)?))) else {
            let now = world.now();
            end.abort(world.driver.stack_mut(), now);
            report.strange(format!("{tuple}: accepted, and nobody had opened it"));
            return None;
        };
        Some((n, life.accepted(world, host, end)))
    }

    /// A life went wrong: its story is kept, and it ends.
    fn fail(&mut self, world: &mut World, n: usize, why: String, report: &mut Report) {
        let Some(life) = self.lives.get_mut(n) else {
            return;
        };
        if !self.open.remove(&n) {
            return;
        }
        report.fail(Failure {
            index: life.plan.index,
            cell: life.plan.cell,
            tuple: life.tuple,
            why,
            progress: life.describe(),
            states: states(world, &life.tuple),
            story: world.driver.link().story(&life.tuple),
        });
        life.kill(world);
    }

    /// Waits until both hosts have nothing but TIME_WAITs.
    fn drain(&self, world: &mut World, report: &mut Report) -> Result<(), WorldError> {
        let mut patience = Patience::new(world.now(), DRAINED_BY);
        loop {
            world.turn(LOOK)?.clear();
            let kernel = world.kernel_sockets()?;
            let open = |s: &&KernelSocket| s.state != State::TimeWait;
            let left: Vec<KernelSocket> = kernel.iter().filter(open).copied().collect();
            let stack = world.driver.stack();
            let ours = stack.len();
            if left.is_empty() && ours == 0 && world.driver.link().is_empty() {
                return Ok(());
            }
            if !patience.is_lost(world.now()) {
                continue;
            }
            let is_left = |life: &&Life| {
                let state = world.driver.stack().state_between(&life.tuple);
                !matches!(state, State::Closed | State::TimeWait)
                    || left.iter().any(|s| s.local == life.tuple.remote())
            };
            let lives: Vec<&Life> = self.lives.iter().filter(is_left).collect();
            for life in lives {
                report.fail(Failure {
                    index: life.plan.index,
                    cell: life.plan.cell,
                    tuple: life.tuple,
                    why: "a state is left after both users have closed".into(),
                    progress: life.describe(),
                    states: states(world, &life.tuple),
                    story: world.driver.link().story(&life.tuple),
                });
            }
            report.strange(format!(
                "long after the last close {} connections of the kernel and {ours} of farewell are left",
                left.len()
            ));
            return Ok(());
        }
    }
}

/// The states of both hosts between these ends.
fn states(world: &mut World, tuple: &Tuple) -> String {
    let kernel = match world.diag.state(tuple.remote(), tuple.local()) {
        Ok(state) => state.name().to_owned(),
        Err(e) => e.to_string(),
    };
    format!(
        "kernel {kernel}, farewell {}",
        world.driver.stack().state_between(tuple)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every tenth of a second, from here to there: when patience is lost.
    fn lost_at(patience: &mut Patience, tenths: std::ops::Range<u64>) -> Option<u64> {
        let mut looks = tenths.map(|n| n * 100_000);
        looks.find(|at| patience.is_lost(Instant(*at)))
    }

    #[test]
    fn patience_that_is_renewed_is_whole() {
        let mut patience = Patience::new(Instant(0), Duration::from_secs(10));
        assert_eq!(lost_at(&mut patience, 1..90), None);
        patience.renew(Instant(9_000_000));
        assert_eq!(lost_at(&mut patience, 91..300), Some(19_000_000));
    }

    /// A program that gets no time is waited for, but not for ever.
    #[test]
    fn time_that_others_took_counts_little() {
        let mut patience = Patience::new(Instant(0), Duration::from_secs(10));
        assert!(!patience.is_lost(Instant(60_000_000)));
        assert!(patience.is_lost(Instant(100_000_000)));
    }
}
