//! Segments that arrive in ESTABLISHED, one connection, in order.

use crate::packets::{HEADERS, Packets};
use crate::peer::{Checksums, Peer};
use crate::scene::{MTU, Scene};
use crate::work::{ROUND, Undone, Work, expect};

const BUFFER: usize = 65_535;

/// Times, per segment: data arrives, its ACK goes out, the user reads the data.
///
/// From the packet's first byte to the last byte of the answer's packet, one packet at a time. The user copies the data
/// into memory of his own; the ACK goes out before he does.
pub struct Data<P: Peer> {
    scene: Scene<P>,
    payload: Vec<u8>,
    packets: Packets,
    into: Vec<u8>,
    read: usize,
    answers: usize,
}

impl<P: Peer> Data<P> {
    /// Segments with `len` bytes of payload.
    pub fn new(len: usize, checksums: Checksums) -> Self {
        Data {
            scene: Scene::established(1, BUFFER, checksums),
            payload: (0..len).map(|n| n as u8).collect(),
            packets: Packets::with_room(ROUND, MTU),
            into: vec![0; BUFFER],
            read: 0,
            answers: 0,
        }
    }
}

impl<P: Peer> Work for Data<P> {
    fn prepare(&mut self) {
        self.packets.clear();
        for _ in 0..ROUND {
            self.scene.lines[0].send(0, &self.payload, &mut self.packets);
        }
        (self.read, self.answers) = (0, 0);
    }

    fn run(&mut self) {
        let id = self.scene.lines[0].id;
        for packet in self.packets.iter() {
            self.answers += self.scene.host.deliver(packet);
            self.read += self.scene.host.read(id, &mut self.into);
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        let line = &self.scene.lines[0];
        let last = self.scene.host.sent().last();
        expect("bytes read", ROUND * self.payload.len(), self.read)?;
        expect("bytes of ACKs", ROUND * HEADERS, self.answers)?;
        expect(
            "the last ACK is right",
            1,
            line.is_acknowledged_by(last).into(),
        )
    }
}

/// Times, per segment: an ACK arrives for one of the segments that wait for theirs. It has no payload and no answer.
///
/// Each acknowledges one byte that was sent in a segment of its own while the round was prepared, so it moves SND.UNA,
/// frees a byte of the buffer, restarts the retransmission timer or, the last of a round, stops it.
pub struct Acks<P: Peer> {
    scene: Scene<P>,
    packets: Packets,
    answers: usize,
}

impl<P: Peer> Acks<P> {
    /// On one connection.
    pub fn new(checksums: Checksums) -> Self {
        Acks {
            scene: Scene::established(1, BUFFER, checksums),
            packets: Packets::with_room(ROUND, MTU),
            answers: 0,
        }
    }
}

impl<P: Peer> Work for Acks<P> {
    fn prepare(&mut self) {
        let Scene { host, lines, .. } = &mut self.scene;
        let line = &mut lines[0];
        self.packets.clear();
        for _ in 0..ROUND {
            assert_eq!(host.write(line.id, b"x"), 1);
            assert_eq!(host.flush(), HEADERS + 1, "a byte goes out at once");
            line.rcv_nxt = line.rcv_nxt.wrapping_add(1);
            line.send(0, &[], &mut self.packets);
        }
        self.answers = 0;
    }

    fn run(&mut self) {
        for packet in self.packets.iter() {
            self.answers += self.scene.host.deliver(packet);
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        let left = self.scene.host.unacknowledged(self.scene.lines[0].id);
        expect("bytes of answers", 0, self.answers)?;
        expect("bytes not acknowledged", 0, left)
    }
}
