//! The runs of the matrix: every scenario with every rule on, once, and each row without its rule.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::registry::{ComesTo, Finding, Registry, Setup, Subject};
use super::super::session::Session;
use super::super::{Failure, names};
use crate::ablation::{self, Cell, Matrix, Row, SAFE, SIZE, With};
use crate::check::End;
use crate::report::Story;
use crate::report::text::grouped;
use crate::rules::RuleSet;

/// A cell as it was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// What the property comes to; none if a bound, the budget or Ctrl-C ended a run before that was known.
    pub(super) cell: Option<Cell>,
    /// The story that shows it.
    pub(super) shown: Option<Shown>,
    /// Why there is no verdict.
    pub(super) cut: Option<String>,
}

/// A story, and the run it is from.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) scenario: &'static str,
    pub(super) setup: Setup,
    pub(super) story: Story,
}

impl Found {
    const NOTHING: Found = Found {
        cell: Some(Cell::Holds),
        shown: None,
        cut: None,
    };

    fn cut(why: String) -> Found {
        Found {
            cell: None,
            shown: None,
            cut: Some(why),
        }
    }

    /// What is known of several scenarios together: one without a verdict leaves none, since it might have a shorter story.
    fn and(self, other: Found) -> Found {
        match (self.cell, other.cell) {
            (None, _) => self,
            (_, None) => other,
            (Some(a), Some(b)) if a.or_shorter(b) == a => self,
            _ => other,
        }
    }
}

/// A scenario with every rule on, as it was found.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    pub(super) with: With,
    /// Unique states; none if a bound, the budget or Ctrl-C ended the run.
    pub(super) states: Option<u64>,
    /// Columns whose property does not hold there.
    pub(super) broken: Vec<usize>,
    /// Why there is no verdict.
    pub(super) cut: Option<String>,
}

impl Ground {
    /// What differs from what is pinned.
    pub(super) fn differs(&self) -> Option<String> {
        let id = self.with.scenario;
        if let Some(column) = self.broken.first() {
            let column = ablation::COLUMNS[*column];
            return Some(format!(
                "{id}: {column} does not hold even with every rule on"
            ));
        }
        let states = self.states.filter(|n| *n != self.with.states)?;
        Some(format!(
            "{id}: {} states with every rule on, pinned are {}",
            grouped(states),
            grouped(self.with.states)
        ))
    }
}

/// One decision about progress, or one row's or scenario's safety.
enum Job<'a> {
    Ends(&'a str, RuleSet),
    EndsWith(&'a With),
    Safe(&'a Row),
    SafeWith(&'a With),
}

/// What there is to run.
struct Jobs<'a> {
    safe: Vec<Job<'a>>,
    live: Vec<Job<'a>>,
}

impl<'a> Jobs<'a> {
    fn of(rows: &[&'a Row], with: &[&'a With]) -> Self {
        let (mut safe, mut live) = (Vec::new(), Vec::new());
        for w in with {
            if w.liveness {
                live.push(Job::EndsWith(w));
            } else {
                safe.push(Job::SafeWith(w));
            }
        }
        for r in rows {
            safe.push(Job::Safe(r));
            let off = r.off_anyway().with(r.rule);
            live.extend(r.liveness.iter().map(|id| Job::Ends(id, off)));
        }
        Jobs { safe, live }
    }
}

/// Where the results of a job go.
enum Done {
    Ends(Found),
    Ground(Ground),
    Row(Box<[Found; SAFE]>),
}

/// All that was found.
pub(super) struct Measured<'a> {
    pub(super) rows: Vec<(&'a Row, [Found; 5])>,
    pub(super) with: Vec<Ground>,
}

/// Makes all runs of these rows: safety on all threads but half of them, which meanwhile decide liveness.
pub(super) fn measure<'a>(
    rows: &[&'a Row],
    matrix: &'a Matrix,
    registry: &Registry,
    session: &Session,
) -> Result<Measured<'a>, Failure> {
    let needs = |w: &&With| {
        rows.iter().any(|r| {
            let list = if w.liveness { r.liveness } else { r.safety };
            r.behind == w.off && list.contains(&w.scenario)
        })
    };
    let with: Vec<&With> = matrix.with.iter().filter(needs).collect();
    let Jobs { safe, live } = Jobs::of(rows, &with);
    // Names are looked up before the long run.
    let named = with.iter().map(|w| w.scenario);
    let named = named.chain(
        rows.iter()
            .flat_map(|r| r.safety.iter().chain(r.liveness).copied()),
    );
    for id in named {
        names::scenario(registry, id)?;
    }
    let of = safe.len() + live.len();
    let at = AtomicUsize::new(0);
    let runs = Runs {
        registry,
        session,
        at: &at,
        of,
    };
    let threads = session.limits.threads.max(1);
    let beside = threads / 2;
    let next = AtomicUsize::new(0);
    let decided: Mutex<Vec<(usize, Done)>> = Mutex::new(Vec::new());
    let decide = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = live.get(n) else { break };
            let done = runs.run(job, 1);
            if let Ok(mut all) = decided.lock() {
                all.push((n, done));
            }
        }
    };
    let judged: Vec<Done> = std::thread::scope(|scope| {
        for _ in 0..beside {
            scope.spawn(decide);
        }
        let judged = safe
            .iter()
            .map(|job| runs.run(job, threads - beside))
            .collect();
        decide();
        judged
    });
    let mut decided = decided
        .into_inner()
        .map_err(|_| Failure::no_verdict("a thread that decided liveness panicked".to_owned()))?;
    decided.sort_by_key(|(n, _)| *n);
    let mut safe = judged.into_iter();
    let mut live = decided.into_iter().map(|(_, done)| done);
    Ok(together(rows, &with, &mut safe, &mut live))
}

