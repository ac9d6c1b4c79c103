//! `farewell frontier`: the least TIME_WAIT that keeps every property.

mod table;

use std::collections::HashMap;

use super::args::{self, Format};
use super::output::Out;
use super::registry::Setup;
use super::session::Session;
use super::{Failure, Status, counterexample};
use crate::check::Reduction;
use crate::frontier::cell::AXES;
use crate::frontier::probe::{Against, probe};
use crate::frontier::search::Answer;
use crate::frontier::{
    Bytes, Cache, Cell, Judged, Least, Pinned, Probe, ProbeError, Question, least, pinned,
};
use crate::report::saved::Saved;
use crate::rules::{Profile, RuleSet};
use crate::scenarios::Size;

/// Beyond so many MSL a value is not looked for.
const MOST_IN_MSL: u8 = 10;

/// What became of one cell at one MSL.
struct Row {
    cell: Cell,
    size: Size,
    /// For what is judged, in the order of [`Judged::ALL`].
    decided: [Decided; 2],
}

impl Row {
    /// Where it is not as pinned, in words.
    fn differs(&self) -> Vec<String> {
        let msl = self.size.msl();
        Judged::ALL
            .iter()
            .zip(&self.decided)
            .filter_map(|(&judged, d)| {
                let pinned = pinned::of(self.cell, judged, msl);
                let found = *d.least.as_ref().ok()?;
                (!pinned.is(found, msl)).then(|| {
                    format!(
                        "{}, {}, MSL {msl}: {found:?}, pinned is {}",
                        self.cell.name(),
                        judged.word(),
                        pinned.text()
                    )
                })
            })
            .collect()
    }
}

/// The least TIME_WAIT for one cell, MSL and judgement.
#[derive(Clone)]
struct Decided {
    /// None if it could not be decided, for this reason.
    least: Result<Least, String>,
    /// States of the largest world that was explored whole.
    states: u64,
    /// The counterexample one tick below (or the one that can be pumped), with its TIME_WAIT.
    against: Option<(u8, Against)>,
    /// Where it was saved.
    saved: Option<String>,
}

/// Answers questions, from what is known or by exploring.
struct Asker<'a> {
    args: &'a args::Frontier,
    session: &'a Session,
    cache: Cache,
    explored: u64,
    states: u64,
    /// Which cell it is at, of so many.
    at: usize,
    of: usize,
}

/// Why a search ends without a result.
enum Stop {
    /// For everybody: Ctrl-C, or the file cannot be written.
    All(Option<Failure>),
    /// For this cell: a bound or the budget.
    This(String),
}

impl Asker<'_> {
    fn ask(&mut self, q: &Question) -> Result<Probe, Stop> {
        if let Some(known) = self.cache.get(q) {
            return Ok(known.clone());
        }
        // Where the stronger property holds the weaker does, so one exploration tells both. (What is pinned only says where it
        // pays to try.)
        let stronger = Question {
            judged: Judged::All,
            ..*q
        };
        if q.judged == Judged::Data
            && pinned::of(q.cell, Judged::All, q.size.msl()) != Pinned::Never
        {
            let found = self.ask(&stronger)?;
            if found.against.is_none() {
                return Ok(found);
            }
        }
        if self.session.is_interrupted() {
            return Err(Stop::All(None));
        }
        let found = self
            .session
            .watched(&q.name(), self.at, self.of, |progress| {
                probe(q, &self.session.limits, progress)
            });
        let found = found.map_err(|e| match e {
            ProbeError::Cut(crate::check::End::Interrupted) => Stop::All(None),
            e => Stop::This(e.to_string()),
        })?;
        self.explored += 1;
        self.states += found.states;
        self.cache
            .put(q, found.clone())
            .map_err(|e| Stop::All(Some(Failure::no_verdict(e.to_string()))))?;
        Ok(found)
    }
}

pub(super) fn run(a: &args::Frontier, out: &mut Out) -> Result<Status, Failure> {
    let cells = chosen(&a.only, a.bytes.into())?;
    let mut sizes: Vec<Size> = a.msl.iter().filter_map(|m| size_of(*m)).collect();
    sizes.sort_by_key(|s| s.msl());
    sizes.dedup();
    if a.budget.engine != args::Engine::Timely {
        return Err(Failure::usage(
            "stateright's checker explores every state, which is too many here: leave out --engine (one cell: farewell check frontier.… --engine stateright)"
                .to_owned(),
        ));
    }
    let cache = Cache::in_dir(&a.cache).map_err(|e| Failure::usage(e.to_string()))?;
    // A verdict and a shortest counterexample are all that is asked for.
    let session = Session::new(&a.budget, a.format)?.reduced(Reduction::All);
    let of = sizes.len() * cells.len();
    let mut asker = Asker {
        args: a,
        session: &session,
        cache,
        explored: 0,
        states: 0,
        at: 0,
        of,
    };
    let mut rows: Vec<Row> = Vec::new();
    let mut failure: Option<Failure> = None;
    'all: for &size in &sizes {
        for &cell in &cells {
            let near = rows.last().filter(|r| r.size == size);
            asker.at = rows.len() + 1;
            match decide(cell, near, size, &mut asker) {
                Ok(row) => rows.push(row),
                Err(why) => {
                    failure = why;
                    break 'all;
                }
            }
        }
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    let undecided = rows
        .iter()
        .flat_map(|r| &r.decided)
        .any(|d| !matches!(d.least, Ok(Least::Is(_) | Least::Never { .. })));
    let mut status = Status::Fine;
    if rows.len() < of || undecided {
        status = Status::Bound;
    }
    if rows.iter().any(|r| !r.differs().is_empty()) {
        status = status.and(Status::Violated);
    }
    match a.format {
        Format::Text => {
            table::print(&rows, &sizes, a.every, out);
            table::foot(&rows, of, &asker, out);
        }
        Format::Json => out.json(&table::json(&rows, status)),
    }
    Ok(status)
}

