//! One question: is this TIME_WAIT enough for this cell? Answered by exploring its whole world, saturated.

use std::sync::Arc;

use super::cell::{Cell, Judged};
use super::pump::{self, Pump};
use crate::check::{self, CheckError, End, Engine, Limits, Progress, Width};
use crate::report::tell;
use crate::scenarios::Size;
use crate::spec::Spec;
use crate::world::{DEEP_ROOM, Plan, ROOM, World};

/// What to explore.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// The combination.
    pub cell: Cell,
    /// Gives MSL.
    pub size: Size,
    /// TIME_WAIT, in ticks.
    pub time_wait: u8,
    /// What must hold.
    pub judged: Judged,
}

impl Question {
    /// The name by which every command knows its world (MSL apart): the cell's, what is judged, TIME_WAIT.
    pub fn name(&self) -> String {
        let Question {
            cell,
            size: _,
            time_wait,
            judged,
        } = self;
        format!("{}.{}.{time_wait}", cell.name(), judged.word())
    }

    /// The question of that name, at a size.
    pub fn named(name: &str, size: Size) -> Option<Question> {
        let mut words = name.split('.');
        let q = Question {
            cell: Cell::from_words(&mut words)?,
            judged: Judged::named(words.next()?)?,
            time_wait: words.next()?.parse().ok()?,
            size,
        };
        (words.next().is_none() && q.name() == name).then_some(q)
    }

    /// Its world.
    pub fn plan(&self) -> Plan<Spec> {
        Plan {
            judged: self.judged.faults(),
            ..self.cell.plan(self.size, self.time_wait)
        }
    }
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// Unique states; with a reduction those stored.
    pub states: u64,
    /// The deepest level.
    pub depth: u32,
    /// The shortest counterexample, if there is one.
    pub against: Option<Against>,
}

/// Why a TIME_WAIT is not enough: the shortest counterexample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Against {
    /// Which initial state it begins in.
    pub start: usize,
    /// What goes wrong, as bits of [`Fault`](crate::properties::Fault).
    pub faults: u32,
    /// Its actions, in words that name them.
    pub actions: Vec<String>,
    /// How the same counterexample runs out any longer TIME_WAIT, if it does.
    pub pump: Option<Pump>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The engine's own.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Memory, states or Ctrl-C.
    #[error("{}", match .0 { End::Interrupted => "interrupted", End::MemoryLimit => "memory limit", _ => "limit of states" })]
    Cut(End),
    /// Something did not fit the world, so that nothing is proved.
    #[error("a bound of the world was hit")]
    Bound,
}

/// Answers a question.
///
/// # Errors
///
/// When the whole world could not be explored.
pub fn probe(
    q: &Question,
    limits: &Limits,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Probe, ProbeError> {
    if q.size == Size::Deep {
        let limits = Limits {
            width: Width::Bits128,
            ..limits.clone()
        };
        return probe_in::<DEEP_ROOM>(q, &limits, progress);
    }
    match probe_in::<ROOM>(q, limits, progress) {
        // With text and nobody waiting there may be more in flight.
        Err(ProbeError::Bound) => probe_in::<DEEP_ROOM>(q, limits, progress),
        answer => answer,
    }
}

fn probe_in<const N: usize>(
    q: &Question,
    limits: &Limits,
    progress: &(dyn Fn(&Progress) + Sync),
) -> Result<Probe, ProbeError> {
    let world = Arc::new(World::<Spec, N>::new(q.plan()));
    let found = check::explore(Engine::Timely, &world, limits, progress)?;
    let against = match found.end {
        End::Exhausted if found.bound_hit => return Err(ProbeError::Bound),
        End::Exhausted => None,
        End::Violated { .. } => {
            let story = tell(&world, &found.trace);
            Some(Against {
                start: story.start,
                faults: story.faults,
                actions: story.moments.into_iter().map(|m| m.action).collect(),
                pump: pump::of(q, &world, &found.trace),
            })
        }
        cut => return Err(ProbeError::Cut(cut)),
    };
    Ok(Probe {
        states: found.unique,
        depth: found.depth,
        against,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::Bytes;

    #[test]
    fn a_question_has_one_name() {
        let q = Question {
            cell: Cell::all(Bytes::None).nth(300).expect("there are more"),
            size: Size::Standard,
            time_wait: 17,
            judged: Judged::All,
        };
        assert_eq!(Question::named(&q.name(), Size::Standard), Some(q));
        for no in [
            q.cell.name(),
            format!("{}.all.017", q.cell.name()),
            format!("{}.all.256", q.cell.name()),
            format!("{}.some.17", q.cell.name()),
            format!("{}.", q.name()),
        ] {
            assert_eq!(Question::named(&no, Size::Standard), None, "{no}");
        }
    }
}
