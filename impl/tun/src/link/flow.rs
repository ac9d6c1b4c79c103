//! A connection on the link: a lane for each direction, and its last segments in words.

use std::collections::VecDeque;

use farewell::Instant;
use farewell::wire::{Addresses, Flags, Packet};
use fastrand::Rng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::crossing::Sent;
use super::faults::{Counts, Direction, Faults};

/// One direction of one connection.
pub(super) struct Lane {
    pub(super) rng: Rng,
    pub(super) entered: u64,
    /// Those behind do not leave before.
    pub(super) not_before: Instant,
    /// One more than the latest that has left.
    pub(super) left: u64,
    pub(super) counts: Counts,
}

impl Lane {
    fn new(seed: u64, name: &[u8], direction: Direction) -> Lane {
        Lane {
            rng: Rng::with_seed(xxh3_64_with_seed(name, seed ^ (direction as u64) << 63)),
            entered: 0,
            not_before: Instant(0),
            left: 0,
            counts: Counts::default(),
        }
    }
}

/// Segments of a connection that are remembered.
pub(super) const MEMORY: usize = 60;

/// A connection that is watched.
pub(super) struct Flow {
    pub(super) faults: Faults,
    pub(super) lanes: [Lane; 2],
    pub(super) sent: Sent,
    pub(super) story: VecDeque<String>,
}

impl Flow {
    pub(super) fn new(seed: u64, name: &[u8], faults: Faults, memory: usize) -> Flow {
        Flow {
            faults,
            lanes: Direction::BOTH.map(|d| Lane::new(seed, name, d)),
            sent: Sent::default(),
            story: VecDeque::with_capacity(memory),
        }
    }

    /// Whether it is watched: its segments are remembered.
    pub(super) fn remembers(&self) -> bool {
        self.story.capacity() > 0
    }

    pub(super) fn remember(&mut self, line: String) {
        if self.story.len() >= MEMORY {
            self.story.pop_front();
        }
        self.story.push_back(line);
    }
}

/// A segment in a line: when, which way, what, and what becomes of it.
pub(super) fn tell(direction: Direction, now: Instant, p: &Packet<'_>, fate: &str) -> String {
    let (h, len) = (&p.segment.header, p.segment.payload.len());
    let arrow = match direction {
        Direction::ToFarewell => "kernel → farewell",
        Direction::ToKernel => "kernel ← farewell",
    };
    let millis = now.0 as f64 / 1_000.0;
    let mut line = format!("{millis:>12.1}  {arrow}  {:?} seq={}", h.flags, h.seq.0);
    if h.flags.has(Flags::ACK) {
        line.push_str(&format!(" ack={}", h.ack.0));
    }
    line.push_str(&format!(" len={len} win={}", h.window));
    if let Some(ts) = h.options.timestamps {
        line.push_str(&format!(" ts={}/{}", ts.val, ts.ecr));
    }
    if let Addresses::V6 { .. } = p.addresses {
        line.push_str(" v6");
    }
    line + fate
}
