//! What a run has exercised: states, transitions, rules, and the situations a scenario must reach.
//!
//! A check that passes because nothing happened is a defect, so what was reached is counted and demanded.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::endpoint::TcpState;
use crate::rules::RuleSet;
use crate::spec::transition::TABLE;

/// A situation that a scenario must reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Goal {
    /// Every life is over, both hosts are CLOSED.
    Finished,
    /// And everything was written, read to its end, and closed cleanly.
    AllDelivered,
    /// A second incarnation has read a byte or an end.
    SecondLifeReads,
    /// A user was told "reset".
    ToldReset,
    /// A user was told "refused".
    ToldRefused,
    /// A user was told of the user timeout.
    ToldUserTimeout,
    /// A user was told that R2 ran out.
    ToldGaveUp,
    /// A segment of an earlier incarnation was in flight while a later one was synchronized.
    OldDuplicate,
    /// Sequence numbers went across 2^32.
    Wrapped,
    /// Both ends were in CLOSING at once.
    BothClosing,
    /// Both ends were in TIME_WAIT at once.
    BothTimeWait,
    /// A SYN reopened TIME_WAIT.
    Reopened,
    /// A reopening went back to TIME_WAIT.
    WentBack,
    /// A SYN was one below what a half-open peer expects.
    Coincidence,
}

impl Goal {
    /// All of them, in order of their bits.
    pub const ALL: [Goal; 14] = [
        Goal::Finished,
        Goal::AllDelivered,
        Goal::SecondLifeReads,
        Goal::ToldReset,
        Goal::ToldRefused,
        Goal::ToldUserTimeout,
        Goal::ToldGaveUp,
        Goal::OldDuplicate,
        Goal::Wrapped,
        Goal::BothClosing,
        Goal::BothTimeWait,
        Goal::Reopened,
        Goal::WentBack,
        Goal::Coincidence,
    ];

    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Goal::Finished => "both hosts finish",
            Goal::AllDelivered => "everything is delivered and closed cleanly",
            Goal::SecondLifeReads => "a second incarnation reads",
            Goal::ToldReset => "a user is told \"reset\"",
            Goal::ToldRefused => "a user is told \"refused\"",
            Goal::ToldUserTimeout => "a user is told of the user timeout",
            Goal::ToldGaveUp => "a user is told that R2 ran out",
            Goal::OldDuplicate => "an old duplicate meets a later incarnation",
            Goal::Wrapped => "sequence numbers cross 2^32",
            Goal::BothClosing => "both ends are in CLOSING",
            Goal::BothTimeWait => "both ends are in TIME_WAIT",
            Goal::Reopened => "a SYN reopens TIME_WAIT",
            Goal::WentBack => "a reopening goes back to TIME_WAIT",
            Goal::Coincidence => "a SYN is one below what a half-open peer expects",
        }
    }
}

/// A snapshot of what was exercised.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Covered {
    /// States reached, one bit each.
    pub states: u64,
    /// Transitions taken, by index into the table.
    pub transitions: u64,
    /// Rules whose clause decided something.
    pub rules: RuleSet,
    /// Goals reached.
    pub goals: u64,
    /// Expanded states in which a second incarnation of some host had begun.
    pub reused: u64,
    /// Most segments in flight.
    pub most_live: u64,
}

impl Covered {
    /// Both together.
    #[must_use]
    pub fn and(self, o: Covered) -> Covered {
        Covered {
            states: self.states | o.states,
            transitions: self.transitions | o.transitions,
            rules: RuleSet(self.rules.0 | o.rules.0),
            goals: self.goals | o.goals,
            reused: self.reused + o.reused,
            most_live: self.most_live.max(o.most_live),
        }
    }

    /// Whether `g` was reached.
    pub fn reaches(&self, g: Goal) -> bool {
        self.goals & 1 << g as u8 != 0
    }

    /// The states reached.
    pub fn state_names(&self) -> impl Iterator<Item = &'static str> {
        let states = self.states;
        TcpState::ALL
            .into_iter()
            .filter(move |s| states & 1 << *s as u8 != 0)
            .map(TcpState::name)
    }

    /// How many transitions of the table were taken.
    pub fn transition_count(&self) -> u32 {
        (self.transitions & u64::MAX >> (64 - TABLE.len())).count_ones()
    }
}

/// The counters that all threads of a run share.
#[derive(Debug, Default)]
pub struct Coverage {
    states: AtomicU64,
    transitions: AtomicU64,
    rules: AtomicU64,
    goals: AtomicU64,
    reused: AtomicU64,
    most_live: AtomicU64,
    bound_hit: AtomicBool,
}

fn set(word: &AtomicU64, bits: u64) {
    if bits & !word.load(Ordering::Relaxed) != 0 {
        word.fetch_or(bits, Ordering::Relaxed);
    }
}

impl Coverage {
    pub(crate) fn note(&self, c: &Covered) {
        set(&self.states, c.states);
        set(&self.transitions, c.transitions);
        set(&self.rules, c.rules.0);
        set(&self.goals, c.goals);
        if c.reused > 0 {
            self.reused.fetch_add(c.reused, Ordering::Relaxed);
        }
        if c.most_live > self.most_live.load(Ordering::Relaxed) {
            self.most_live.fetch_max(c.most_live, Ordering::Relaxed);
        }
    }

    pub(crate) fn hit_bound(&self) {
        self.bound_hit.store(true, Ordering::Relaxed);
    }

    pub(crate) fn bound_hit(&self) -> bool {
        self.bound_hit.load(Ordering::Relaxed)
    }

    /// All of it, for another process or a file.
    pub(crate) fn to_words(&self) -> Vec<u64> {
        let c = self.snapshot();
        vec![
            c.states,
            c.transitions,
            c.rules.0,
            c.goals,
            c.reused,
            c.most_live,
            u64::from(self.bound_hit()),
        ]
    }

    /// Takes what several have exercised, together, in the place of what was exercised here; a bound that was hit here
    /// stays hit. False if these are no words of [`Coverage::to_words`].
    pub(crate) fn replace(&self, parts: &[Vec<u64>]) -> bool {
        let mut all = Covered::default();
        let mut hit = self.bound_hit();
        for part in parts {
            let &[states, transitions, rules, goals, reused, most_live, bound] = &part[..] else {
                return false;
            };
            let is_rules = rules & !RuleSet::all().0 == 0;
            if !is_rules || bound > 1 || reused > u64::MAX >> 16 {
                return false;
            }
            hit |= bound == 1;
            all = all.and(Covered {
                states,
                transitions,
                rules: RuleSet(rules),
                goals,
                reused,
                most_live,
            });
        }
        self.states.store(all.states, Ordering::Relaxed);
        self.transitions.store(all.transitions, Ordering::Relaxed);
        self.rules.store(all.rules.0, Ordering::Relaxed);
        self.goals.store(all.goals, Ordering::Relaxed);
        self.reused.store(all.reused, Ordering::Relaxed);
        self.most_live.store(all.most_live, Ordering::Relaxed);
        self.bound_hit.store(hit, Ordering::Relaxed);
        true
    }

    /// What has been exercised so far.
    pub fn snapshot(&self) -> Covered {
        Covered {
            states: self.states.load(Ordering::Relaxed),
            transitions: self.transitions.load(Ordering::Relaxed),
            rules: RuleSet(self.rules.load(Ordering::Relaxed)),
            goals: self.goals.load(Ordering::Relaxed),
            reused: self.reused.load(Ordering::Relaxed),
            most_live: self.most_live.load(Ordering::Relaxed),
        }
    }
}
