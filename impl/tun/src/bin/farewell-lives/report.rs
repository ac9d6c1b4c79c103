//! What came of it: the table of cells, what the link did, what is left.

use std::collections::BTreeMap;
use std::fmt::Write;

use farewell::State;
use farewell::tuple::Tuple;
use farewell_tun::capture::Host;
use farewell_tun::link::{Counts, Crossed};

use crate::life::Outcome;
use crate::plan::{Cell, Kind, Plan, Way, name};

/// A life that went wrong.
pub(crate) struct Failure {
    pub(crate) index: usize,
    pub(crate) cell: Cell,
    pub(crate) tuple: Tuple,
    pub(crate) why: String,
    pub(crate) progress: String,
    pub(crate) states: String,
    pub(crate) story: Vec<String>,
}

/// Failures that are told at length.
const TOLD: usize = 5;

/// Of a cell.
#[derive(Clone, Copy, Default)]
struct Tally {
    lives: u64,
    reopened: u64,
    refused: u64,
    early: u64,
    /// Lives in which what the way wants at once was under way at once.
    crossed: u64,
    faults: Counts,
}

/// Of all.
#[derive(Default)]
pub(crate) struct Report {
    cells: BTreeMap<Cell, Tally>,
    incarnations: u64,
    bytes: [u64; 2],
    v6: u64,
    failures: Vec<Failure>,
    strange: Vec<String>,
}

impl Report {
    /// A life is over.
    pub(crate) fn count(
        &mut self,
        plan: &Plan,
        outcome: &Outcome,
        faults: &Counts,
        crossed: Crossed,
    ) {
        let tally = self.cells.entry(plan.cell).or_default();
        tally.lives += 1;
        tally.reopened += u64::from(outcome.reopened);
        tally.refused += u64::from(outcome.refused);
        tally.early += u64::from(outcome.early);
        tally.crossed += u64::from(plan.cell.way.crossing(crossed).unwrap_or(false));
        tally.faults.add(faults);
        self.incarnations += outcome.incarnations;
        self.v6 += u64::from(plan.v6);
        for (sum, bytes) in self.bytes.iter_mut().zip(outcome.bytes) {
            *sum += bytes;
        }
    }

    /// A life went wrong.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// Something else went wrong.
    pub(crate) fn strange(&mut self, what: String) {
        self.strange.push(what);
    }

    /// Whether all is well.
    pub(crate) fn is_well(&self) -> bool {
        self.failures.is_empty() && self.strange.is_empty()
    }

    /// What every run must have met, if it had a life for each cell: lives, in each of "at once" one in which both hosts'
    /// segments crossed, faults of every kind, TIME_WAITs reopened.
    pub(crate) fn require_coverage(&mut self) {
        for n in 0..Cell::COUNT {
            let cell = Cell::of(n);
            let tally = self.cells.get(&cell).copied().unwrap_or_default();
            if tally.lives == 0 {
                self.strange.push(format!("no life: {cell}"));
            } else if cell.way.crossing(Crossed::default()).is_some() && tally.crossed == 0 {
                let lives = tally.lives;
                self.strange
                    .push(format!("nothing crossed in {lives} lives: {cell}"));
            }
        }
        for kind in Kind::ALL {
            let sum = self.sum(|c| c.kind == kind);
            let f = sum.faults;
            let is_there = match kind {
                Kind::None => f.faults() == 0,
                Kind::Loss => f.lost > 0,
                Kind::Duplication => f.duplicated > 0,
                Kind::Reordering => f.reordered > 0,
                Kind::Delay => f.delayed > 0,
                Kind::All => [f.lost, f.duplicated, f.reordered, f.delayed]
                    .iter()
                    .all(|n| *n > 0),
            };
            if !is_there {
                let what = format!("faults \"{}\": the link did {f:?}", kind.name());
                self.strange.push(what);
            }
        }
        for first in [Host::Kernel, Host::Farewell] {
            for way in [Way::ReopenedByPeer, Way::ReopenedByItself] {
                let sum = self.sum(|c| c.way == way && c.first == first);
                // The engine does not reopen its own TIME_WAIT (RFC 9293 MAY-2 is for SYNs received): it must refuse.
                let met = match (way, first) {
                    (Way::ReopenedByItself, Host::Farewell) => sum.refused,
                    _ => sum.reopened,
                };
                if met == 0 {
                    let who = name(first);
                    self.strange
                        .push(format!("no TIME_WAIT of {who} was {way}"));
                }
            }
        }
    }

