//! A link between the device and the stack that loses, repeats, reorders and delays, each direction by itself.
//!
//! What happens to the n-th packet of a connection in one direction is decided by the seed, the connection's ends and n alone;
//! when the packets come is up to the hosts. Delays are bounded: nothing outlives [`Faults::longest`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use farewell::Instant;
use farewell::tuple::Tuple;
use farewell::wire::{Checksums, Packet};

mod crossing;
mod faults;
mod flow;
#[cfg(test)]
mod tests;

pub use crossing::Crossed;
pub use faults::{Counts, Direction, Faults};
use flow::{Flow, MEMORY, tell};

/// A packet under way, by when it leaves the link and in which order it entered.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    due: Instant,
    order: u64,
    lane: Option<(TupleKey, u64)>,
    bytes: Vec<u8>,
}

/// An ordered form of a tuple is not needed: its place among the watched is.
type TupleKey = u32;

/// The link. See the [module](self).
pub struct Link {
    seed: u64,
    faults: Faults,
    keys: HashMap<Tuple, TupleKey>,
    flows: HashMap<TupleKey, Flow>,
    next_key: TupleKey,
    /// Of what is not watched.
    others: Flow,
    under_way: [BinaryHeap<Reverse<UnderWay>>; 2],
    order: u64,
    shelf: Vec<Vec<u8>>,
    counts: [Counts; 2],
}

/// Empty buffers that are kept.
const SHELF: usize = 1024;

impl Link {
    /// A link with these faults for every connection that is not [watched](Link::watch).
    pub fn new(seed: u64, faults: Faults) -> Link {
        Link {
            seed,
            faults,
            keys: HashMap::new(),
            flows: HashMap::new(),
            next_key: 0,
            others: Flow::new(seed, b"others", faults, 0),
            under_way: [BinaryHeap::new(), BinaryHeap::new()],
            order: 0,
            shelf: Vec::new(),
            counts: [Counts::default(); 2],
        }
    }

    /// A perfect link.
    pub fn perfect() -> Link {
        Link::new(0, Faults::NONE)
    }

    /// This connection, seen from the stack, has faults and decisions of its own from now on, and its segments are remembered.
    pub fn watch(&mut self, tuple: Tuple, faults: Faults) {
        let key = self.next_key;
        self.next_key = self.next_key.wrapping_add(1);
        if let Some(old) = self.keys.insert(tuple, key) {
            self.flows.remove(&old);
        }
        let flow = Flow::new(self.seed, tuple.to_string().as_bytes(), faults, MEMORY);
        self.flows.insert(key, flow);
    }

    /// The connection is over; what befell its packets. Those under way still arrive.
    pub fn forget(&mut self, tuple: &Tuple) -> Counts {
        let flow = self.keys.remove(tuple).and_then(|k| self.flows.remove(&k));
        let mut counts = Counts::default();
        for lane in flow.iter().flat_map(|f| &f.lanes) {
            counts.add(&lane.counts);
        }
        counts
    }

    /// Whether both hosts' SYNs or FINs crossed, of a connection that is watched: of the first between these ends.
    pub fn crossed(&self, tuple: &Tuple) -> Crossed {
        let flow = self.keys.get(tuple).and_then(|k| self.flows.get(k));
        flow.map(|f| f.sent.crossed()).unwrap_or_default()
    }

