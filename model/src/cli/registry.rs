//! The worlds that the command knows, without their types: another crate can register worlds of its own endpoint.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use stateright::Model;

use super::{bounds, team};
use crate::ablation::{self, Matrix};
use crate::check::liveness::{self, Lasso, LivenessError};
use crate::check::{self, CheckError, End, Engine, Keep, Limits, Progress, Reduction, Width};
use crate::endpoint::Endpoint;
use crate::frontier::{Bytes, Judged, Question};
use crate::properties::Fault;
use crate::report::saved::Malformed;
use crate::report::{Story, tell, tell_along};
use crate::rules::{Profile, RuleSet};
use crate::scenarios::{self, Ends, Expect, Size};
use crate::spec::{Config, Spec};
use crate::world::{Action, Covered, DEEP_ROOM, Goal, Plan, ROOM, State, World};

/// What can be chosen about a scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setup {
    /// How large it is.
    pub size: Size,
    /// The rules to begin with.
    pub profile: Profile,
    /// Rules switched off besides.
    pub off: RuleSet,
    /// Repeated sends are added at once.
    pub saturated: bool,
    /// For liveness: every send is a step, and nothing is judged on the way.
    pub liveness: bool,
    /// Faults judged alone, as bits, instead of all that the scenario judges.
    pub judged: Option<u32>,
}

impl Setup {
    /// A scenario as it stands, at a size.
    pub fn of(size: Size) -> Setup {
        Setup {
            size,
            profile: Profile::default(),
            off: RuleSet::EMPTY,
            saturated: true,
            liveness: false,
            judged: None,
        }
    }

    /// The same for liveness.
    pub fn for_liveness(self) -> Setup {
        Setup {
            saturated: false,
            liveness: true,
            ..self
        }
    }

    /// All rules that are off, by profile or by name.
    pub fn rules_off(&self) -> RuleSet {
        RuleSet(RuleSet::all().0 & !self.profile.rules().0 | self.off.0)
    }

    /// Whether the rules are the default profile's, so that what a scenario declares applies.
    pub fn has_all_rules(&self) -> bool {
        self.rules_off() == RuleSet::EMPTY
    }
}

/// What is known of a scenario before it runs.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// Its name on the command line.
    pub id: &'static str,
    /// What it shows, in a sentence.
    pub shows: &'static str,
    /// What its run must find.
    pub expects: Expect,
    /// Situations it must reach.
    pub goals: &'static [Goal],
    /// Properties besides those that every scenario checks, as bits.
    pub special: u32,
    /// The scenario that declares the late resets which this one does not judge.
    pub late_resets: Option<&'static str>,
    /// What its fair runs must come to, if it is for liveness.
    pub ends: Option<Ends>,
}

/// What was decided about a scenario's fair runs, without the type of its states.
#[derive(Clone, Debug)]
pub struct Progressed {
    /// What they come to.
    pub comes_to: ComesTo,
    /// Unique states.
    pub states: u64,
    /// Steps between them, those that change nothing included.
    pub transitions: u64,
    /// Ends among the states.
    pub ends: u64,
    /// States from which no end can be reached.
    pub lost: u64,
    /// Different segments, timers and steps that a fair run owes something to.
    pub demands: usize,
    /// Bytes that the graph took, with all that deciding on it takes.
    pub bytes: u64,
    /// The same with the states that waited to be expanded, at most, and what finds a state again.
    pub peak: u64,
    /// Time from start to end.
    pub elapsed: Duration,
}

/// What the fair runs of a scenario come to.
#[derive(Clone, Debug)]
pub enum ComesTo {
    /// Every one ends.
    TheEnd,
    /// One never does.
    NoEnd {
        /// That one.
        story: Story,
        /// No end can be reached any more where it repeats itself.
        beyond_help: bool,
        /// The host whose TCP waits there for a user that never closes.
        user: Option<usize>,
    },
    /// At the end of this story a clean end has become impossible.
    Unclean {
        /// The way there.
        story: Story,
    },
}

/// What a run found, without the type of its states.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How it ended.
    pub end: End,
    /// Unique states; with a reduction those stored.
    pub unique: u64,
    /// States that these stand for, as far as they were found.
    pub represented: u64,
    /// The reduction that applied.
    pub reduction: Reduction,
    /// Successors generated.
    pub successors: u64,
    /// The deepest level.
    pub depth: u32,
    /// Time from start to end.
    pub elapsed: Duration,
    /// The most bytes the process had resident.
    pub peak_memory: u64,
    /// Something did not fit a bound of the world.
    pub bound_hit: bool,
    /// An upper estimate of the probability that two states had one fingerprint.
    pub collision_probability: f64,
    /// What was exercised.
    pub covered: Covered,
    /// The shortest counterexample, if it ended in a violation.
    pub story: Option<Story>,
}