    fn sum(&self, of: impl Fn(&Cell) -> bool) -> Tally {
        let mut sum = Tally::default();
        for (_, t) in self.cells.iter().filter(|(cell, _)| of(cell)) {
            sum.lives += t.lives;
            sum.reopened += t.reopened;
            sum.refused += t.refused;
            sum.early += t.early;
            sum.crossed += t.crossed;
            sum.faults.add(&t.faults);
        }
        sum
    }

    /// Lives of each cell, and how many faults they met.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{:<24}{:<10}", "lives/faults", "first");
        for kind in Kind::ALL {
            let _ = write!(text, "{:>13}", kind.name());
        }
        for way in Way::ALL {
            for first in [Host::Kernel, Host::Farewell] {
                let _ = write!(text, "\n{way:<24}{:<10}", name(first));
                for kind in Kind::ALL {
                    let cell = Cell { way, first, kind };
                    let t = self.cells.get(&cell).copied().unwrap_or_default();
                    let _ = write!(text, "{:>13}", format!("{}/{}", t.lives, t.faults.faults()));
                }
            }
        }
        text
    }

    /// The sums.
    pub(crate) fn sums(&self) -> String {
        let all = self.sum(|_| true);
        let f = all.faults;
        let by = |way, first| self.sum(|c: &Cell| c.way == way && c.first == first);
        let peer = [Host::Kernel, Host::Farewell].map(|h| by(Way::ReopenedByPeer, h).reopened);
        let (kernel, ours) = (
            by(Way::ReopenedByItself, Host::Kernel).reopened,
            by(Way::ReopenedByItself, Host::Farewell).refused,
        );
        let early = self.sum(|c| c.way == Way::ReopenedByItself).early;
        let faulty = self.sum(|c| c.kind != Kind::None).lives;
        let mut text = format!(
            "{} lives ({faulty} with faults, {} over IPv6), {} connections; {} bytes read by the kernel's users, {} by farewell's\n",
            all.lives, self.v6, self.incarnations, self.bytes[0], self.bytes[1]
        );
        let _ = writeln!(
            text,
            "{} packets: {} lost, {} twice, {} overtaken, {} late",
            f.packets, f.lost, f.duplicated, f.reordered, f.delayed
        );
        let [open, close] = [Way::OpenAtOnce, Way::CloseAtOnce].map(|w| self.sum(|c| c.way == w));
        let _ = writeln!(
            text,
            "crossed on the link: both SYNs in {} of {} lives that opened at once, both FINs in {} of {} that closed at once",
            open.crossed, open.lives, close.crossed, close.lives
        );
        let _ = write!(
            text,
            "TIME_WAIT reopened by the peer: {} of the kernel's, {} of farewell's; by itself: {kernel} of the kernel's, and {early} while still in FIN_WAIT_2; {ours} refused by farewell until over",
            peer[0], peer[1]
        );
        text
    }

    /// What went wrong, the first at length.
    pub(crate) fn failures(&self, seed: u64) -> String {
        let mut text = String::new();
        for (n, f) in self.failures.iter().enumerate() {
            let _ = writeln!(
                text,
                "life {} (seed {seed}): {}: {}",
                f.index, f.cell, f.why
            );
            if n >= TOLD {
                continue;
            }
            let _ = writeln!(
                text,
                "  {}\n  {}\n  states: {}",
                f.tuple, f.progress, f.states
            );
            for line in &f.story {
                let _ = writeln!(text, "  {line}");
            }
        }
        for what in &self.strange {
            let _ = writeln!(text, "{what}");
        }
        text
    }
}

