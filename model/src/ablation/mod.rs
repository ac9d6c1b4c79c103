//! The ablation matrix: each rule switched off, alone, in the scenarios that need it, and what becomes of each property.
//!
//! A row is a rule, a column a property: the safety properties, each judged alone so that the shortest counterexample of
//! that very property is found, and liveness, which is decided on the graph of all steps. Nothing but the rule is changed:
//! the same scenarios at the same size are verified with every rule on ([`Matrix::with`]). What is pinned here is held
//! against what is found; [`rows`] has the data, [`crate::cli`] runs it.

pub mod rows;
#[cfg(test)]
mod tests;

use crate::properties::{self, Property};
use crate::rules::{Rule, RuleSet};
use crate::scenarios::Size;

pub use rows::{MATRIX, NOT_SHOWN};

/// The size of every scenario of the matrix.
pub const SIZE: Size = Size::Smoke;

/// The columns: the safety properties that a single endpoint can violate, and liveness last.
pub const COLUMNS: [&str; 5] = [
    "stream",
    "told-truthfully",
    "machine",
    "time-wait-lasts",
    "ends",
];

/// How many of [`COLUMNS`] are safety properties.
pub const SAFE: usize = 4;

/// What the last column says.
pub const ENDS: &str = "every fair run ends: both TCPs CLOSED, both users told, everything delivered, unless somebody aborted, crashed, vanished or gave up; and a clean end stays possible while nobody has";

/// The safety property of a column.
pub fn property(column: usize) -> Option<&'static Property> {
    let id = COLUMNS.get(column).filter(|_| column < SAFE)?;
    properties::named(id)
}

/// The faults of all safety columns, as bits.
pub fn judged() -> u32 {
    (0..SAFE)
        .filter_map(property)
        .fold(0, |bits, p| bits | p.faults)
}

/// What a property comes to without a rule. `place` is that of the scenario in the row's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    /// It holds in every scenario of the row.
    Holds,
    /// It is violated; the shortest counterexample over the row's scenarios has that many steps.
    Violated {
        /// The first scenario in which it is that short.
        place: usize,
        /// Steps.
        steps: u32,
    },
    /// A fair run never ends: after `before` steps it repeats `again` steps for ever.
    NeverEnds {
        /// The scenario.
        place: usize,
        /// Steps before what is repeated.
        before: u32,
        /// Steps that are repeated.
        again: u32,
    },
    /// Every fair run ends, but after that many steps no clean end can be reached any more.
    NotCleanly {
        /// The scenario.
        place: usize,
        /// Steps.
        steps: u32,
    },
}

impl Cell {
    /// The place of the scenario that shows it.
    pub const fn place(self) -> Option<usize> {
        match self {
            Cell::Holds => None,
            Cell::Violated { place, .. }
            | Cell::NeverEnds { place, .. }
            | Cell::NotCleanly { place, .. } => Some(place),
        }
    }

    /// Steps of the story that shows it, one round of what is repeated included.
    pub const fn steps(self) -> Option<u32> {
        match self {
            Cell::Holds => None,
            Cell::Violated { steps, .. } | Cell::NotCleanly { steps, .. } => Some(steps),
            Cell::NeverEnds { before, again, .. } => Some(before + again),
        }
    }

    /// The shorter story of the two; the first if both are as long.
    #[must_use]
    pub fn or_shorter(self, other: Cell) -> Cell {
        match (self.steps(), other.steps()) {
            (None, Some(_)) => other,
            (Some(a), Some(b)) if b < a => other,
            _ => self,
        }
    }
}

/// One rule switched off.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The rule.
    pub rule: Rule,
    /// A rule that is off with and without this one: it stands behind it and would catch the same failure.
    pub behind: Option<Rule>,
    /// The scenarios in which the safety properties are judged.
    pub safety: &'static [&'static str],
    /// The scenarios in which liveness is decided.
    pub liveness: &'static [&'static str],
    /// What is expected, column by column.
    pub cells: [Cell; 5],
    /// What there is to say about a cell that surprises; empty if none does.
    pub why: &'static str,
}

impl Row {
    /// The rules that are off with this one on.
    pub fn off_anyway(&self) -> RuleSet {
        self.behind
            .map_or(RuleSet::EMPTY, |r| RuleSet::EMPTY.with(r))
    }

    /// The scenarios of a column.
    pub const fn scenarios(&self, column: usize) -> &'static [&'static str] {
        if column < SAFE {
            self.safety
        } else {
            self.liveness
        }
    }
}

/// A scenario with the row's rule on: it must be verified, or every fair run end, with that many states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct With {
    /// The scenario.
    pub scenario: &'static str,
    /// Decided for liveness rather than judged.
    pub liveness: bool,
    /// A rule that is off nevertheless.
    pub off: Option<Rule>,
    /// Unique states.
    pub states: u64,
}

/// All of it.
#[derive(Clone, Copy, Debug)]
pub struct Matrix {
    /// The rows.
    pub rows: &'static [Row],
    /// What must hold with every rule on, in the scenarios of the rows: each is run once.
    pub with: &'static [With],
}

impl Matrix {
    /// None: for worlds that have no rules of their own.
    pub const EMPTY: Matrix = Matrix {
        rows: &[],
        with: &[],
    };
}
