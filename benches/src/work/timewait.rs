//! Many connections in TIME-WAIT.

use std::time::Duration;

use crate::packets::{FIN, HEADERS, Packets};
use crate::peer::{Checksums, Peer, Setup, State};
use crate::scene::{ADDRESS, Line, MTU, Scene};
use crate::work::{ROUND, Undone, Work, expect};

const BUFFER: usize = 256;
/// Connections that enter TIME-WAIT at the same time: as many as a benchmark of smoltcp has in all.
const BLOCK: usize = 1_000;

/// A host with so many connections in TIME-WAIT that entered it in blocks, at equal distances of time.
struct Waiting<P: Peer> {
    scene: Scene<P>,
    blocks: usize,
    /// Of the block that ends next.
    first: usize,
}

impl<P: Peer> Waiting<P> {
    fn new(waiting: usize, checksums: Checksums) -> Self {
        assert!(waiting.is_multiple_of(BLOCK), "whole blocks");
        let mut scene: Scene<P> = Scene::new(&Setup {
            address: ADDRESS,
            connections: BLOCK,
            time_waits: waiting,
            buffer: BUFFER,
            checksums,
        });
        let blocks = waiting / BLOCK;
        for block in 0..blocks {
            scene.host.advance(distance::<P>(blocks));
            enter(&mut scene, block * BLOCK);
        }
        Waiting {
            scene,
            blocks,
            first: 0,
        }
    }

    /// The oldest block's time runs out.
    fn expire(&mut self) {
        self.scene.host.advance(distance::<P>(self.blocks));
    }

    /// The oldest block is opened again, and its host's half closed.
    fn half_close(&mut self) {
        for n in self.first..self.first + BLOCK {
            self.scene.release(n);
        }
        for n in self.first..self.first + BLOCK {
            self.scene.open(n);
            self.scene.half_close(n);
        }
    }

    fn next_block(&mut self) {
        self.first = (self.first + BLOCK) % (self.blocks * BLOCK);
    }

    fn block(&self) -> &[Line<P::Id>] {
        &self.scene.lines[self.first..self.first + BLOCK]
    }

    fn count(&self, state: State) -> usize {
        let is_in = |line: &&Line<P::Id>| self.scene.host.state(line.id) == state;
        self.block().iter().filter(is_in).count()
    }
}

fn distance<P: Peer>(blocks: usize) -> Duration {
    P::TIME_WAIT / blocks as u32
}

fn enter<P: Peer>(scene: &mut Scene<P>, first: usize) {
    for n in first..first + BLOCK {
        scene.open(n);
        scene.send_byte(n);
        scene.half_close(n);
    }
    for n in first..first + BLOCK {
        scene.finish(n);
    }
}

/// Times, per connection: a FIN arrives in FIN-WAIT-2, its ACK goes out, the connection enters TIME-WAIT beside the
/// others.
pub struct Inserts<P: Peer> {
    waiting: Waiting<P>,
    packets: Packets,
    answers: usize,
    begun: bool,
}

impl<P: Peer> Inserts<P> {
    /// Until there are so many again.
    pub fn new(waiting: usize, checksums: Checksums) -> Self {
        Inserts {
            waiting: Waiting::new(waiting, checksums),
            packets: Packets::with_room(BLOCK, HEADERS),
            answers: 0,
            begun: false,
        }
    }
}

impl<P: Peer> Work for Inserts<P> {
    fn prepare(&mut self) {
        if self.begun {
            self.waiting.next_block();
        }
        self.begun = true;
        self.waiting.expire();
        self.waiting.half_close();
        self.packets.clear();
        let first = self.waiting.first;
        for line in &mut self.waiting.scene.lines[first..first + BLOCK] {
            line.send(FIN, &[], &mut self.packets);
        }
        self.answers = 0;
    }

    fn run(&mut self) {
        for packet in self.packets.iter() {
            self.answers += self.waiting.scene.host.deliver(packet);
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("bytes of ACKs", BLOCK * HEADERS, self.answers)?;
        let there = self.waiting.count(State::TimeWait);
        expect("connections in TIME-WAIT", BLOCK, there)
    }

    fn operations(&self) -> usize {
        BLOCK
    }
}

/// Times, per segment: a late copy of a data segment arrives for a connection in TIME-WAIT, and an ACK answers it.
///
/// Not a copy of the FIN: smoltcp answers a connection's FINs at most once a second.
pub struct OldSegments<P: Peer> {
    waiting: Waiting<P>,
    at: usize,
    packets: Packets,
    answers: usize,
}

impl<P: Peer> OldSegments<P> {
    /// Among so many connections.
    pub fn new(waiting: usize, checksums: Checksums) -> Self {
        OldSegments {
            waiting: Waiting::new(waiting, checksums),
            at: 0,
            packets: Packets::with_room(ROUND, MTU),
            answers: 0,
        }
    }
}

impl<P: Peer> Work for OldSegments<P> {
    fn prepare(&mut self) {
        /// A prime, so that everyone has a turn and no neighbours follow each other.
        const STEP: usize = 6_180_341;
        self.packets.clear();
        let lines = &self.waiting.scene.lines;
        for _ in 0..ROUND {
            self.at = (self.at + STEP) % lines.len();
            let mut old = lines[self.at];
            old.snd_nxt = old.snd_nxt.wrapping_sub(2); // before the byte and the FIN
            old.send(0, b"x", &mut self.packets);
        }
        self.answers = 0;
    }

    fn run(&mut self) {
        for packet in self.packets.iter() {
            self.answers += self.waiting.scene.host.deliver(packet);
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("bytes of ACKs", ROUND * HEADERS, self.answers)?;
        let Waiting { scene, .. } = &self.waiting;
        let right = scene.lines[self.at].is_acknowledged_by(scene.host.sent().last());
        expect("the last ACK is right", 1, right.into())
    }
}

/// Times, per connection: TIME-WAIT runs out, for a block of connections at a time.
pub struct Expiries<P: Peer> {
    waiting: Waiting<P>,
    begun: bool,
}

impl<P: Peer> Expiries<P> {
    /// Among so many connections.
    pub fn new(waiting: usize, checksums: Checksums) -> Self {
        Expiries {
            waiting: Waiting::new(waiting, checksums),
            begun: false,
        }
    }
}

impl<P: Peer> Work for Expiries<P> {
    fn prepare(&mut self) {
        if self.begun {
            self.waiting.half_close();
            let first = self.waiting.first;
            for n in first..first + BLOCK {
                self.waiting.scene.finish(n);
            }
            self.waiting.next_block();
        }
        self.begun = true;
    }

    fn run(&mut self) {
        self.waiting.expire();
    }

    fn verify(&self) -> Result<(), Undone> {
        let over = self.waiting.count(State::Closed);
        expect("connections that are CLOSED", BLOCK, over)
    }

    fn operations(&self) -> usize {
        BLOCK
    }
}
