//! The close sequence.

use crate::packets::{FIN, HEADERS, Packets};
use crate::peer::{Checksums, Peer, State};
use crate::scene::{MTU, Scene};
use crate::work::{ROUND, Undone, Work, expect};

const BUFFER: usize = 4_096;

/// Times, per connection, from ESTABLISHED to TIME-WAIT: the user closes and FIN goes out, the ACK of it arrives, the
/// peer's FIN arrives and the last ACK goes out.
///
/// A round closes the only connection of each of some hosts: a host with as many connections would make smoltcp look at
/// all of them for each segment. Opening them is not timed, nor is the end of TIME-WAIT.
pub struct Close<P: Peer> {
    scenes: Vec<Scene<P>>,
    /// Two packets a host.
    packets: Packets,
    sent: usize,
    fresh: bool,
}

impl<P: Peer> Close<P> {
    /// Hosts whose connection is open.
    pub fn new(checksums: Checksums) -> Self {
        let scene = |_| Scene::established(1, BUFFER, checksums);
        Close {
            scenes: (0..ROUND).map(scene).collect(),
            packets: Packets::with_room(2 * ROUND, MTU),
            sent: 0,
            fresh: true,
        }
    }
}

impl<P: Peer> Work for Close<P> {
    fn prepare(&mut self) {
        self.packets.clear();
        self.sent = 0;
        for scene in &mut self.scenes {
            if !self.fresh {
                scene.host.advance(P::TIME_WAIT);
                scene.release(0);
                scene.open(0);
            }
            let line = &mut scene.lines[0];
            line.rcv_nxt = line.rcv_nxt.wrapping_add(1); // the host's FIN, which is still to come
            line.send(0, &[], &mut self.packets);
            line.send(FIN, &[], &mut self.packets);
        }
        self.fresh = false;
    }

    fn run(&mut self) {
        let mut packets = self.packets.iter();
        for scene in &mut self.scenes {
            let host = &mut scene.host;
            host.close(scene.lines[0].id);
            self.sent += host.flush();
            for packet in packets.by_ref().take(2) {
                self.sent += host.deliver(packet);
            }
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("bytes of FINs and ACKs", 2 * ROUND * HEADERS, self.sent)?;
        let is_over = |s: &&Scene<P>| {
            let line = &s.lines[0];
            s.host.state(line.id) == State::TimeWait
                && line.is_acknowledged_by(s.host.sent().last())
        };
        let over = self.scenes.iter().filter(is_over).count();
        expect("connections in TIME-WAIT", ROUND, over)
    }
}
