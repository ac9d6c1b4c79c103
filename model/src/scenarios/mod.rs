//! The scenarios: who opens, writes and closes when, under which network and clock, and what is expected.
//!
//! Each says in a sentence what it shows, names what it must reach, and pins its number of unique states: a changed
//! number is a changed protocol. [`build`] has the pieces, the other files the scenarios by subject.

pub mod build;
mod closing;
mod disturbed;
mod failures;
mod progress;
mod readings;
mod reuse;

use crate::properties::{EVERYWHERE, Fault};
use crate::rules::RuleSet;
use crate::spec::Spec;
use crate::world::{Goal, Plan};

/// How large a scenario is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Size {
    /// For tests: MSL of 1 tick, as little data as shows the point.
    Smoke,
    /// The default: MSL of 2 ticks, a byte each way at least, two incarnations wherever reuse is the subject.
    #[default]
    Standard,
    /// MSL of 3 ticks, two bytes each way, three incarnations: goes as far as memory does.
    Deep,
}

impl Size {
    /// All of them.
    pub const ALL: [Size; 3] = [Size::Smoke, Size::Standard, Size::Deep];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Size::Smoke => "smoke",
            Size::Standard => "standard",
            Size::Deep => "deep",
        }
    }

    /// MSL in ticks.
    pub const fn msl(self) -> u8 {
        match self {
            Size::Smoke => 1,
            Size::Standard => 2,
            Size::Deep => 3,
        }
    }

    /// Bytes that each side writes in a life, where the scenario does not say otherwise.
    pub const fn bytes(self) -> u8 {
        match self {
            Size::Smoke | Size::Standard => 1,
            Size::Deep => 2,
        }
    }
}

/// What a scenario's run must find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// No violation, the whole space explored.
    Verified,
    /// A violation by this fault, for this reason.
    Violated(Fault, &'static str),
}

/// What a scenario's fair runs come to, on the graph of all states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// Every one ends.
    Always,
    /// One never ends, for this reason.
    Never(&'static str),
    /// One never ends, because an application never closes: no fault of TCP's.
    WhenItsUserCloses(&'static str),
    /// All end, but where both are connected and nobody has done any harm, a clean end can become impossible.
    NotCleanly(&'static str),
}

/// A scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub id: &'static str,
    /// What it shows, in a sentence.
    pub shows: &'static str,
    /// What its run must find.
    pub expects: Expect,
    /// Situations it must reach.
    pub goals: &'static [Goal],
    /// Unique states at smoke and at standard size. A violated one stops at its first violation and pins the length
    /// of the counterexample instead.
    pub pinned: [u64; 2],
    /// Properties besides those that every scenario checks, as bits.
    pub special: u32,
    /// Where ISNs may repeat, a RST that an old segment drew can hit the next incarnation, however long TIME_WAIT is, and an
    /// old SYN,ACK can seem to open a connection that a RST then ends. Such a scenario does not judge
    /// [`Fault::FalseReset`] and names the one that declares it.
    pub late_resets: Option<&'static str>,
    /// What its fair runs must come to; `None` for a scenario that is for safety. One that says so is for liveness, and pins
    /// the states of its plain graph.
    pub ends: Option<Ends>,
    /// Its world at a size.
    pub build: fn(Size) -> Plan<Spec>,
}

/// What scenarios have in common: verified, nothing special, everything judged.
const SCENARIO: Scenario = Scenario {
    id: "",
    shows: "",
    expects: Expect::Verified,
    goals: &[],
    pinned: [0, 0],
    special: 0,
    late_resets: None,
    ends: None,
    build: |size| build::world(size, &[], &[]),
};

impl Scenario {
    /// Its plan, with the properties it checks and without the rules in `off`. One that declares a violation looks for that
    /// fault alone.
    pub fn plan(&self, size: Size, off: RuleSet) -> Plan<Spec> {
        let mut plan = (self.build)(size);
        plan.judged = EVERYWHERE | self.special;
        if self.late_resets.is_some() {
            plan.judged &= !Fault::FalseReset.bit();
        }
        if let Expect::Violated(fault, _) = self.expects {
            plan.judged &= fault.bit();
        }
        plan.without(off);
        plan
    }
}

impl Plan<Spec> {
    /// Switches rules off, on both hosts and in the world.
    pub fn without(&mut self, off: RuleSet) {
        self.rules = RuleSet(self.rules.0 & !off.0);
        for h in &mut self.hosts {
            h.tcp.rules = RuleSet(h.tcp.rules.0 & !off.0);
        }
    }

    /// The number of lives of the host that has most.
    pub fn lives(&self) -> usize {
        self.hosts.iter().map(|h| h.lives.len()).max().unwrap_or(0)
    }
}

/// Every scenario for safety, in the order of a default run.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        closing::SCENARIOS,
        failures::SCENARIOS,
        reuse::SCENARIOS,
        readings::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

/// The scenarios that are for liveness.
pub fn progress() -> impl Iterator<Item = &'static Scenario> {
    progress::SCENARIOS.iter().chain(disturbed::SCENARIOS)
}

/// The scenario of that name.
pub fn named(id: &str) -> Option<&'static Scenario> {
    all().chain(progress()).find(|s| s.id == id)
}
