//! One line on a terminal's standard error that says how far a run has come.

use std::io::{self, IsTerminal, Write};

use crate::check;
use crate::report::text::{bytes, grouped, rate};

/// The line; silent where nobody watches.
pub(super) struct Line {
    shown: bool,
}

impl Line {
    /// Shown if `wanted` and the standard error is a terminal.
    pub(super) fn new(wanted: bool) -> Line {
        Line {
            shown: wanted && io::stderr().is_terminal(),
        }
    }

    /// Rewrites it.
    pub(super) fn show(&self, what: &str, at: usize, of: usize, p: &check::Progress) {
        if !self.shown {
            return;
        }
        let text = format!(
            "{at}/{of} {what}: {} states, {}, depth {}, {} waiting, {}",
            grouped(p.unique),
            rate(p.unique, p.elapsed.as_secs_f64()),
            p.depth,
            grouped(p.frontier),
            bytes(p.memory)
        );
        let _ = write!(io::stderr(), "\r\x1b[2K{text}").and_then(|()| io::stderr().flush());
    }

    /// Removes it.
    pub(super) fn clear(&self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[2K").and_then(|()| io::stderr().flush());
        }
    }
}