/// Takes the results apart in the order in which the jobs were listed.
fn together<'a>(
    rows: &[&'a Row],
    with: &[&With],
    safe: &mut dyn Iterator<Item = Done>,
    live: &mut dyn Iterator<Item = Done>,
) -> Measured<'a> {
    let mut grounds = Vec::new();
    for w in with {
        let done = if w.liveness { live.next() } else { safe.next() };
        if let Some(Done::Ground(g)) = done {
            grounds.push(g);
        }
    }
    let mut found = Vec::new();
    for r in rows {
        let mut ends = Found::NOTHING;
        for (n, _) in r.liveness.iter().enumerate() {
            if let Some(Done::Ends(f)) = live.next() {
                ends = ends.and(placed(f, n));
            }
        }
        if let Some(Done::Row(safety)) = safe.next() {
            let [a, b, c, d] = *safety;
            found.push((*r, [a, b, c, d, ends]));
        }
    }
    Measured {
        rows: found,
        with: grounds,
    }
}

/// A decision knows nothing of the row's list of scenarios.
fn placed(f: Found, at: usize) -> Found {
    let cell = f.cell.map(|c| match c {
        Cell::Holds => Cell::Holds,
        Cell::Violated { steps, .. } => Cell::Violated { place: at, steps },
        Cell::NeverEnds { before, again, .. } => Cell::NeverEnds {
            place: at,
            before,
            again,
        },
        Cell::NotCleanly { steps, .. } => Cell::NotCleanly { place: at, steps },
    });
    Found { cell, ..f }
}

/// What all runs share.
struct Runs<'a> {
    registry: &'a Registry,
    session: &'a Session,
    at: &'a AtomicUsize,
    of: usize,
}

