//! The world: two hosts with their TCPs and applications, a hostile network, a clock.
//!
//! [`plan`] says what a world is made of, [`state`] is one situation in it, [`net`] the network, [`action`] what can
//! happen, [`history`] what users saw, [`coverage`] what was exercised. Inside: `step` (what can happen next, with
//! `apps` and `accidents`), `host` (one event of one host), `judge` (what must hold of it), `saturate`,
//! `dominance` and `mirror` (reductions) and `memo`. Generic in the endpoint: nothing here knows how a TCP works.

mod accidents;
pub mod action;
mod apps;
pub mod coverage;
mod dominance;
mod fair;
mod goals;
pub mod history;
mod host;
mod judge;
mod memo;
mod mirror;
pub mod net;
pub mod plan;
mod saturate;
pub mod state;
mod step;

use std::sync::Arc;

use crate::endpoint::{Endpoint, OLDEST};
use crate::seq::Seq;
use crate::space::{Compared, Space};
pub use action::Action;
pub use coverage::{Coverage, Covered, Goal};
pub use plan::{Clocks, HostPlan, IsnPolicy, LONG_AGO, Plan, Script, Step, Stray, When};
pub use state::{App, State};

/// Room for segments in flight of the standard worlds.
pub const ROOM: usize = 43;
/// Room for segments in flight of the deep worlds.
pub const DEEP_ROOM: usize = 96;

/// A world of endpoints `E` with room for `N` segments in flight.
pub struct World<E: Endpoint, const N: usize> {
    /// What it is made of.
    pub plan: Plan<E>,
    /// What has been exercised.
    pub coverage: Arc<Coverage>,
    pub(crate) bases: [Seq; 2],
    symmetric: bool,
    id: u64,
}

/// Whether a plan asks for what a state has no room to tell apart.
fn beyond_telling<E: Endpoint>(plan: &Plan<E>) -> bool {
    let mut lives = plan.hosts.iter().flat_map(|h| &h.lives);
    let stamped = lives.any(|l| l.timestamps) || plan.strays.iter().any(|s| s.age.is_some());
    // Two clocks for one age, or ages that saturate within a lifetime.
    let ages = stamped && (plan.clocks == Clocks::InTurn || plan.lifetime + 1 >= OLDEST);
    // The text of a stray would be that of a life.
    let full = plan.hosts.iter().any(|h| h.lives.len() > LONG_AGO.into());
    // The ISN clock would stop within the numbers of a life.
    let outruns = |h: &HostPlan<E::Config>| {
        let numbers = |l: &Script| {
            let written: u8 = l.steps.iter().map(Step::written).sum();
            written.saturating_add(2)
        };
        matches!(h.isn, IsnPolicy::Clock(_))
            && h.lives.iter().any(|l| numbers(l) >= host::CLOCK_CAP)
    };
    ages || (full && !plan.strays.is_empty()) || plan.hosts.iter().any(outruns)
}

impl<E: Endpoint, const N: usize> World<E, N> {
    /// A world to explore. One whose plan asks for what a state cannot tell apart has hit a bound from the start.
    pub fn new(plan: Plan<E>) -> Self {
        let bases = [plan.hosts[0].base, plan.hosts[1].base];
        let coverage: Arc<Coverage> = Arc::default();
        if beyond_telling(&plan) {
            coverage.hit_bound(); // never "verified"
        }
        Self {
            symmetric: mirror::is_symmetric(&plan),
            plan,
            coverage,
            bases,
            id: memo::world_id(),
        }
    }

    fn listening(&self, s: State<E::Image, N>, host: usize) -> State<E::Image, N> {
        let first = self.plan.hosts[host]
            .lives
            .first()
            .and_then(|l| l.steps.first());
        if !matches!(first, Some(Step::Listen(_))) {
            return s;
        }
        self.perform(&s, Action::App(host as u8, None)).unwrap_or(s)
    }

