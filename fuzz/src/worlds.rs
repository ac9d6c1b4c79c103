//! The model's scenarios with the engine in them, and with the engine and the specification in lockstep.

use std::ffi::OsString;
use std::process::ExitCode;

use farewell_model::ablation::Matrix;
use farewell_model::cli::{self, Card, Registry, Setup, Subject, Worlds};
use farewell_model::endpoint::Endpoint;
use farewell_model::properties::Fault;
use farewell_model::scenarios::{self, Expect, Scenario};
use farewell_model::spec::{self, Spec};
use farewell_model::world::{HostPlan, Plan};

use crate::engine::{Engine, EngineConfig, readings};
use crate::lockstep::{Lockstep, last_difference};

/// The specification and the engine, fed the same.
pub type Both = Lockstep<Spec, Engine>;

/// The same world of other endpoints.
pub fn with<E: Endpoint>(
    plan: Plan<Spec>,
    tcp: impl Fn(&spec::Config, bool) -> E::Config,
) -> Plan<E> {
    let Plan {
        hosts,
        lifetime,
        clocks,
        rules,
        saturated,
        strays,
        judged,
    } = plan;
    let host = |h: HostPlan<spec::Config>| HostPlan {
        tcp: tcp(&h.tcp, h.lives.iter().any(|l| l.timestamps)),
        lives: h.lives,
        reads: h.reads,
        isn: h.isn,
        aborts: h.aborts,
        crashes: h.crashes,
        quiet: h.quiet,
        vanishes: h.vanishes,
        orphan_timer: h.orphan_timer,
        base: h.base,
    };
    Plan {
        hosts: hosts.map(host),
        lifetime,
        clocks,
        rules,
        saturated,
        strays,
        judged,
    }
}

/// The world of the shipping code.
pub fn of_the_engine(plan: Plan<Spec>) -> Plan<Engine> {
    with(plan, EngineConfig::like)
}

/// The world of both in lockstep: the specification takes the engine's readings. Only their difference is judged, so that
/// nothing else ends a path.
pub fn of_both(plan: Plan<Spec>) -> Plan<Both> {
    let mut plan = with(plan, |c, stamps| {
        (readings(c).0, EngineConfig::like(c, stamps))
    });
    plan.judged = Fault::Difference.bit();
    plan
}

/// A world whose space is too large to go on behind the violation that it declares: in lockstep, too, it ends there.
const ENDS_AT_ITS_VIOLATION: &str = "broken-promise";

/// The readings of a scenario that the engine replaces by its own.
pub fn replaced(s: &Scenario) -> Vec<&'static str> {
    let plan = s.plan(
        scenarios::Size::Smoke,
        farewell_model::rules::RuleSet::EMPTY,
    );
    let mut all: Vec<_> = plan.hosts.iter().flat_map(|h| readings(&h.tcp).1).collect();
    all.dedup();
    all
}

/// What the engine's run of a scenario must find: what the scenario declares, unless the engine reads the RFC otherwise
/// than the scenario, which then shows nothing that the engine's reading does not prevent.
pub fn expected(s: &Scenario) -> Expect {
    if s.id == "reading-7" {
        let why = "a RST that acknowledges our SYN resets, whatever its number: the engine's reading, and what the scenario's spares";
        return Expect::Violated(Fault::FalseReset, why);
    }
    if replaced(s).is_empty() {
        s.expects
    } else {
        Expect::Verified
    }
}

fn leaked(prefix: &str, id: &str) -> &'static str {
    Box::leak(format!("{prefix}-{id}").into_boxed_str())
}

fn engine(s: &'static Scenario) -> Box<dyn Subject> {
    let own = !replaced(s).is_empty();
    let card = Card {
        id: leaked("engine", s.id),
        shows: s.shows,
        expects: expected(s),
        goals: if own { &[] } else { s.goals },
        special: s.special,
        late_resets: s.late_resets,
        ends: None,
    };
    Box::new(Worlds::<Engine> {
        card,
        plan: Box::new(move |setup: &Setup| of_the_engine(s.plan(setup.size, setup.rules_off()))),
        facts: |c| vec![("receive buffer", format!("{} bytes", c.receive_buffer))],
        roomy: false,
    })
}

fn both(s: &Scenario, setup: &Setup) -> Plan<Both> {
    let plan = s.plan(setup.size, setup.rules_off());
    let declared = plan.judged;
    let mut plan = of_both(plan);
    if s.id == ENDS_AT_ITS_VIOLATION {
        plan.judged |= declared;
    }
    plan
}

fn lockstep(s: &'static Scenario) -> Box<dyn Subject> {
    let ends = s.id == ENDS_AT_ITS_VIOLATION;
    let card = Card {
        id: leaked("lockstep", s.id),
        shows: s.shows,
        expects: if ends { s.expects } else { Expect::Verified },
        goals: &[],
        special: Fault::Difference.bit(),
        late_resets: None,
        ends: None,
    };
    Box::new(Worlds::<Both> {
        card,
        plan: Box::new(move |setup: &Setup| both(s, setup)),
        facts: |c| vec![("receive buffer", format!("{} bytes", c.1.receive_buffer))],
        roomy: false,
    })
}

/// All of them.
pub fn registry() -> Registry {
    let subjects = scenarios::all()
        .map(engine)
        .chain(scenarios::all().map(lockstep));
    Registry {
        subjects: subjects.collect(),
        progress: Vec::new(),
        matrix: Matrix::EMPTY,
        family: |_| None,
    }
}

/// The command `conform`: that of the model over these worlds, at smoke size unless another is asked for. The text is that of
/// the file to replay, if it has been read.
pub fn conform(args: impl IntoIterator<Item = OsString>, replayed: Option<String>) -> ExitCode {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.len() == 1 {
        args.push("check".into());
    }
    let checks = args.get(1).is_some_and(|a| a == "check");
    let sized = args
        .iter()
        .any(|a| a.to_string_lossy().starts_with("--size"));
    if checks && !sized {
        args.extend(["--size".into(), "smoke".into()]);
    }
    let status = cli::run_on(args, &registry(), replayed);
    let difference = last_difference();
    if !difference.is_empty() {
        eprintln!("the first difference of the last path that was replayed:\n{difference}");
    }
    status
}