impl Runs<'_> {
    fn run(&self, job: &Job<'_>, threads: usize) -> Done {
        let at = self.at.fetch_add(1, Ordering::Relaxed) + 1;
        match job {
            Job::Ends(id, off) => Done::Ends(self.ends(id, *off, at).0),
            Job::EndsWith(w) => {
                let off = w.off.map_or(RuleSet::EMPTY, |r| RuleSet::EMPTY.with(r));
                let (found, states) = self.ends(w.scenario, off, at);
                Done::Ground(Ground {
                    with: **w,
                    states: found.cell.map(|_| states),
                    broken: match found.cell {
                        Some(Cell::Holds) | None => Vec::new(),
                        Some(_) => vec![SAFE],
                    },
                    cut: found.cut,
                })
            }
            Job::SafeWith(w) => Done::Ground(self.safe_with(w, at, threads)),
            Job::Safe(r) => Done::Row(Box::new(self.safe(r, at, threads))),
        }
    }

    /// Whether every fair run ends, and the states that were looked at.
    fn ends(&self, id: &str, off: RuleSet, at: usize) -> (Found, u64) {
        let Some(subject) = self.registry.named(id) else {
            return (Found::cut(format!("there is no scenario {id}")), 0);
        };
        let setup = Setup {
            off,
            ..Setup::of(SIZE)
        }
        .for_liveness();
        let p = match self.session.decide(subject, &setup, at, self.of) {
            Ok(p) => p,
            Err(e) => return (Found::cut(format!("{id}: {e}")), 0),
        };
        let place = 0;
        let (cell, story) = match p.comes_to {
            ComesTo::TheEnd => return (Found::NOTHING, p.states),
            ComesTo::NoEnd { user: Some(_), .. } => {
                let why = format!("{id}: an application never closes, which no rule prevents");
                return (Found::cut(why), p.states);
            }
            ComesTo::NoEnd { story, .. } => {
                let before = story.again_from.unwrap_or(story.moments.len());
                let cell = Cell::NeverEnds {
                    place,
                    before: before as u32,
                    again: (story.moments.len() - before) as u32,
                };
                (cell, story)
            }
            ComesTo::Unclean { story } => {
                let steps = story.moments.len() as u32;
                (Cell::NotCleanly { place, steps }, story)
            }
        };
        let shown = Shown {
            scenario: subject.card().id,
            setup,
            story,
        };
        let found = Found {
            cell: Some(cell),
            shown: Some(shown),
            cut: None,
        };
        (found, p.states)
    }

    /// All columns of safety at once: with every rule on none is violated.
    fn safe_with(&self, w: &With, at: usize, threads: usize) -> Ground {
        let mut ground = Ground {
            with: *w,
            states: None,
            broken: Vec::new(),
            cut: None,
        };
        let setup = Setup {
            judged: Some(ablation::judged()),
            off: w.off.map_or(RuleSet::EMPTY, |r| RuleSet::EMPTY.with(r)),
            ..Setup::of(SIZE)
        };
        let found = self
            .subject(w.scenario)
            .and_then(|s| self.explore(s, &setup, at, threads));
        match found {
            Err(why) => ground.cut = Some(why),
            Ok(f) => {
                ground.states = Some(f.unique);
                ground.broken = violated(&f, &[0, 1, 2, 3]);
            }
        }
        ground
    }

    /// A row's columns of safety: each judged alone where it is violated; where it holds, with others that hold.
    fn safe(&self, row: &Row, at: usize, threads: usize) -> [Found; SAFE] {
        let mut all = [const { Found::NOTHING }; SAFE];
        for (place, id) in row.safety.iter().enumerate() {
            let found = match self.subject(id) {
                Ok(subject) => self.safe_in(row, subject, place, at, threads),
                Err(why) => [const { None }; SAFE].map(|_: Option<()>| Found::cut(why.clone())),
            };
            for (here, there) in all.iter_mut().zip(found) {
                *here = std::mem::replace(here, Found::NOTHING).and(there);
            }
        }
        all
    }

    fn safe_in(
        &self,
        row: &Row,
        subject: &dyn Subject,
        place: usize,
        at: usize,
        threads: usize,
    ) -> [Found; SAFE] {
        let mut all = [const { Found::NOTHING }; SAFE];
        let mut open: Vec<usize> = (0..SAFE).collect();
        let alone = |columns: &[usize]| Setup {
            judged: Some(faults(columns)),
            off: row.off_anyway().with(row.rule),
            ..Setup::of(SIZE)
        };
        while !open.is_empty() {
            let found = match self.explore(subject, &alone(&open), at, threads) {
                Ok(f) => f,
                Err(why) => {
                    for column in open {
                        all[column] = Found::cut(why.clone());
                    }
                    break;
                }
            };
            let broken = violated(&found, &open);
            if broken.is_empty() {
                break;
            }
            for &column in &broken {
                let setup = alone(&[column]);
                let run = if open.len() == 1 {
                    Ok(found.clone())
                } else {
                    self.explore(subject, &setup, at, threads)
                };
                all[column] = match run.map(|f| f.story) {
                    Err(why) => Found::cut(why),
                    Ok(story) => shortest(story, place, subject.card().id, setup),
                };
            }
            open.retain(|column| !broken.contains(column));
        }
        all
    }

    fn subject(&self, id: &str) -> Result<&dyn Subject, String> {
        let named = self.registry.named(id);
        named.ok_or_else(|| format!("there is no scenario {id}"))
    }

    /// A run that came to a verdict, or why it did not.
    fn explore(
        &self,
        subject: &dyn Subject,
        setup: &Setup,
        at: usize,
        threads: usize,
    ) -> Result<Finding, String> {
        let id = subject.card().id;
        if self.session.is_interrupted() {
            return Err("interrupted".to_owned());
        }
        let f = self
            .session
            .explore_on(threads, subject, setup, at, self.of)
            .map_err(|e| format!("{id}: {e}"))?;
        match f.end {
            End::Exhausted if f.bound_hit => Err(format!(
                "{id}: a bound was hit, and what lies behind it is not known"
            )),
            End::Violated { .. } | End::Exhausted => Ok(f),
            End::MemoryLimit => Err(format!("{id}: the memory limit ended it (--memory-limit)")),
            End::StateLimit => Err(format!("{id}: the limit of states ended it")),
            End::Interrupted => Err("interrupted".to_owned()),
        }
    }
}

/// The cell of a run without the rule in which one property was judged.
fn shortest(story: Option<Story>, place: usize, scenario: &'static str, setup: Setup) -> Found {
    let Some(story) = story else {
        return Found::cut(format!(
            "{scenario}: violated beside others and not alone: a mistake of this program"
        ));
    };
    let steps = story.moments.len() as u32;
    Found {
        cell: Some(Cell::Violated { place, steps }),
        shown: Some(Shown {
            scenario,
            setup,
            story,
        }),
        cut: None,
    }
}

fn faults(columns: &[usize]) -> u32 {
    let all = columns.iter().filter_map(|c| ablation::property(*c));
    all.fold(0, |bits, p| bits | p.faults)
}

/// Which of these columns a run found violated.
fn violated(f: &Finding, columns: &[usize]) -> Vec<usize> {
    let End::Violated { violations } = f.end else {
        return Vec::new();
    };
    let is = |c: &usize| violations & faults(&[*c]) != 0;
    columns.iter().copied().filter(is).collect()
}
