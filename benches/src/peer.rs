//! A host in memory: what a benchmark asks of every stack.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use crate::packets::{Packets, Segment};

/// What happens to the checksums of IPv4 and TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksums {
    /// Verified on arrival, computed on departure.
    Verified,
    /// Left to the network card, both ways.
    Ignored,
}

impl Checksums {
    /// Both settings.
    pub const ALL: [Checksums; 2] = [Checksums::Verified, Checksums::Ignored];

    /// As it stands in the names of benchmarks.
    pub fn name(self) -> &'static str {
        match self {
            Checksums::Verified => "verified",
            Checksums::Ignored => "ignored",
        }
    }
}

/// What a host is made for.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Its address.
    pub address: Ipv4Addr,
    /// Connections that it has at a time, not counting those in TIME-WAIT.
    pub connections: usize,
    /// Connections in TIME-WAIT that it has at a time.
    pub time_waits: usize,
    /// Bytes of buffer a connection has, each way.
    pub buffer: usize,
    /// What happens to checksums.
    pub checksums: Checksums,
}

/// The states that benchmarks go through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// CLOSED, or not there any more.
    Closed,
    /// ESTABLISHED.
    Established,
    /// FIN-WAIT-2.
    FinWait2,
    /// TIME-WAIT.
    TimeWait,
    /// Any other.
    Other,
}

/// A TCP host without a network, whose clock stands still unless it is told to go on.
///
/// Every host does the same: it acknowledges data at once (no delayed ACK), sends small segments at once (no Nagle), has
/// no keep-alive and no user timeout, and offers no timestamps. User calls only take note; [`Peer::flush`] sends. Nothing
/// here allocates in a way that the stack behind it could do without.
pub trait Peer: Sized {
    /// As it stands in the names of benchmarks.
    const NAME: &'static str;
    /// Connections that it can be brought to within a minute. Benchmarks that need more leave it out.
    const MOST: usize;
    /// How long it stays in TIME-WAIT.
    const TIME_WAIT: Duration;
    /// A connection.
    type Id: Copy;

    /// A host with nothing open, its clock at some time.
    fn new(setup: &Setup) -> Self;

    /// Makes ready for one connection to `port`, or more.
    fn listen(&mut self, port: u16);

    /// The connection that a peer has opened since this was last asked.
    fn accept(&mut self) -> Option<Self::Id>;

    /// OPEN, active.
    fn connect(&mut self, port: u16, to: SocketAddrV4) -> Self::Id;

    /// SEND. Returns how many bytes were taken.
    fn write(&mut self, id: Self::Id, bytes: &[u8]) -> usize;

    /// RECEIVE: copies what has arrived, as far as it fits. Returns how many bytes that was.
    fn read(&mut self, id: Self::Id, into: &mut [u8]) -> usize;

    /// CLOSE: no more data will be sent.
    fn close(&mut self, id: Self::Id);

    /// The user forgets a connection that is CLOSED; another may have its place.
    fn release(&mut self, id: Self::Id);

    /// Sends what user calls have left to send. Returns how many bytes of packets went out.
    fn flush(&mut self) -> usize;

    /// One packet arrives, and what it makes the host send goes out. Returns how many bytes of packets that was.
    fn deliver(&mut self, packet: &[u8]) -> usize;

    /// Packets arrive together, and what they make the host send goes out. Returns how many bytes of packets that was.
    fn deliver_all(&mut self, packets: &Packets) -> usize;

    /// Lets time pass, and timers fire. Returns how many bytes of packets went out.
    fn advance(&mut self, by: Duration) -> usize;

    /// What went out in the last of the four calls above.
    fn sent(&self) -> &Packets;

    /// The state of a connection.
    fn state(&self, id: Self::Id) -> State;

    /// Bytes that wait to be sent or to be acknowledged.
    fn unacknowledged(&self, id: Self::Id) -> usize;
}

/// Reads and writes packets, in the stack's own representation: nothing is converted in what is timed.
pub trait Wire {
    /// What is read of a packet.
    type Parsed<'a>;
    /// What a packet is written from.
    type Template<'a>;

    /// Reads a packet, down to the TCP payload, unless something is wrong with it.
    fn parse(packet: &[u8], checksums: Checksums) -> Option<Self::Parsed<'_>>;

    /// A sum of all that a host looks at, options included: so that none of it can be left unread.
    fn used(parsed: Self::Parsed<'_>) -> u32;

    /// What was read, to be compared with what was written.
    fn fields(packet: &[u8], checksums: Checksums) -> Option<Segment<'_>>;

    /// To write `segment` from.
    fn template<'a>(segment: &Segment<'a>) -> Self::Template<'a>;

    /// Writes the packet, both headers, into the front of `out`. Returns how many bytes it takes.
    fn emit(template: &Self::Template<'_>, checksums: Checksums, out: &mut [u8]) -> usize;
}
