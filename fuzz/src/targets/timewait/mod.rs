//! The table of TIME_WAITs against two plain lists, one for each family.
//!
//! The clock may go back, which the table documents: who is entered then ends after those before it.

mod script;

use std::rc::Rc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use farewell::Instant;
use farewell::seq::SeqNumber;
use farewell::timewait::{Counters, Full, Limits, Table, TimeWait};
use farewell::tuple::Tuple;

use super::case;
pub use script::{Op, Script, seeds};

/// Runs a script.
pub fn run(data: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let script = Rc::new(script);
    let shown = Rc::clone(&script);
    case::run(
        "timewait",
        data,
        move || format!("{shown:#?}"),
        || play(&script),
    );
}

/// One record of the lists.
type Entry = (Tuple, TimeWait, Instant);

/// What the table is compared with.
struct Naive {
    /// IPv4 and IPv6, each in the order in which they end.
    lists: [Vec<Entry>; 2],
    limits: [usize; 2],
    lasts: Duration,
    counters: Counters,
}

fn family(tuple: &Tuple) -> usize {
    match tuple {
        Tuple::V4(_) => 0,
        Tuple::V6(_) => 1,
    }
}

impl Naive {
    fn position(&self, tuple: &Tuple) -> Option<usize> {
        self.lists[family(tuple)].iter().position(|e| e.0 == *tuple)
    }

    fn take(&mut self, tuple: &Tuple) -> Option<Entry> {
        let at = self.position(tuple)?;
        Some(self.lists[family(tuple)].remove(at))
    }

    fn get(&self, tuple: &Tuple) -> Option<(&TimeWait, Instant)> {
        let at = self.position(tuple)?;
        let entry = &self.lists[family(tuple)][at];
        Some((&entry.1, entry.2))
    }

    fn enter(&mut self, tuple: Tuple, record: TimeWait, now: Instant) -> Result<(), Full> {
        let f = family(&tuple);
        if self.take(&tuple).is_some() {
            self.counters.restarted += 1;
        } else if self.lists[f].len() == self.limits[f] {
            self.counters.refused += 1;
            let limit = self.limits[f];
            return Err(Full { limit });
        } else {
            self.counters.entered += 1;
        }
        self.lists[f].push((tuple, record, now + self.lasts));
        Ok(())
    }

    fn restart(&mut self, tuple: &Tuple, now: Instant) -> bool {
        let Some((tuple, record, _)) = self.take(tuple) else {
            return false;
        };
        self.counters.restarted += 1;
        self.lists[family(&tuple)].push((tuple, record, now + self.lasts));
        true
    }

    fn remove(&mut self, tuple: &Tuple) -> Option<TimeWait> {
        let removed = self.take(tuple)?.1;
        self.counters.removed += 1;
        Some(removed)
    }

    /// All, in the order of their expiry: of the fronts the earlier one, IPv4 first.
    fn in_order(&self) -> Vec<Entry> {
        let [mut v4, mut v6] = self.lists.clone().map(|l| l.into_iter().peekable());
        let mut all = Vec::new();
        loop {
            let next = match (v4.peek(), v6.peek()) {
                (Some(a), Some(b)) if a.2 <= b.2 => v4.next(),
                (Some(_), None) => v4.next(),
                (_, Some(_)) => v6.next(),
                (None, None) => return all,
            };
            all.extend(next);
        }
    }

    fn expire(&mut self, now: Instant) -> Option<(Tuple, TimeWait)> {
        let first = self.in_order().first().filter(|e| e.2 <= now).copied()?;
        self.take(&first.0);
        self.counters.expired += 1;
        Some((first.0, first.1))
    }
}

/// A record that tells which step entered it.
fn record(step: usize) -> TimeWait {
    TimeWait {
        snd_nxt: SeqNumber(step as u32),
        rcv_nxt: SeqNumber(!(step as u32)),
        ts_recent: 7,
        ..TimeWait::default()
    }
}

fn play(script: &Script) {
    let limits = Limits {
        v4: script.v4.into(),
        v6: script.v6.into(),
    };
    let lasts = Duration::from_micros(script.lasts.into());
    let mut table = Table::new(limits, lasts, [script.key; 16]).expect("memory for a few records");
    let mut naive = Naive {
        lists: [Vec::new(), Vec::new()],
        limits: [script.v4.into(), script.v6.into()],
        lasts,
        counters: Counters::default(),
    };
    let mut now = Instant(if script.late { u64::MAX - 600 } else { 0 });
    let bytes = table.bytes();
    for (step, op) in script.ops.iter().enumerate() {
        let hash = |t: &Table, who: &Tuple| t.hash_key().hash(who);
        match *op {
            Op::Enter { who, hashed } => {
                let hash = hash(&table, &who);
                let entered = match hashed {
                    true => table.enter_hashed(hash, who, record(step), now),
                    false => table.enter(who, record(step), now),
                };
                assert_eq!(entered, naive.enter(who, record(step), now), "{op:?}");
            }
            Op::Restart { who, hashed } => {
                let hash = hash(&table, &who);
                let restarted = match hashed {
                    true => table.restart_hashed(hash, &who, now),
                    false => table.restart(&who, now),
                };
                assert_eq!(restarted, naive.restart(&who, now), "{op:?}");
            }
            Op::Remove { who, hashed } => {
                let hash = hash(&table, &who);
                let removed = match hashed {
                    true => table.remove_hashed(hash, &who),
                    false => table.remove(&who),
                };
                assert_eq!(removed, naive.remove(&who), "{op:?}");
            }
            Op::Change { who, hashed } => {
                let hash = hash(&table, &who);
                let found = match hashed {
                    true => table.get_mut_hashed(hash, &who),
                    false => table.get_mut(&who),
                };
                let there = naive.position(&who);
                assert_eq!(found.is_some(), there.is_some(), "{op:?}");
                if let (Some(found), Some(at)) = (found, there) {
                    found.ts_recent = step as u32;
                    naive.lists[family(&who)][at].1.ts_recent = step as u32;
                }
            }
            Op::Get { who } => {
                let hash = hash(&table, &who);
                assert_eq!(table.get(&who), naive.get(&who), "{op:?}");
                assert_eq!(table.get_hashed(hash, &who), naive.get(&who), "{op:?}");
            }
            Op::Forward { micros } => now = Instant(now.0.saturating_add(micros.into())),
            Op::Back { micros } => now = Instant(now.0.saturating_sub(micros.into())),
            Op::ExpireOne => assert_eq!(table.expire(now), naive.expire(now), "{op:?}"),
            Op::ExpireAll => {
                while let Some(expected) = naive.expire(now) {
                    assert_eq!(table.expire(now), Some(expected), "{op:?}");
                }
                assert_eq!(table.expire(now), None, "{op:?}");
            }
        }
        let all = naive.in_order();
        assert_eq!(
            (table.len(), table.is_empty()),
            (all.len(), all.is_empty()),
            "{op:?}"
        );
        assert_eq!(table.next_expiry(), all.first().map(|e| e.2), "{op:?}");
        assert_eq!(table.counters(), naive.counters, "{op:?}");
        assert_eq!(table.bytes(), bytes, "{op:?}");
        assert!(
            table.iter().map(|(t, r, e)| (t, *r, e)).eq(all),
            "the order after {op:?}"
        );
    }
}
