//! How many connections are in which state, and since when: a pile-up of CLOSE_WAIT is a program that does not close.

use core::fmt;
use core::time::Duration;

use super::slab::Owner;
use super::{Provide, Stack};
use crate::state::State;
use crate::time::Instant;

/// Classes of age: below one second, then by powers of two, the last without an end.
pub const AGES: usize = 16;

/// The connections in one state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// How many.
    pub count: u64,
    /// How long the first of them has been in it.
    pub oldest: Duration,
    /// How many by age: `ages[0]` for less than a second, `ages[n]` from 2^(n-1) seconds on.
    pub ages: [u64; AGES],
}

impl Row {
    fn add(&mut self, age: Duration) {
        self.count += 1;
        self.oldest = self.oldest.max(age);
        let class = u64::BITS - age.as_secs().leading_zeros();
        if let Some(n) = self.ages.get_mut((class as usize).min(AGES - 1)) {
            *n += 1;
        }
    }
}

/// All connections of a stack at a moment, by state and by age in it. Prints as a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Census {
    rows: [Row; State::ALL.len()],
    /// Closed by their users, and counted above.
    pub orphans: u32,
    /// Over, and counted above at most in TIME_WAIT; their users have not released them.
    pub unreleased: u32,
    /// Local sockets in use.
    pub sockets: usize,
}

impl Census {
    /// The connections in a state. In LISTEN there are listeners, whose age is not known; in CLOSED there is nothing.
    pub fn row(&self, state: State) -> &Row {
        const EMPTY: &Row = &Row {
            count: 0,
            oldest: Duration::ZERO,
            ages: [0; AGES],
        };
        self.rows.get(state as usize).unwrap_or(EMPTY)
    }

    /// Connections in all states, listeners not among them.
    pub fn total(&self) -> u64 {
        let states = State::ALL.into_iter().filter(|s| *s != State::Listen);
        states.map(|s| self.row(s).count).sum()
    }
}

impl<P: Provide> Stack<P> {
    /// Counts all connections by state and age. Looks at every slot and at every TIME_WAIT; who wants only the numbers
    /// takes [`Stack::count`].
    ///
    /// ```
    /// # use farewell::{Config, Instant, Stack, State};
    /// # use farewell::stack::{Heap, Limits, Reuse, Secrets};
    /// # let mut stack = Stack::new(Config::default(), Limits::default(), Secrets::new([0; 64]),
    /// #     Heap::new(4096, 4096, 1 << 20), Instant(0))?;
    /// # let (here, there) = ("192.0.2.1:0".parse()?, "192.0.2.2:80".parse()?);
    /// stack.connect(Instant(0), Some(here), there, Reuse::No)?;
    /// let census = stack.census(Instant(5_000_000));
    /// let opening = census.row(State::SynSent);
    /// assert_eq!((opening.count, opening.oldest.as_secs()), (1, 5));
    /// assert_eq!(opening.ages[3], 1); // four seconds, not yet eight
    /// println!("{census}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn census(&self, now: Instant) -> Census {
        let mut census = Census {
            rows: [Row::default(); State::ALL.len()],
            orphans: self.orphans.len,
            unreleased: 0,
            sockets: self.sockets.len(),
        };
        for slot in self.slab.iter() {
            match slot.owner {
                Owner::Nobody => {}
                Owner::Detached => census.unreleased += 1,
                _ => {
                    if let Some(row) = census.rows.get_mut(slot.state as usize) {
                        row.add(now.since(slot.since));
                    }
                }
            }
        }
        let lasts = self.configs.v4.time_wait;
        if let Some(row) = census.rows.get_mut(State::TimeWait as usize) {
            for (_, _, ends) in self.time_waits.iter() {
                row.add(now.since(ends.before(lasts)));
            }
        }
        if let Some(row) = census.rows.get_mut(State::Listen as usize) {
            row.count = self.listening() as u64;
        }
        census
    }

    /// How many connections are in a state; in LISTEN, how many listeners. In constant time.
    pub fn count(&self, state: State) -> usize {
        match state {
            State::TimeWait => self.time_waits.len(),
            State::Listen => self.listening(),
            _ => self.by_state.get(state as usize).map_or(0, |n| *n as usize),
        }
    }

    /// Slots in use: connections, and those that are over and not released. At
    /// [`Limits::connections`](super::Limits::connections) no more begin.
    pub fn len(&self) -> usize {
        self.slab.len() as usize
    }

    /// Whether no slot is in use.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Two classes of age in a column.
const COLUMNS: [&str; AGES / 2] = ["<2s", "2s", "8s", "32s", "2m", "8m", "34m", "2h"];

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<13}{:>9}{:>10} ", "state", "count", "oldest")?;
        for (n, column) in COLUMNS.iter().enumerate() {
            let more = if n + 1 == COLUMNS.len() { "+" } else { "" };
            let width = 8 - more.len();
            write!(f, "{column:>width$}{more}")?;
        }
        for state in State::ALL {
            let row = self.row(state);
            if state == State::Closed {
                continue;
            }
            write!(f, "\n{:<13}{:>9}", state.name(), row.count)?;
            if row.count == 0 || state == State::Listen {
                continue;
            }
            write!(f, "{:>9}s ", row.oldest.as_secs())?;
            for pair in row.ages.chunks(2) {
                match pair.iter().sum::<u64>() {
                    0 => write!(f, "{:>8}", "·")?,
                    n => write!(f, "{n:>8}")?,
                }
            }
        }
        write!(
            f,
            "\nclosed by their users {}, over and unreleased {}, local sockets {}",
            self.orphans, self.unreleased, self.sockets
        )
    }
}
