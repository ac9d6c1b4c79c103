//! The network: packets on their way, and what becomes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use farewell::Instant;

use super::ladder::Sketch;
use super::script::Fate;

/// A packet on its way.
#[derive(Clone)]
pub(super) struct InFlight {
    pub(super) sketch: Sketch,
    pub(super) bytes: Vec<u8>,
    pub(super) corrupted: bool,
}

/// Both directions.
pub(super) struct Link {
    latency: Duration,
    fates: std::vec::IntoIter<Fate>,
    /// By when they arrive; those of one moment in the order in which they were sent.
    packets: BTreeMap<(Instant, u64), InFlight>,
    serial: u64,
    /// Packets that were lost, changed or delayed so far.
    pub(super) harmed: u32,
    /// When the harm that was done last was over: from then on the network is fair.
    pub(super) fair_from: Instant,
    /// Packets that were repeated so far.
    pub(super) repeated: u32,
}

impl Link {
    pub(super) fn new(latency: Duration, fates: Vec<Fate>) -> Self {
        Link {
            latency,
            fates: fates.into_iter(),
            packets: BTreeMap::new(),
            serial: 0,
            harmed: 0,
            fair_from: Instant(0),
            repeated: 0,
        }
    }

    /// A packet is sent: says whether it will arrive.
    pub(super) fn send(&mut self, now: Instant, mut packet: InFlight) -> bool {
        let on_time = now + self.latency;
        let later = |millis: u16| on_time + Duration::from_millis(millis.into());
        let fate = self.fates.next().unwrap_or(Fate::Deliver);
        if !matches!(fate, Fate::Deliver | Fate::Duplicate(_)) {
            self.harmed += 1;
            let until = match fate {
                Fate::Delay(by) => later(by),
                _ => on_time,
            };
            self.fair_from = self.fair_from.max(until);
        }
        match fate {
            Fate::Deliver => self.put(on_time, packet),
            Fate::Lose => return false,
            Fate::Delay(by) => self.put(later(by), packet),
            Fate::Duplicate(by) => {
                self.repeated += 1;
                self.put(on_time, packet.clone());
                self.put(later(by), packet);
            }
            Fate::Corrupt(bit) => {
                let bit = usize::from(bit) % (packet.bytes.len() * 8);
                packet.bytes[bit / 8] ^= 1 << (bit % 8);
                packet.corrupted = true;
                self.put(on_time, packet);
            }
        }
        true
    }

    fn put(&mut self, at: Instant, packet: InFlight) {
        self.packets.insert((at, self.serial), packet);
        self.serial += 1;
    }

    /// When the next packet arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        self.packets.first_key_value().map(|((at, _), _)| *at)
    }

    /// Whether a packet of this host is on its way.
    pub(super) fn carries_any_of(&self, host: usize) -> bool {
        self.packets.values().any(|p| p.sketch.from == host)
    }

    /// The next packet.
    pub(super) fn take(&mut self) -> Option<InFlight> {
        self.packets.pop_first().map(|(_, packet)| packet)
    }
}
