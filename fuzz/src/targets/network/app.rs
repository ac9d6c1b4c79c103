//! An application: it writes, reads and ends as its plan says, and acts only when it has been told that it can.
//!
//! So an indication that does not come is a run that stands still.

use std::time::Duration;

use farewell::Instant;
use farewell::connection::Indication;

use super::script::{AppPlan, Finish};

/// What it does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    Write,
    Read,
    Shutdown,
    Close,
    Abort,
}

/// An application in one life of its connection.
pub(super) struct App {
    pub(super) plan: AppPlan,
    began: Instant,
    /// It may write before the connection is established.
    pub(super) early: bool,
    pub(super) connected: u32,
    pub(super) written: u32,
    pub(super) read: u32,
    /// The end of the stream has been read.
    pub(super) end: bool,
    /// SHUTDOWN or CLOSE was called.
    pub(super) finished: bool,
    /// CLOSE was called before the end of the stream was read.
    pub(super) orphaned: bool,
    /// It does nothing any more.
    pub(super) over: bool,
    /// Times that its FIN was said to be acknowledged.
    pub(super) closed: u32,
    can_write: bool,
    can_read: bool,
    write_from: Instant,
    read_from: Instant,
    napped: bool,
}

impl App {
    pub(super) fn new(plan: AppPlan, began: Instant) -> Self {
        App {
            plan,
            began,
            early: false,
            connected: 0,
            written: 0,
            read: 0,
            end: false,
            finished: false,
            orphaned: false,
            over: false,
            closed: 0,
            can_write: true,
            can_read: false,
            write_from: began,
            read_from: began,
            napped: false,
        }
    }

    /// It is told something.
    pub(super) fn hears(&mut self, i: Indication) {
        match i {
            Indication::Connected => self.connected += 1,
            Indication::Readable => self.can_read = true,
            Indication::Writable => self.can_write = true,
            Indication::Closed => self.closed += 1,
            _ => self.over = true,
        }
    }

    /// What it does next, and when.
    pub(super) fn next(&self) -> Option<(Instant, Act)> {
        if self.over {
            return None;
        }
        let millis = |n: u16| self.began + Duration::from_millis(n.into());
        let mut next: Vec<(Instant, Act)> = Vec::new();
        match self.plan.finish {
            Finish::CloseAt(n) => next.push((millis(n), Act::Close)),
            Finish::AbortAt(n) => next.push((millis(n), Act::Abort)),
            _ => {}
        }
        let open = self.connected > 0;
        let may_begin = (open || self.early) && (self.end || !self.plan.late);
        let all = self.written == self.plan.total;
        if may_begin && self.can_write && !all && !self.finished {
            next.push((self.write_from, Act::Write));
        }
        if open && self.can_read && !self.end {
            next.push((self.read_from, Act::Read));
        }
        let ends = match self.plan.finish {
            _ if !open => None,
            Finish::Shutdown if all && !self.finished => Some(Act::Shutdown),
            Finish::Shutdown | Finish::AfterPeer if all && self.end => Some(Act::Close),
            Finish::Close if all => Some(Act::Close),
            Finish::AbortWritten(n) if self.written >= n => Some(Act::Abort),
            _ => None,
        };
        next.extend(ends.map(|act| (self.began, act)));
        next.into_iter().min_by_key(|(at, _)| *at)
    }

    /// SEND took `n` of what it was given, `all` of it or not.
    pub(super) fn wrote(&mut self, now: Instant, n: u32, all: bool) {
        self.written += n;
        self.can_write = all;
        self.write_from = now + Duration::from_millis(self.plan.write_gap.into());
    }

    /// RECEIVE gave `n` bytes, none if there was nothing.
    pub(super) fn has_read(&mut self, now: Instant, n: u32) {
        self.read += n;
        self.can_read = n > 0;
        self.read_from = now + Duration::from_millis(self.plan.read_gap.into());
        if !self.napped && self.read > self.plan.nap_at {
            self.napped = true;
            self.read_from = self.read_from + Duration::from_secs(self.plan.nap.into());
        }
    }
}

/// The byte at a place of what a host writes in a life.
pub(super) fn byte(life: usize, host: usize, at: u32) -> u8 {
    let salt = (life as u32) << 30 | (host as u32) << 29;
    ((at ^ salt).wrapping_mul(0x9e37_79b1) >> 24) as u8
}
