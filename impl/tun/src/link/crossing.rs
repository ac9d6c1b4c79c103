//! Whether SYNs, or FINs, of both hosts crossed: each was sent before the other had arrived.

use farewell::wire::{Flags, Packet};

use super::faults::Direction;

/// What crossed on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Crossed {
    /// Both hosts sent a SYN without having heard the other's: a simultaneous open.
    pub syns: bool,
    /// Both sent a FIN without having heard the other's: a simultaneous close.
    pub fins: bool,
}

/// What both hosts have sent, lost or not.
///
/// What a host had heard when it sent is told by what it acknowledges, not by when its packet came to the link: before that
/// it may have waited in the device's queue.
#[derive(Clone, Copy, Default)]
pub(super) struct Sent {
    lanes: [Lane; 2],
}

/// Of a host.
#[derive(Clone, Copy, Default)]
struct Lane {
    /// A SYN that acknowledges nothing.
    syn: bool,
    fin: Option<Fin>,
}

/// The first FIN.
#[derive(Clone, Copy)]
struct Fin {
    /// What acknowledges it.
    end: u32,
    /// What it acknowledges.
    ack: u32,
}

impl Sent {
    /// A host has sent this.
    pub(super) fn note(&mut self, direction: Direction, p: &Packet<'_>) {
        let h = &p.segment.header;
        let [acks, syn, fin] = [Flags::ACK, Flags::SYN, Flags::FIN].map(|f| h.flags.has(f));
        let lane = &mut self.lanes[direction as usize];
        lane.syn |= syn && !acks;
        if fin && lane.fin.is_none() {
            let len = u32::from(syn) + p.segment.payload.len() as u32 + 1; // a packet: 64 KiB at most
            lane.fin = Some(Fin {
                end: h.seq.0.wrapping_add(len),
                ack: h.ack.0,
            });
        }
    }

    /// What crossed; of several connections one after the other, in the first.
    pub(super) fn crossed(&self) -> Crossed {
        let [a, b] = &self.lanes;
        let fins = a.fin.zip(b.fin);
        Crossed {
            syns: a.syn && b.syn,
            fins: fins.is_some_and(|(a, b)| a.ack != b.end && b.ack != a.end),
        }
    }
}
