//! A link between the device and the stack that loses, repeats, reorders and delays, each direction by itself.
//!
//! What happens to the n-th packet of a connection in one direction is decided by the seed, the connection's ends and n alone;
//! when the packets come is up to the hosts. Delays are bounded: nothing outlives [`Faults::longest`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use farewell::Instant;
use farewell::tuple::Tuple;
use farewell::wire::{Addresses, Checksums, Packet};
use fastrand::Rng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Which way a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// From the device to the stack.
    ToFarewell,
    /// From the stack to the device.
    ToKernel,
}

impl Direction {
    /// Both.
    pub const BOTH: [Direction; 2] = [Direction::ToFarewell, Direction::ToKernel];
}

/// What a link does to packets, each in so many of a thousand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// Lost.
    pub lose: u16,
    /// Delivered once more, later.
    pub duplicate: u16,
    /// Held back while others pass.
    pub reorder: u16,
    /// Held back, and those behind it wait.
    pub delay: u16,
    /// How long a packet is held back at most.
    pub longest: Duration,
}

impl Faults {
    /// A perfect link.
    pub const NONE: Faults = Faults {
        lose: 0,
        duplicate: 0,
        reorder: 0,
        delay: 0,
        longest: Duration::ZERO,
    };
}

/// How many packets came by, and what befell them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// That entered the link.
    pub packets: u64,
    /// Lost.
    pub lost: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Delivered after one that had entered later.
    pub reordered: u64,
    /// Held back in their order.
    pub delayed: u64,
}

impl Counts {
    /// All that befell them.
    pub fn faults(&self) -> u64 {
        self.lost + self.duplicated + self.reordered + self.delayed
    }

    /// Adds others.
    pub fn add(&mut self, other: &Counts) {
        self.packets += other.packets;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.delayed += other.delayed;
    }
}

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

/// One direction of one connection.
struct Lane {
    rng: Rng,
    entered: u64,
    /// Those behind do not leave before.
    not_before: Instant,
    /// One more than the latest that has left.
    left: u64,
    counts: Counts,
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
const MEMORY: usize = 60;

/// A connection that is watched.
struct Flow {
    faults: Faults,
    lanes: [Lane; 2],
    story: VecDeque<String>,
}

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

impl Flow {
    fn new(seed: u64, name: &[u8], faults: Faults, memory: usize) -> Flow {
        Flow {
            faults,
            lanes: Direction::BOTH.map(|d| Lane::new(seed, name, d)),
            story: VecDeque::with_capacity(memory),
        }
    }

    fn remembers(&self) -> bool {
        self.story.capacity() > 0
    }

