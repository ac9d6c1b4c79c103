//! A whole connection, both ends of it.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::peer::{Checksums, Peer, Setup, State};
use crate::scene::{ADDRESS, PORT};
use crate::work::{ROUND, Undone, Work, expect};

const BUFFER: usize = 4_096;
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Segments of a life: three to open, two for each byte, two for each FIN.
const SEGMENTS: usize = 3 + 2 * 2 + 2 * 2;

/// Times, per connection, both of its ends: a client opens it, a byte goes each way and is read, the client closes, then
/// the server does, and the client's TIME-WAIT runs out. Two hosts of the same stack, eleven segments.
pub struct Life<P: Peer> {
    client: P,
    server: P,
    port: u16,
    packets: usize,
    bytes: usize,
    ended: usize,
}

impl<P: Peer> Life<P> {
    /// Two hosts with nothing open.
    pub fn new(checksums: Checksums) -> Self {
        let host = |address| {
            P::new(&Setup {
                address,
                connections: 1,
                time_waits: 1,
                buffer: BUFFER,
                checksums,
            })
        };
        Life {
            client: host(CLIENT),
            server: host(ADDRESS),
            port: u16::MAX,
            packets: 0,
            bytes: 0,
            ended: 0,
        }
    }

    fn live(&mut self) {
        let mut byte = [0; 1];
        self.port = self.port.checked_add(1).unwrap_or(1_024);
        self.server.listen(PORT);
        let to = SocketAddrV4::new(ADDRESS, PORT);
        let client = self.client.connect(self.port, to);
        self.client.flush();
        self.packets += carry(&mut self.client, &mut self.server);
        let Some(server) = self.server.accept() else {
            return; // `verify` will tell
        };

        self.client.write(client, b"x");
        self.client.flush();
        self.packets += carry(&mut self.client, &mut self.server);
        self.bytes += self.server.read(server, &mut byte);
        self.server.write(server, &byte);
        self.server.flush();
        self.packets += carry(&mut self.server, &mut self.client);
        self.bytes += self.client.read(client, &mut byte);

        self.client.close(client);
        self.client.flush();
        self.packets += carry(&mut self.client, &mut self.server);
        self.server.close(server);
        self.server.flush();
        self.packets += carry(&mut self.server, &mut self.client);
        let waited = self.client.state(client) == State::TimeWait;
        self.client.advance(P::TIME_WAIT);

        let is_over = self.client.state(client) == State::Closed
            && self.server.state(server) == State::Closed;
        self.client.release(client);
        self.server.release(server);
        self.ended += usize::from(waited && is_over);
    }
}

/// Carries what `from` has sent, and all that follows from it. Returns how many packets those were.
fn carry<'a, P: Peer>(mut from: &'a mut P, mut to: &'a mut P) -> usize {
    let mut packets = 0;
    while !from.sent().is_empty() {
        packets += from.sent().len();
        to.deliver_all(from.sent());
        (from, to) = (to, from);
    }
    packets
}

impl<P: Peer> Work for Life<P> {
    fn prepare(&mut self) {
        (self.packets, self.bytes, self.ended) = (0, 0, 0);
    }

    fn run(&mut self) {
        for _ in 0..ROUND {
            self.live();
        }
    }

    fn verify(&self) -> Result<(), Undone> {
        expect("bytes read", 2 * ROUND, self.bytes)?;
        expect("segments", ROUND * SEGMENTS, self.packets)?;
        expect("lives that ended as they should", ROUND, self.ended)
    }
}
