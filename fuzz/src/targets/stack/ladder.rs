//! The story of a run: a line for each call and each segment, written out only if it is asked for.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use farewell::stack::Event;
use farewell::wire::Header;
use farewell::{Instant, State};

use super::naive::Ends;
use crate::targets::tape;

/// What happened.
pub(super) enum What {
    /// A step of the script begins.
    Step(usize, String),
    /// A segment arrives: its text, and the state of the reference afterwards.
    In(Ends, Header, usize, State),
    /// A packet arrives that cannot be read.
    Broken,
    /// A segment is sent, and the state of the reference.
    Out(Ends, Header, usize, State),
    /// A user is told something.
    Told(Event),
}

/// The story so far; a clone is the same story.
#[derive(Clone, Default)]
pub(super) struct Ladder(Rc<RefCell<Vec<(Instant, What)>>>);

/// Lines that are shown of a long story, from its end.
const SHOWN: usize = 400;

impl Ladder {
    pub(super) fn add(&self, at: Instant, what: What) {
        match &what {
            What::Step(n, op) => tape::comment(|| format!("{n}: {op}")),
            What::Told(event) => tape::comment(|| format!("{event:?}")),
            What::In(..) | What::Out(..) | What::Broken => {}
        }
        self.0.borrow_mut().push((at, what));
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(lines) = self.0.try_borrow() else {
            return f.write_str("(the ladder is being written)");
        };
        let skipped = lines.len().saturating_sub(SHOWN);
        if skipped > 0 {
            writeln!(f, "({skipped} lines before)")?;
        }
        for (at, what) in lines.iter().skip(skipped) {
            write!(f, "{:>6}.{:06}  ", at.0 / 1_000_000, at.0 % 1_000_000)?;
            match what {
                What::Step(n, op) => writeln!(f, "── {n}: {op}")?,
                What::In(ends, h, len, state) => segment(f, "-->", ends, h, *len, *state)?,
                What::Out(ends, h, len, state) => segment(f, "<--", ends, h, *len, *state)?,
                What::Broken => writeln!(f, "-->  (cannot be read)")?,
                What::Told(event) => writeln!(f, "     {event:?}")?,
            }
        }
        Ok(())
    }
}

fn segment(
    f: &mut fmt::Formatter<'_>,
    way: &str,
    ends: &Ends,
    h: &Header,
    len: usize,
    state: State,
) -> fmt::Result {
    let (local, remote) = ends;
    write!(f, "{way}  {local} {remote} {state:<12} {:?}", h.flags)?;
    write!(
        f,
        " seq={} ack={} len={len} win={}",
        h.seq.0, h.ack.0, h.window
    )?;
    if let Some(t) = h.options.timestamps {
        write!(f, " ts={},{}", t.val, t.ecr)?;
    }
    writeln!(f)
}