    fn remember(&mut self, line: String) {
        if self.story.len() >= MEMORY {
            self.story.pop_front();
        }
        self.story.push_back(line);
    }
}

/// A segment in a line: when, which way, what, and what becomes of it.
fn tell(direction: Direction, now: Instant, p: &Packet<'_>, fate: &str) -> String {
    let (h, len) = (&p.segment.header, p.segment.payload.len());
    let arrow = match direction {
        Direction::ToFarewell => "kernel → farewell",
        Direction::ToKernel => "kernel ← farewell",
    };
    let millis = now.0 as f64 / 1_000.0;
    let mut line = format!("{millis:>12.1}  {arrow}  {:?} seq={}", h.flags, h.seq.0);
    if h.flags.has(farewell::wire::Flags::ACK) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use farewell::seq::SeqNumber;
    use farewell::wire::{Flags, Header, emit_packet};

    const KERNEL: [u8; 4] = [10, 99, 0, 1];
    const OURS: [u8; 4] = [10, 99, 0, 2];

    fn tuple(port: u16) -> Tuple {
        Tuple::new((OURS, 7).into(), (KERNEL, port).into()).unwrap()
    }

    /// The n-th packet from the kernel's port.
    fn packet(port: u16, n: u32) -> Vec<u8> {
        let header = Header {
            src_port: port,
            dst_port: 7,
            seq: SeqNumber(n),
            flags: Flags::ACK,
            ..Header::default()
        };
        let (src, dst) = (KERNEL.into(), OURS.into());
        let mut buf = [0; 100];
        let addresses = Addresses::V4 { src, dst };
        let len =
            emit_packet(&header, &addresses, (&[], &[]), &mut buf, Checksums::Verify).unwrap();
        buf[..len].to_vec()
    }

    fn number(bytes: &[u8]) -> u32 {
        Packet::parse(bytes).unwrap().segment.header.seq.0
    }

    /// Sends `n` packets a millisecond apart and says which arrived, in order, and when.
    fn run(seed: u64, faults: Faults, n: u32) -> (Vec<(u32, u64)>, Counts) {
        let mut link = Link::new(seed, Faults::NONE);
        link.watch(tuple(1), faults);
        let mut arrived = Vec::new();
        for ms in 0..n + 1000 {
            let now = Instant(u64::from(ms) * 1000);
            if ms < n {
                link.enter(Direction::ToFarewell, now, &packet(1, ms));
            }
            while let Some(bytes) = link.leave(Direction::ToFarewell, now) {
                arrived.push((number(&bytes), u64::from(ms)));
                link.recycle(bytes);
            }
        }
        assert!(link.is_empty());
        (arrived, link.forget(&tuple(1)))
    }

    fn longest(millis: u64) -> Faults {
        Faults {
            longest: Duration::from_millis(millis),
            ..Faults::NONE
        }
    }

    #[test]
    fn a_perfect_link_delivers_each_at_once_and_in_order() {
        let (arrived, counts) = run(1, Faults::NONE, 500);
        let expected: Vec<_> = (0..500).map(|n| (n, u64::from(n))).collect();
        assert_eq!(arrived, expected);
        assert_eq!((counts.packets, counts.faults()), (500, 0));
    }

    #[test]
    fn the_seed_decides_everything() {
        let faults = Faults {
            lose: 100,
            duplicate: 100,
            reorder: 100,
            delay: 100,
            ..longest(20)
        };
        assert_eq!(run(7, faults, 500), run(7, faults, 500));
        assert_ne!(run(7, faults, 500).0, run(8, faults, 500).0);
    }

    /// Decisions do not depend on what other connections do, or on when packets come.
    #[test]
    fn a_connection_has_decisions_of_its_own() {
        let lose = Faults {
            lose: 300,
            ..Faults::NONE
        };
        let fates = |disturbed: bool| {
            let mut link = Link::new(3, lose);
            link.watch(tuple(1), lose);
            link.watch(tuple(2), lose);
            let mut fates = Vec::new();
            for n in 0..200 {
                if disturbed {
                    link.enter(Direction::ToFarewell, Instant(n), &packet(2, 0));
                    link.enter(Direction::ToKernel, Instant(n), &packet(3, 0));
                }
                fates.push(link.enter(Direction::ToFarewell, Instant(n * 9), &packet(1, 0)));
            }
            fates
        };
        assert_eq!(fates(false), fates(true));
        assert!(fates(false).contains(&false));
    }

    #[test]
    fn losing_only_loses() {
        let lose = Faults {
            lose: 200,
            ..longest(20)
        };
        let (arrived, counts) = run(5, lose, 2000);
        assert_eq!(arrived.len() as u64 + counts.lost, 2000);
        assert!((300..500).contains(&counts.lost), "{counts:?}");
        assert_eq!(counts.faults(), counts.lost);
        assert!(arrived.is_sorted_by(|a, b| a.0 < b.0));
        assert!(arrived.iter().all(|(n, at)| u64::from(*n) == *at));
    }

    #[test]
    fn duplicating_delivers_the_first_in_order_and_one_more_within_the_bound() {
        let duplicate = Faults {
            duplicate: 200,
            ..longest(20)
        };
        let (arrived, counts) = run(5, duplicate, 2000);
        assert_eq!(arrived.len() as u64, 2000 + counts.duplicated);
        assert!((300..500).contains(&counts.duplicated), "{counts:?}");
        assert_eq!(counts.faults(), counts.duplicated);
        for n in 0..2000 {
            let times: Vec<u64> = arrived.iter().filter(|a| a.0 == n).map(|a| a.1).collect();
            assert_eq!(times[0], u64::from(n));
            assert!(times.len() <= 2 && times.iter().all(|t| t - times[0] <= 20));
        }
    }

    #[test]
    fn reordering_lets_others_pass_and_loses_nothing() {
        let reorder = Faults {
            reorder: 200,
            ..longest(20)
        };
        let (mut arrived, counts) = run(5, reorder, 2000);
        assert!((300..500).contains(&counts.reordered), "{counts:?}");
        assert_eq!(counts.faults(), counts.reordered);
        assert!(!arrived.is_sorted());
        assert!(arrived.iter().all(|(n, at)| at - u64::from(*n) <= 20));
        arrived.sort();
        assert!(arrived.iter().map(|a| a.0).eq(0..2000));
    }

    #[test]
    fn delaying_keeps_the_order_and_the_bound() {
        let delay = Faults {
            delay: 200,
            ..longest(20)
        };
        let (arrived, counts) = run(5, delay, 2000);
        assert!(arrived.iter().map(|a| a.0).eq(0..2000));
        assert!((300..500).contains(&counts.delayed), "{counts:?}");
        assert_eq!(counts.faults(), counts.delayed);
        assert!(arrived.iter().all(|(n, at)| at - u64::from(*n) <= 20));
        assert!(arrived.iter().any(|(n, at)| at - u64::from(*n) > 10));
    }

    #[test]
    fn the_last_segments_are_told() {
        let mut link = Link::new(1, Faults::NONE);
        link.watch(
            tuple(1),
            Faults {
                lose: 1000,
                ..Faults::NONE
            },
        );
        for n in 0..100 {
            assert!(!link.enter(Direction::ToFarewell, Instant(1500), &packet(1, n)));
        }
        let story = link.story(&tuple(1));
        assert_eq!(story.len(), MEMORY);
        let last = "         1.5  kernel → farewell  ACK seq=99 ack=0 len=0 win=0  lost";
        assert_eq!(story.last().map(String::as_str), Some(last));
        assert!(link.story(&tuple(2)).is_empty());
    }

    #[test]
    fn what_is_no_packet_passes() {
        let mut link = Link::new(1, Faults::NONE);
        link.watch(tuple(1), Faults::NONE);
        for bytes in [&[][..], &[0x45], &[0xff; 60]] {
            assert!(link.enter(Direction::ToKernel, Instant(0), bytes));
            assert_eq!(
                link.leave(Direction::ToKernel, Instant(0)).as_deref(),
                Some(bytes)
            );
        }
    }
}