/// The cells with all of these words.
fn chosen(only: &[String], bytes: Bytes) -> Result<Vec<Cell>, Failure> {
    let known = |w: &str| AXES.iter().any(|(_, words)| words.contains(&w));
    if let Some(w) = only.iter().find(|w| !known(w)) {
        let axes: Vec<String> = AXES.iter().map(|(_, words)| words.join(", ")).collect();
        return Err(Failure::usage(format!(
            "`{w}` is no value of an axis: there are {}",
            axes.join("; ")
        )));
    }
    // Several values of one axis: any of them.
    let wanted = |c: &Cell| {
        c.place().iter().zip(AXES).all(|(n, (_, words))| {
            let mut asked = only
                .iter()
                .filter(|w| words.contains(&w.as_str()))
                .peekable();
            asked.peek().is_none() || asked.any(|w| w == words[*n])
        })
    };
    Ok(Cell::all(bytes).filter(wanted).collect())
}

fn size_of(msl: u8) -> Option<Size> {
    Size::ALL.into_iter().find(|s| s.msl() == msl)
}

/// Decides one cell at one MSL; an error ends the command, with a failure or (Ctrl-C) with what there is.
fn decide(
    cell: Cell,
    near: Option<&Row>,
    size: Size,
    asker: &mut Asker<'_>,
) -> Result<Row, Option<Failure>> {
    let mut decided: Vec<Decided> = Vec::new();
    for &judged in Judged::ALL {
        let before = decided.last().map(|d| &d.least);
        let q = Question {
            cell,
            size,
            time_wait: 0,
            judged,
        };
        let (floor, guess) = match before {
            // What breaks the weaker property breaks the stronger.
            Some(Ok(Least::Is(n))) => (*n, *n),
            Some(Ok(Least::Never { .. })) => {
                decided.extend(decided.last().cloned());
                continue;
            }
            _ => (0, guess(&q, near, &asker.cache)),
        };
        decided.push(search(q, floor, guess, asker)?);
    }
    match <[Decided; 2]>::try_from(decided) {
        Ok(decided) => Ok(Row {
            cell,
            size,
            decided,
        }),
        Err(_) => Err(None),
    }
}

fn search(
    q: Question,
    floor: u8,
    guess: u8,
    asker: &mut Asker<'_>,
) -> Result<Decided, Option<Failure>> {
    let most = MOST_IN_MSL * q.size.msl() + 1;
    let mut states = 0;
    let mut against: HashMap<u8, Against> = HashMap::new();
    let found = least(floor, guess, most, |time_wait| {
        let found = asker.ask(&Question { time_wait, ..q })?;
        Ok(match found.against {
            None => {
                states = states.max(found.states);
                Answer::Enough
            }
            Some(a) => {
                let pumped = a.pump.is_some();
                against.insert(time_wait, a);
                Answer::NotEnough { pumped }
            }
        })
    });
    let least = match found {
        Ok(least) => Ok(least),
        Err(Stop::All(failure)) => return Err(failure),
        Err(Stop::This(why)) => Err(why),
    };
    let shown = match &least {
        Ok(Least::Is(n)) => n.checked_sub(1),
        Ok(Least::Never { at } | Least::Above(at)) => Some(*at),
        Err(_) => None,
    };
    let against = shown.and_then(|n| Some((n, against.remove(&n)?)));
    let saved = against.as_ref().and_then(|(time_wait, found)| {
        save(
            &Question {
                time_wait: *time_wait,
                ..q
            },
            found,
            asker.args,
        )
    });
    Ok(Decided {
        least,
        states,
        against,
        saved,
    })
}

/// Where to look first: what the same cell came to without text or at a smaller MSL, else the cell before; else 2 MSL.
fn guess(q: &Question, near: Option<&Row>, cache: &Cache) -> u8 {
    let known = |q: Question| {
        let most = MOST_IN_MSL * q.size.msl() + 1;
        let look = |time_wait| {
            let found = cache.get(&Question { time_wait, ..q }).ok_or(())?;
            Ok::<_, ()>(match &found.against {
                None => Answer::Enough,
                Some(a) => Answer::NotEnough {
                    pumped: a.pump.is_some(),
                },
            })
        };
        (0..=most).find_map(|first| match least(0, first, most, look) {
            Ok(Least::Is(n)) => Some(n),
            _ => None,
        })
    };
    let msl = q.size.msl();
    let without_text = Question {
        cell: Cell {
            bytes: Bytes::None,
            ..q.cell
        },
        ..*q
    };
    let smaller = size_of(msl - 1).map(|size| Question { size, ..*q });
    let scaled = |n: u8, from: u8| if n == 0 { 0 } else { (n - 1) / from * msl + 1 };
    known(without_text)
        .or_else(|| Some(scaled(known(smaller?)?, msl - 1)))
        .or_else(|| match near?.decided[0].least {
            Ok(Least::Is(n)) => Some(n),
            _ => None,
        })
        .unwrap_or(2 * msl + 1)
}

fn save(q: &Question, found: &Against, a: &args::Frontier) -> Option<String> {
    let setup = Setup::of(q.size);
    let saved = Saved {
        scenario: q.name(),
        size: q.size,
        profile: Profile::default(),
        off: RuleSet::EMPTY,
        saturated: setup.saturated,
        property: None,
        faults: found.faults,
        start: found.start,
        again_from: None,
        actions: found.actions.iter().cloned().enumerate().collect(),
    };
    counterexample::save(&saved, &a.budget.save)
}