/// A scenario of some endpoint.
pub trait Subject: Send + Sync {
    /// What is known of it.
    fn card(&self) -> &Card;
    /// Its bounds at a setup: names and values.
    fn bounds(&self, setup: &Setup) -> Vec<(String, String)>;
    /// The rules that are on.
    fn rules(&self, setup: &Setup) -> RuleSet;
    /// The faults that are judged, as bits.
    fn judged(&self, setup: &Setup) -> u32;
    /// Explores it.
    ///
    /// # Errors
    ///
    /// Those of the engine.
    fn check(
        &self,
        setup: &Setup,
        engine: Engine,
        limits: &Limits,
        progress: &(dyn Fn(&Progress) + Sync),
    ) -> Result<Finding, CheckError>;
    /// Decides whether every fair run ends.
    ///
    /// # Errors
    ///
    /// When the graph of all states cannot be built.
    fn decide(
        &self,
        setup: &Setup,
        limits: &Limits,
        progress: &(dyn Fn(&Progress) + Sync),
    ) -> Result<Progressed, LivenessError>;
    /// Takes the actions of these words (each with its line), from one of the initial states. From `again_from` on, if
    /// that is given, the run must repeat itself, fairly.
    ///
    /// # Errors
    ///
    /// Which line names no action that is possible there.
    fn replay(
        &self,
        setup: &Setup,
        start: usize,
        actions: &[(usize, String)],
        again_from: Option<usize>,
    ) -> Result<Story, Malformed>;
    /// Serves stateright's Explorer at an address, for ever.
    fn explore(&self, setup: &Setup, at: SocketAddr);
}

/// Everything the command can run.
pub struct Registry {
    /// The scenarios for safety, in the order of a default run.
    pub subjects: Vec<Box<dyn Subject>>,
    /// The scenarios for liveness.
    pub progress: Vec<Box<dyn Subject>>,
    /// The ablation matrix.
    pub matrix: Matrix,
    /// Makes what is not listed: scenarios that come in families, by name.
    pub family: fn(&str) -> Option<&'static dyn Subject>,
}

impl Registry {
    /// The scenarios of the specification.
    pub fn of_the_specification() -> Registry {
        let subject = |s: &'static scenarios::Scenario| -> Box<dyn Subject> {
            let card = Card {
                id: s.id,
                shows: s.shows,
                expects: s.expects,
                goals: s.goals,
                special: s.special,
                late_resets: s.late_resets,
                ends: s.ends,
            };
            let plan =
                |s: &scenarios::Scenario, setup: &Setup| s.plan(setup.size, setup.rules_off());
            Box::new(Worlds::<Spec> {
                card,
                plan: Box::new(move |setup| plan(s, setup)),
                facts: config_facts,
                roomy: false,
            })
        };
        Registry {
            subjects: scenarios::all().map(subject).collect(),
            progress: scenarios::progress().map(subject).collect(),
            matrix: ablation::MATRIX,
            family: frontier_cell,
        }
    }

    /// The scenarios for safety and those for liveness.
    pub fn all(&self) -> impl Iterator<Item = &dyn Subject> {
        self.subjects.iter().chain(&self.progress).map(Box::as_ref)
    }

    /// The scenario of that name.
    pub fn named(&self, id: &str) -> Option<&dyn Subject> {
        self.all()
            .find(|s| s.card().id == id)
            .or_else(|| (self.family)(id))
    }
}

/// The world of one question of the frontier. A command asks for a handful of them: they are kept until it ends.
fn frontier_cell(id: &str) -> Option<&'static dyn Subject> {
    let q = Question::named(id, Size::Smoke)?; // the size is the setup's
    let id: &'static str = Box::leak(id.to_owned().into_boxed_str());
    Some(Box::leak(Box::new(Worlds::<Spec> {
        card: Card {
            id,
            shows: "a cell of the frontier: whether this TIME_WAIT keeps two connections between the same ports apart",
            expects: Expect::Verified,
            goals: &[],
            special: 0,
            late_resets: (q.judged == Judged::Data).then_some("reuse-late-reset"),
            ends: None,
        },
        plan: Box::new(move |setup| {
            let mut plan = Question {
                size: setup.size,
                ..q
            }
            .plan();
            plan.without(setup.rules_off());
            plan
        }),
        roomy: q.cell.bytes == Bytes::One,
        facts: config_facts,
    })))
}

