//! The story of a run: a line for each segment and each call, written out only if it is asked for.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use farewell::seq::SeqNumber;
use farewell::wire::{Flags, Header};
use farewell::{Instant, State};

use crate::targets::tape;

/// A segment in few words; its numbers are relative to the ISNs of the connection that sent it.
#[derive(Clone, Copy)]
pub(super) struct Sketch {
    pub(super) from: usize,
    pub(super) sent: Instant,
    seq: i32,
    ack: i32,
    flags: Flags,
    len: usize,
    window: u16,
    timestamps: Option<(u32, u32)>,
}

impl Sketch {
    pub(super) fn new(
        from: usize,
        sent: Instant,
        isns: [SeqNumber; 2],
        h: &Header,
        len: usize,
    ) -> Self {
        Sketch {
            from,
            sent,
            seq: h.seq.distance(isns[from]),
            ack: h.ack.distance(isns[1 - from]),
            flags: h.flags,
            len,
            window: h.window,
            timestamps: h.options.timestamps.map(|t| (t.val, t.ecr)),
        }
    }
}

impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} seq={}", self.flags, self.seq)?;
        if self.flags.has(Flags::ACK) {
            write!(f, " ack={}", self.ack)?;
        }
        write!(f, " len={} win={}", self.len, self.window)?;
        match self.timestamps {
            Some((val, ecr)) => write!(f, " ts={val},{ecr}"),
            None => Ok(()),
        }
    }
}

/// What happened.
pub(super) enum What {
    /// A segment arrived, or did not.
    Segment(Sketch, &'static str),
    /// A host's user did something, or was told something.
    User(usize, String),
    /// Something about both.
    Note(&'static str),
}

struct Line {
    at: Instant,
    what: What,
    states: [State; 2],
}

/// The story so far; a clone is the same story.
#[derive(Clone, Default)]
pub(super) struct Ladder(Rc<RefCell<Vec<Line>>>);

/// Lines that are shown of a long story, from its end.
const SHOWN: usize = 600;

impl Ladder {
    pub(super) fn add(&self, at: Instant, states: [State; 2], what: What) {
        match &what {
            What::Segment(_, "") => {}
            What::Segment(s, how) => tape::comment(|| format!("{s}{how}")),
            What::User(host, text) => tape::comment(|| format!("{host}: {text}")),
            What::Note(text) => tape::comment(|| (*text).to_owned()),
        }
        self.0.borrow_mut().push(Line { at, what, states });
    }
}

fn seconds(at: Instant) -> String {
    format!("{}.{:03}", at.0 / 1_000_000, at.0 / 1_000 % 1_000)
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
        for line in lines.iter().skip(skipped) {
            let [a, b] = line.states;
            write!(
                f,
                "{:>10}  {:<12} {:<12}  ",
                seconds(line.at),
                a.name(),
                b.name()
            )?;
            match &line.what {
                What::Segment(s, how) => {
                    let way = if s.from == 0 { "0 --> 1" } else { "0 <-- 1" };
                    write!(f, "{way}  {s}")?;
                    if s.sent != line.at {
                        write!(f, "  (of {})", seconds(s.sent))?;
                    }
                    writeln!(f, "{how}")?;
                }
                What::User(host, text) => writeln!(f, "{host}: {text}")?,
                What::Note(text) => writeln!(f, "── {text}")?,
            }
        }
        Ok(())
    }
}