    /// The first ISNs of both hosts: what relative numbers are relative to.
    pub fn bases(&self) -> [Seq; 2] {
        self.bases
    }

    /// The states to begin with: everything closed; with clocks in turn, either may tick first.
    pub fn initial_states(&self) -> Vec<State<E::Image, N>> {
        let begin = State {
            ends: [
                E::boot(&self.plan.hosts[0].tcp),
                E::boot(&self.plan.hosts[1].tcp),
            ],
            apps: [App::default(); 2],
            seen: history::History::default(),
            fault: [0; 4],
            phase: 0,
            live: 0,
            net: [net::InFlight::NONE; N],
        };
        // Who listens first listens before the story begins.
        let begin = (0..2).fold(begin, |s, host| self.listening(s, host));
        match self.plan.clocks {
            Clocks::Together => vec![begin],
            Clocks::InTurn => vec![begin, State { phase: 1, ..begin }],
        }
    }
}

impl<E: Endpoint, const N: usize> Space for World<E, N> {
    type State = State<E::Image, N>;

    fn initial(&self) -> Vec<Self::State> {
        self.initial_states()
    }

    fn successors(&self, state: &Self::State, each: &mut impl FnMut(&Self::State)) {
        let mut covered = Covered::default();
        self.for_each_step(state, &mut covered, &mut |_, next| each(next));
        let reused = state.apps.iter().any(|a| a.life > 0 && a.begun != 0);
        covered.reused = u64::from(reused);
        covered.most_live = u64::from(state.live);
        self.coverage.note(&covered);
    }

    fn violations(&self, state: &Self::State) -> u32 {
        state.faults() & self.plan.judged
    }

    fn bound_hit(&self) -> bool {
        self.coverage.bound_hit()
    }

    fn noted(&self) -> Vec<u64> {
        self.coverage.to_words()
    }

    fn note_instead(&self, parts: &[Vec<u64>]) -> bool {
        self.coverage.replace(parts)
    }

    fn compared<'s>(&self, state: &'s Self::State) -> Option<Compared<'s>> {
        Some(dominance::compared(state))
    }

    fn mirrored(&self, state: &Self::State) -> Option<Self::State> {
        self.mirror_image(state)
    }
}

/// The same world for stateright: its checker is the reference, its Explorer the browser.
impl<E: Endpoint, const N: usize> stateright::Model for World<E, N>
where
    State<E::Image, N>: std::hash::Hash,
{
    type State = State<E::Image, N>;
    type Action = Action;

    fn init_states(&self) -> Vec<Self::State> {
        self.initial_states()
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Action>) {
        let mut covered = Covered::default();
        self.for_each_step(state, &mut covered, &mut |action, _| actions.push(action));
    }

    fn next_state(&self, state: &Self::State, action: Action) -> Option<Self::State> {
        self.perform(state, action)
    }

    fn format_action(&self, action: &Action) -> String {
        action.describe(&self.bases)
    }

    fn format_step(&self, state: &Self::State, action: Action) -> Option<String> {
        crate::report::outcome(self, state, action)
    }

    fn as_svg(&self, path: stateright::Path<Self::State, Action>) -> Option<String> {
        Some(crate::report::svg::sequence(&crate::report::tell(
            self,
            &path.into_states(),
        )))
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        vec![stateright::Property::always(
            "safety",
            |w: &Self, s: &Self::State| s.faults() & w.plan.judged == 0,
        )]
    }
}

impl<I, const N: usize> std::hash::Hash for State<I, N>
where
    I: Copy
        + Eq
        + Send
        + Sync
        + zerocopy::IntoBytes
        + zerocopy::TryFromBytes
        + zerocopy::Immutable
        + zerocopy::KnownLayout
        + zerocopy::Unaligned
        + 'static,
{
    fn hash<H: std::hash::Hasher>(&self, h: &mut H) {
        h.write(crate::space::Plain::bytes(self));
    }
}