/// The states in which a host was seen, by their names.
pub(crate) fn states(seen: &[bool; State::ALL.len()]) -> String {
    let names = State::ALL.into_iter().zip(seen);
    let names: Vec<_> = names.filter(|s| *s.1).map(|s| s.0.name()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of a life in each cell, as a run should be.
    fn whole(of: impl Fn(&Cell, &mut Outcome, &mut Counts) -> bool) -> Report {
        whole_but(of, |_| CROSSED)
    }

    const CROSSED: Crossed = Crossed {
        syns: true,
        fins: true,
    };

    fn whole_but(
        of: impl Fn(&Cell, &mut Outcome, &mut Counts) -> bool,
        crossed: impl Fn(&Cell) -> Crossed,
    ) -> Report {
        let mut report = Report::default();
        for n in 0..Cell::COUNT {
            let plan = Plan::new(1, n);
            let does = plan.cell.kind.faults();
            let mut counts = Counts {
                packets: 50,
                lost: does.lose.into(),
                duplicated: does.duplicate.into(),
                reordered: does.reorder.into(),
                delayed: does.delay.into(),
            };
            let mut outcome = Outcome {
                reopened: plan.cell.way.incarnations() > 1,
                refused: plan.cell.way == Way::ReopenedByItself,
                ..Outcome::default()
            };
            if of(&plan.cell, &mut outcome, &mut counts) {
                report.count(&plan, &outcome, &counts, crossed(&plan.cell));
            }
        }
        report.require_coverage();
        report
    }

    #[test]
    fn a_whole_run_is_well() {
        let report = whole(|_, _, _| true);
        assert!(report.is_well(), "{}", report.failures(1));
    }

    #[test]
    fn an_empty_cell_is_not_well() {
        let empty = Cell::of(77);
        let report = whole(|cell, _, _| *cell != empty);
        assert_eq!(report.failures(1), format!("no life: {empty}\n"));
    }

    /// A link that puts all in order, or does any other thing not at all, or something where it should do nothing.
    #[test]
    fn a_link_in_our_favour_is_not_well() {
        type Change = fn(&mut Counts);
        let kind: [(Change, Kind); 4] = [
            (|c| c.lost = 0, Kind::Loss),
            (|c| c.duplicated = 0, Kind::Duplication),
            (|c| c.reordered = 0, Kind::Reordering),
            (|c| c.delayed = 0, Kind::Delay),
        ];
        for (change, kind) in kind {
            let report = whole(|_, _, counts| {
                change(counts);
                true
            });
            let told = report.failures(1);
            let lines: Vec<&str> = told.lines().collect();
            assert_eq!(lines.len(), 2, "{told}"); // of the kind, and of "all"
            let named = format!("faults \"{}\": the link did", kind.name());
            assert!(lines[0].starts_with(&named), "{told}");
        }
        let report = whole(|cell, _, counts| {
            counts.lost += u64::from(cell.kind == Kind::None);
            true
        });
        assert!(!report.is_well());
    }

    /// "At once" that was one after the other, whatever else crossed.
    #[test]
    fn a_cell_in_which_nothing_crossed_is_not_well() {
        let none = Crossed::default();
        let [syns, fins] = [true, false].map(|syns| Crossed { syns, fins: !syns });
        for (way, crossed) in [
            (Way::OpenAtOnce, none),
            (Way::OpenAtOnce, fins),
            (Way::CloseAtOnce, none),
            (Way::CloseAtOnce, syns),
        ] {
            let is_it = |c: &Cell| (c.way, c.first, c.kind) == (way, Host::Farewell, Kind::Loss);
            let of = |c: &Cell| if is_it(c) { crossed } else { CROSSED };
            let told = whole_but(|_, _, _| true, of).failures(1);
            let cell = format!("{way}, farewell first, faults: loss");
            assert_eq!(told, format!("nothing crossed in 1 lives: {cell}\n"));
        }
    }

    #[test]
    fn time_wait_must_have_been_met() {
        for (way, first) in [
            (Way::ReopenedByPeer, Host::Kernel),
            (Way::ReopenedByPeer, Host::Farewell),
            (Way::ReopenedByItself, Host::Kernel),
            (Way::ReopenedByItself, Host::Farewell),
        ] {
            let report = whole(|cell, outcome, _| {
                if (cell.way, cell.first) == (way, first) {
                    (outcome.reopened, outcome.refused) = (false, false);
                }
                true
            });
            let told = report.failures(1);
            assert_eq!(told, format!("no TIME_WAIT of {} was {way}\n", name(first)));
        }
    }
}
