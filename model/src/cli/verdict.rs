//! What a finding means, held against what the scenario declares.

use super::Status;
use super::registry::{Card, Finding};
use crate::check::End;
use crate::properties;
use crate::scenarios::Expect;

/// What is held against a finding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    /// The scenario's declaration: rules and properties are its own.
    pub(super) declaration: bool,
    /// Its goals: rules are its own.
    pub(super) goals: bool,
}

/// The verdict on one scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The whole space was explored, and nothing is wrong.
    Verified,
    /// Violated, as the scenario declares.
    AsDeclared,
    /// Violated: these properties.
    Violated(Vec<&'static str>),
    /// The whole space was explored and the violation that the scenario declares is not in it.
    Missing(&'static str),
    /// Verified, but these goals were never reached.
    Unreached(Vec<&'static str>),
    /// Ended before there was a verdict.
    Bound(&'static str),
}

impl Verdict {
    pub(super) fn of(card: &Card, f: &Finding, held: Held) -> Verdict {
        match f.end {
            End::Violated { violations } => {
                let ids: Vec<_> = properties::violated(violations).map(|p| p.id).collect();
                match card.expects {
                    Expect::Violated(fault, _)
                        if held.declaration && violations & fault.bit() != 0 =>
                    {
                        Verdict::AsDeclared
                    }
                    _ => Verdict::Violated(ids),
                }
            }
            End::MemoryLimit => Verdict::Bound("memory limit"),
            End::StateLimit => Verdict::Bound("limit of states"),
            End::Interrupted => Verdict::Bound("interrupted"),
            End::Exhausted if f.bound_hit => Verdict::Bound("bound of the world hit"),
            End::Exhausted => match card.expects {
                Expect::Violated(fault, _) if held.declaration => {
                    Verdict::Missing(fault.property().id)
                }
                _ => {
                    let missed = card
                        .goals
                        .iter()
                        .filter(|g| held.goals && !f.covered.reaches(**g));
                    let missed: Vec<_> = missed.map(|g| g.text()).collect();
                    if missed.is_empty() {
                        Verdict::Verified
                    } else {
                        Verdict::Unreached(missed)
                    }
                }
            },
        }
    }

    pub(super) fn status(&self) -> Status {
        match self {
            Verdict::Verified | Verdict::AsDeclared => Status::Fine,
            Verdict::Violated(_) | Verdict::Missing(_) | Verdict::Unreached(_) => Status::Violated,
            Verdict::Bound(_) => Status::Bound,
        }
    }

    /// As it stands in a table.
    pub(super) fn cell(&self, card: &Card) -> String {
        match self {
            Verdict::Verified if card.late_resets.is_some() => "verified, late resets apart".into(),
            Verdict::Verified => "verified".into(),
            Verdict::AsDeclared => "violated, as it must be".into(),
            Verdict::Violated(ids) if ids.len() > 2 => {
                format!("VIOLATED: {} properties", ids.len())
            }
            Verdict::Violated(ids) => format!("VIOLATED: {}", ids.join(", ")),
            Verdict::Missing(_) => "NOT VIOLATED, but must be".into(),
            Verdict::Unreached(_) => "GOAL NOT REACHED".into(),
            Verdict::Bound(_) => "no violation within the bound".into(),
        }
    }

    /// A stable word for machines.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Verdict::Verified => "verified",
            Verdict::AsDeclared => "violated-as-declared",
            Verdict::Violated(_) => "violated",
            Verdict::Missing(_) => "declared-violation-missing",
            Verdict::Unreached(_) => "goals-unreached",
            Verdict::Bound(_) => "no-violation-within-bound",
        }
    }

    /// What there is to add, in a sentence.
    pub(super) fn sentence(&self, card: &Card, f: &Finding) -> Option<String> {
        let id = card.id;
        let steps = f.story.as_ref().map_or(0, |s| s.moments.len());
        match self {
            Verdict::Verified => None,
            Verdict::AsDeclared => {
                let Expect::Violated(fault, why) = card.expects else {
                    return None;
                };
                Some(format!(
                    "{id}: violated, as it must be: {why} (property {}, {steps} steps)",
                    fault.property().id
                ))
            }
            Verdict::Violated(ids) => Some(format!(
                "{id}: property {} is violated in {steps} steps",
                ids.join(", ")
            )),
            Verdict::Missing(p) => Some(format!(
                "{id} declares a violation of property {p}, and there is none"
            )),
            Verdict::Unreached(goals) => Some(format!("{id}: never reached: {}", goals.join("; "))),
            Verdict::Bound(why) if f.bound_hit => Some(format!(
                "{id}: no violation within the bound ({why}); explored to depth {}, without what did not fit",
                f.depth
            )),
            Verdict::Bound(why) => Some(format!(
                "{id}: no violation within the bound ({why}); explored to depth {}",
                f.depth
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Reduction;
    use crate::properties::Fault;
    use crate::world::{Covered, Goal};
    use std::time::Duration;

    const ALL: Held = Held {
        declaration: true,
        goals: true,
    };

    fn card(expects: Expect) -> Card {
        Card {
            id: "x",
            shows: "",
            expects,
            goals: &[Goal::Finished],
            special: 0,
            late_resets: None,
            ends: None,
        }
    }

    fn finding(end: End, goals: u64) -> Finding {
        Finding {
            end,
            unique: 1,
            represented: 1,
            reduction: Reduction::None,
            successors: 1,
            depth: 1,
            elapsed: Duration::ZERO,
            peak_memory: 0,
            bound_hit: false,
            collision_probability: 0.0,
            covered: Covered {
                goals,
                ..Covered::default()
            },
            story: None,
        }
    }

    #[test]
    fn a_clean_run_is_verified_only_if_whole_and_its_goals_reached() {
        let c = card(Expect::Verified);
        assert_eq!(
            Verdict::of(&c, &finding(End::Exhausted, 1), ALL),
            Verdict::Verified
        );
        assert_eq!(
            Verdict::of(&c, &finding(End::Exhausted, 0), ALL).status(),
            Status::Violated
        );
        assert_eq!(
            Verdict::of(
                &c,
                &finding(End::Exhausted, 0),
                Held {
                    goals: false,
                    ..ALL
                }
            ),
            Verdict::Verified
        );
        let hit = Finding {
            bound_hit: true,
            ..finding(End::Exhausted, 1)
        };
        assert_eq!(Verdict::of(&c, &hit, ALL).status(), Status::Bound);
        for end in [End::MemoryLimit, End::StateLimit, End::Interrupted] {
            assert_eq!(
                Verdict::of(&c, &finding(end, 1), ALL).status(),
                Status::Bound
            );
        }
    }

    #[test]
    fn a_declared_violation_must_be_the_declared_one() {
        let c = card(Expect::Violated(Fault::Mixed, "because"));
        let violated = |f: Fault| {
            finding(
                End::Violated {
                    violations: f.bit(),
                },
                0,
            )
        };
        assert_eq!(
            Verdict::of(&c, &violated(Fault::Mixed), ALL),
            Verdict::AsDeclared
        );
        assert_eq!(
            Verdict::of(&c, &violated(Fault::RstAnswered), ALL),
            Verdict::Violated(vec!["machine"])
        );
        assert_eq!(
            Verdict::of(&c, &finding(End::Exhausted, 1), ALL),
            Verdict::Missing("stream")
        );
        let free = Held {
            declaration: false,
            goals: false,
        };
        assert_eq!(
            Verdict::of(&c, &violated(Fault::Mixed), free).status(),
            Status::Violated
        );
        assert_eq!(
            Verdict::of(&c, &finding(End::Exhausted, 0), free),
            Verdict::Verified
        );
    }

    #[test]
    fn a_violation_comes_before_a_bound() {
        assert_eq!(Status::Bound.and(Status::Violated), Status::Violated);
        assert_eq!(Status::Violated.and(Status::Bound), Status::Violated);
        assert_eq!(Status::Fine.and(Status::Bound), Status::Bound);
    }
}