/// The facts of a specification's configuration that bound a world.
fn config_facts(c: &Config) -> Vec<(&'static str, String)> {
    let ticks = |t: Option<u8>| t.map_or("for ever".to_owned(), |t| format!("{t} ticks"));
    vec![
        ("TIME_WAIT", ticks(Some(c.time_wait))),
        ("FIN_WAIT_2 of an orphan", ticks(c.fin_wait_2)),
        ("user timeout", ticks(c.user_timeout)),
        ("R2", ticks(c.give_up)),
        (
            "keep-alive",
            c.keep_alive
                .map_or("off".into(), |t| format!("after {t} ticks")),
        ),
        ("receive buffer", format!("{} bytes", c.receive_buffer)),
        ("largest segment", format!("{} bytes", c.choices.mss)),
    ]
}

/// Names and values of a configuration.
pub type Facts<C> = fn(&C) -> Vec<(&'static str, String)>;

/// A world for every setup.
pub type Planned<E> = Box<dyn Fn(&Setup) -> Plan<E> + Send + Sync>;

/// A scenario over worlds of one endpoint.
pub struct Worlds<E: Endpoint> {
    /// What is known of it.
    pub card: Card,
    /// Its world at a setup; saturation and what is judged are set here from the setup.
    pub plan: Planned<E>,
    /// What a host's configuration says about bounds.
    pub facts: Facts<E::Config>,
    /// Whether more may be in flight than there is room for at standard size.
    pub roomy: bool,
}

impl<E: Endpoint> Worlds<E> {
    fn is_roomy(&self, setup: &Setup) -> bool {
        self.roomy || setup.size == Size::Deep
    }

    /// Room for segments in flight.
    fn room(&self, setup: &Setup) -> usize {
        if self.is_roomy(setup) {
            DEEP_ROOM
        } else {
            ROOM
        }
    }

    fn plan(&self, setup: &Setup) -> Plan<E> {
        let mut plan = (self.plan)(setup);
        plan.saturated = setup.saturated;
        if let Some(judged) = setup.judged {
            plan.judged = judged;
            if self.card.late_resets.is_some() {
                plan.judged &= !Fault::FalseReset.bit();
            }
        }
        if setup.liveness {
            plan.saturated = false;
            plan.judged = 0;
        }
        plan
    }

    fn progress<const N: usize>(
        &self,
        setup: &Setup,
        limits: &Limits,
        progress: &(dyn Fn(&Progress) + Sync),
    ) -> Result<Progressed, LivenessError> {
        let world = World::<E, N>::new(self.plan(setup));
        let d = liveness::decide(&world, limits, progress)?;
        let comes_to = match d.verdict {
            liveness::Verdict::Live => ComesTo::TheEnd,
            liveness::Verdict::NeverEnds { lasso, beyond_help } => {
                let idle = |s: &State<E::Image, N>| {
                    (0..2).find(|&h| world.is_never_closed_by_its_user(s, h))
                };
                ComesTo::NoEnd {
                    user: lasso.states.last().and_then(idle),
                    story: told(&world, &lasso),
                    beyond_help,
                }
            }
            liveness::Verdict::NotClean { way } => ComesTo::Unclean {
                story: told(&world, &way),
            },
        };
        Ok(Progressed {
            comes_to,
            states: d.states,
            transitions: d.transitions,
            ends: d.ends,
            lost: d.lost,
            demands: d.demands,
            bytes: d.bytes,
            peak: d.peak,
            elapsed: d.elapsed,
        })
    }

    /// What is explored, a fact a line.
    fn about(&self, setup: &Setup) -> String {
        let bounds = self.bounds(setup).into_iter();
        let bounds: String = bounds
            .map(|(name, value)| format!("\n{name}: {value}"))
            .collect();
        format!("scenario: {}\n{}{bounds}", self.card.id, team::facts(setup))
    }

    fn run<const N: usize>(
        &self,
        setup: &Setup,
        engine: Engine,
        limits: &Limits,
        progress: &(dyn Fn(&Progress) + Sync),
    ) -> Result<Finding, CheckError> {
        let world = Arc::new(World::<E, N>::new(self.plan(setup)));
        let limits = &Limits {
            about: self.about(setup),
            keep: limits.keep.as_ref().map(|keep| Keep {
                dir: keep.dir.join(self.card.id),
                resume: keep.resume,
            }),
            ..limits.clone()
        };
        let o = check::explore(engine, &world, limits, progress)?;
        let story = matches!(o.end, End::Violated { .. }).then(|| tell(&world, &o.trace));
        Ok(Finding {
            end: o.end,
            unique: o.unique,
            represented: o.represented,
            reduction: o.reduction,
            successors: o.successors,
            depth: o.depth,
            elapsed: o.elapsed,
            peak_memory: o.peak_memory,
            bound_hit: o.bound_hit,
            collision_probability: o.collision_probability,
            covered: world.coverage.snapshot(),
            story,
        })
    }

    fn walk<const N: usize>(
        &self,
        setup: &Setup,
        start: usize,
        actions: &[(usize, String)],
        again_from: Option<usize>,
    ) -> Result<Story, Malformed> {
        let world = World::<E, N>::new(self.plan(setup));
        let initial = world.initial_states();
        let Some(first) = initial.get(start) else {
            let why = format!(
                "there is no initial state {start}; the model has changed since this file was written"
            );
            return Err(Malformed {
                line: actions.first().map_or(1, |a| a.0),
                why,
            });
        };
        let mut lasso = Lasso {
            states: vec![*first],
            steps: Vec::new(),
            again_from: again_from.unwrap_or(actions.len()),
        };
        let mut here = *first;
        let mut taken = Vec::new();
        for (line, words) in actions {
            // A run that repeats itself has steps in vain; others have none.
            let found = world
                .step_in_words(&here, words, setup.liveness)
                .and_then(|n| Some((n, world.nth_step(&here, n)?)));
            let Some((n, (action, next))) = found else {
                let why = if here.faults() & world.plan.judged != 0 {
                    "nothing follows a violation; the model has changed since this file was written"
                        .to_owned()
                } else {
                    format!(
                        "not possible here: `{words}`; the model has changed since this file was written"
                    )
                };
                return Err(Malformed { line: *line, why });
            };
            here = next;
            lasso.states.push(next);
            lasso.steps.push(n);
            taken.push(action);
        }
        if again_from.is_some_and(|n| n < actions.len()) && !liveness::is_fair(&world, &lasso) {
            let why = "this run does not repeat itself fairly any more; the model has changed since this file was written";
            return Err(Malformed {
                line: actions.last().map_or(1, |a| a.0),
                why: why.to_owned(),
            });
        }
        let mut story = tell_along(&world, &lasso.states, &taken);
        story.again_from = again_from;
        Ok(story)
    }

    fn serve<const N: usize>(&self, setup: &Setup, at: SocketAddr) {
        // Returns only when the server does.
        let _ = World::<E, N>::new(self.plan(setup)).checker().serve(at);
    }
}

/// A run that goes on for ever, told.
fn told<E: Endpoint, const N: usize>(
    world: &World<E, N>,
    lasso: &Lasso<State<E::Image, N>>,
) -> Story {
    let actions: Vec<Action> = lasso
        .states
        .iter()
        .zip(&lasso.steps)
        .map_while(|(s, n)| world.nth_step(s, *n).map(|(action, _)| action))
        .collect();
    let mut story = tell_along(world, &lasso.states, &actions);
    story.again_from = Some(lasso.again_from);
    story
}

impl<E: Endpoint> Subject for Worlds<E> {
    fn card(&self) -> &Card {
        &self.card
    }

    fn bounds(&self, setup: &Setup) -> Vec<(String, String)> {
        bounds::of(&self.plan(setup), self.facts, self.room(setup))
    }

    fn rules(&self, setup: &Setup) -> RuleSet {
        self.plan(setup).rules
    }

    fn judged(&self, setup: &Setup) -> u32 {
        self.plan(setup).judged
    }

    fn check(
        &self,
        setup: &Setup,
        engine: Engine,
        limits: &Limits,
        progress: &(dyn Fn(&Progress) + Sync),
    ) -> Result<Finding, CheckError> {
        let mut limits = limits.clone();
        // Stateright has fingerprints of its own width.
        if setup.size == Size::Deep && engine == Engine::Timely {
            limits.width = Width::Bits128;
        }
        if self.is_roomy(setup) {
            self.run::<DEEP_ROOM>(setup, engine, &limits, progress)
        } else {
            self.run::<ROOM>(setup, engine, &limits, progress)
        }
    }

    fn replay(
        &self,
        setup: &Setup,
        start: usize,
        actions: &[(usize, String)],
        again_from: Option<usize>,
    ) -> Result<Story, Malformed> {
        if self.is_roomy(setup) {
            self.walk::<DEEP_ROOM>(setup, start, actions, again_from)
        } else {
            self.walk::<ROOM>(setup, start, actions, again_from)
        }
    }

    fn decide(
        &self,
        setup: &Setup,
        limits: &Limits,
        progress: &(dyn Fn(&Progress) + Sync),
    ) -> Result<Progressed, LivenessError> {
        if self.is_roomy(setup) {
            self.progress::<DEEP_ROOM>(setup, limits, progress)
        } else {
            self.progress::<ROOM>(setup, limits, progress)
        }
    }

    fn explore(&self, setup: &Setup, at: SocketAddr) {
        if self.is_roomy(setup) {
            self.serve::<DEEP_ROOM>(setup, at)
        } else {
            self.serve::<ROOM>(setup, at)
        }
    }
}
