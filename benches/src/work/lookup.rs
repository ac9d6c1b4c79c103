//! Segments for one of many connections.

use crate::packets::{HEADERS, Packets};
use crate::peer::{Checksums, Peer};
use crate::scene::{Line, MTU, Scene};
use crate::work::{ROUND, Undone, Work, expect};

/// Small, so that a million fit.
const BUFFER: usize = 256;

/// Connections in an order in which no neighbours follow each other, each once before the first comes again.
struct Order {
    next: usize,
    step: usize,
    among: usize,
}

impl Order {
    fn of(among: usize) -> Self {
        let shares = |step: &usize| gcd(*step, among) == 1;
        let golden = (among as f64 * 0.618_034) as usize;
        let step = (golden.max(1)..).find(shares);
        Order {
            next: 0,
            step: step.unwrap_or(1),
            among,
        }
    }

    fn take(&mut self) -> usize {
        let taken = self.next;
        self.next = (self.next + self.step) % self.among;
        taken
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A host with many connections, and a round of segments for some of them.
struct Crowd<P: Peer> {
    scene: Scene<P>,
    order: Order,
    /// Whom the packets are for.
    whom: Vec<usize>,
    packets: Packets,
    read: usize,
    answers: usize,
}

impl<P: Peer> Crowd<P> {
    fn new(connections: usize, checksums: Checksums) -> Self {
        Crowd {
            scene: Scene::established(connections, BUFFER, checksums),
            order: Order::of(connections),
            whom: Vec::with_capacity(ROUND),
            packets: Packets::with_room(ROUND, MTU),
            read: 0,
            answers: 0,
        }
    }

    fn prepare(&mut self) {
        self.packets.clear();
        self.whom.clear();
        for _ in 0..ROUND {
            let n = self.order.take();
            self.whom.push(n);
            self.scene.lines[n].send(0, b"x", &mut self.packets);
        }
        (self.read, self.answers) = (0, 0);
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("bytes read", ROUND, self.read)?;
        let last: &Line<P::Id> = &self.scene.lines[self.whom[ROUND - 1]];
        let answers = self.scene.host.sent();
        let right = answers.iter().any(|a| last.is_acknowledged_by(Some(a)));
        expect("the last is acknowledged", 1, right.into())
    }
}

/// Times, per segment: a byte arrives for one of the connections, its ACK goes out, the user reads it. One at a time.
pub struct Lookups<P: Peer>(Crowd<P>);

impl<P: Peer> Lookups<P> {
    /// Among so many connections.
    pub fn new(connections: usize, checksums: Checksums) -> Self {
        Lookups(Crowd::new(connections, checksums))
    }
}

impl<P: Peer> Work for Lookups<P> {
    fn prepare(&mut self) {
        self.0.prepare();
    }

    fn run(&mut self) {
        let crowd = &mut self.0;
        let Scene { host, lines, .. } = &mut crowd.scene;
        for (packet, n) in crowd.packets.iter().zip(&crowd.whom) {
            crowd.answers += host.deliver(packet);
            crowd.read += host.read(lines[*n].id, &mut [0; 8]);
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("bytes of ACKs", ROUND * HEADERS, self.0.answers)?;
        self.0.verify()
    }
}

/// Times the same, per segment, where the segments of a round arrive together: first all are taken in and their ACKs go
/// out, then the users read.
///
/// If a connection gets more than one of them, a single ACK may answer all of its own.
pub struct Batches<P: Peer>(Crowd<P>);

impl<P: Peer> Batches<P> {
    /// Among so many connections.
    pub fn new(connections: usize, checksums: Checksums) -> Self {
        Batches(Crowd::new(connections, checksums))
    }
}

impl<P: Peer> Work for Batches<P> {
    fn prepare(&mut self) {
        self.0.prepare();
    }

    fn run(&mut self) {
        let crowd = &mut self.0;
        let Scene { host, lines, .. } = &mut crowd.scene;
        crowd.answers += host.deliver_all(&crowd.packets);
        let mut into = [0; ROUND];
        for n in &crowd.whom {
            crowd.read += host.read(lines[*n].id, &mut into);
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        let connections = self.0.order.among.min(ROUND);
        let least = self.0.answers.min(connections * HEADERS);
        expect("bytes of ACKs, at least", connections * HEADERS, least)?;
        self.0.verify()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_has_a_turn() {
        for among in [1, 2, 10, 1_000, 1_024] {
            let mut order = Order::of(among);
            let mut turns = vec![0; among];
            for _ in 0..3 * among {
                turns[order.take()] += 1;
            }
            assert!(turns.iter().all(|t| *t == 3), "{among}");
        }
    }
}