    /// The last segments of a watched connection, one a line, the oldest first.
    pub fn story(&self, tuple: &Tuple) -> Vec<String> {
        let flow = self.keys.get(tuple).and_then(|k| self.flows.get(k));
        flow.map(|f| f.story.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// What befell all packets of a direction.
    pub fn counts(&self, direction: Direction) -> &Counts {
        match direction {
            Direction::ToFarewell => &self.counts[0],
            Direction::ToKernel => &self.counts[1],
        }
    }

    /// Packets under way, in both directions.
    pub fn len(&self) -> usize {
        self.under_way.iter().map(BinaryHeap::len).sum()
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the next packet leaves the link.
    pub fn next(&self) -> Option<Instant> {
        let next = |way: &BinaryHeap<Reverse<UnderWay>>| way.peek().map(|Reverse(p)| p.due);
        self.under_way.iter().filter_map(next).min()
    }

    /// A packet enters the link. Says whether it will arrive at all.
    pub fn enter(&mut self, direction: Direction, now: Instant, packet: &[u8]) -> bool {
        let read = Packet::parse_with(packet, Checksums::Offloaded).ok();
        let key = read.as_ref().and_then(|p| self.key(direction, p));
        let flow = match key.and_then(|k| self.flows.get_mut(&k)) {
            Some(flow) => flow,
            None => &mut self.others,
        };
        let faults = flow.faults;
        let lane = &mut flow.lanes[direction as usize];
        // Every packet draws the same numbers, so that no decision depends on another.
        let mut chance = |of: u16| lane.rng.u16(0..1000) < of;
        let lost = chance(faults.lose);
        let twice = chance(faults.duplicate);
        let aside = chance(faults.reorder);
        let held = chance(faults.delay);
        let longest = u64::try_from(faults.longest.as_micros()).unwrap_or(u64::MAX);
        let [hold, again] = [(); 2].map(|()| Duration::from_micros(lane.rng.u64(0..=longest)));

        let mut counts = Counts {
            packets: 1,
            ..Counts::default()
        };
        let number = lane.entered;
        lane.entered += 1;
        let mut due = now.max(lane.not_before);
        let mut fate = String::new();
        if lost {
            counts.lost = 1;
            fate.push_str("  lost");
        } else if aside {
            due = now + hold;
            fate = format!("  aside for {} ms", hold.as_millis());
        } else {
            if held {
                counts.delayed = 1;
                // No packet is held longer than `longest`, though it waits for one that is.
                due = due.max(now + hold);
                fate = format!("  held for {} ms", due.since(now).as_millis());
            }
            lane.not_before = due;
        }
        let second = (twice && !lost).then(|| due + again);
        if second.is_some() {
            counts.duplicated = 1;
            fate.push_str(&format!("  twice, {} ms apart", again.as_millis()));
        }
        lane.counts.add(&counts);
        self.counts[direction as usize].add(&counts);
        if flow.remembers()
            && let Some(p) = &read
        {
            flow.sent.note(direction, p);
            flow.remember(tell(direction, now, p, &fate));
        }
        let mut push = |due: Instant, lane: Option<(TupleKey, u64)>| {
            let mut bytes = self.shelf.pop().unwrap_or_default();
            bytes.extend_from_slice(packet);
            self.order += 1;
            self.under_way[direction as usize].push(Reverse(UnderWay {
                due,
                order: self.order,
                lane,
                bytes,
            }));
        };
        if !lost {
            push(due, key.map(|k| (k, number)));
        }
        if let Some(due) = second {
            push(due, None);
        }
        !lost
    }

    /// The next packet that leaves the link by `now`.
    pub fn leave(&mut self, direction: Direction, now: Instant) -> Option<Vec<u8>> {
        let way = &mut self.under_way[direction as usize];
        if way.peek().is_none_or(|Reverse(p)| p.due > now) {
            return None;
        }
        let Reverse(p) = way.pop()?;
        if let Some((key, number)) = p.lane
            && let Some(flow) = self.flows.get_mut(&key)
        {
            let lane = &mut flow.lanes[direction as usize];
            if number < lane.left {
                lane.counts.reordered += 1;
                self.counts[direction as usize].reordered += 1;
            }
            lane.left = lane.left.max(number + 1);
        }
        Some(p.bytes)
    }

    /// A packet that has left the link gives its buffer back.
    pub fn recycle(&mut self, mut bytes: Vec<u8>) {
        if self.shelf.len() < SHELF {
            bytes.clear();
            self.shelf.push(bytes);
        }
    }

    /// The faults of what is not watched.
    pub fn faults(&self) -> Faults {
        self.faults
    }

    fn key(&self, direction: Direction, p: &Packet<'_>) -> Option<TupleKey> {
        if self.keys.is_empty() {
            return None;
        }
        let h = &p.segment.header;
        let tuple = match direction {
            Direction::ToFarewell => Tuple::of_arrival(&p.addresses, h.src_port, h.dst_port),
            Direction::ToKernel => {
                Tuple::of_arrival(&p.addresses.reversed(), h.dst_port, h.src_port)
            }
        };
        self.keys.get(&tuple).copied()
    }
}
