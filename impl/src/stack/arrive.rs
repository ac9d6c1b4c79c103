//! Packets arrive: which connection they are for, and what is answered if there is none.

use core::hint::black_box;

use super::bind::is_nobody;
use super::slab::NONE;
use super::{Provide, Refused, Stack};
use crate::connection::Congestion;
use crate::listen::{self, Verdict};
use crate::time::Instant;
use crate::timewait::Answer;
use crate::tuple::Tuple;
use crate::wire::{Packet, Segment};

/// Packets whose cache misses overlap.
const CHUNK: usize = 16;

/// A packet that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) packet: Packet<'a>,
    pub(super) tuple: Tuple,
    pub(super) hash: u64,
}

impl<P: Provide> Stack<P> {
    /// A packet arrives from the network.
    ///
    /// # Errors
    ///
    /// Why it was not taken; each reason has a counter in [`Counters`](super::Counters). It may have been answered all the same.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), Refused> {
        self.counters.packets_in += 1;
        let taken = match Packet::plain(packet, self.checksums) {
            Some(read) => self.arrives_plain(now, &read),
            None => self.unusual(now, packet),
        };
        if let Err(why) = &taken {
            self.counters.count(why);
        }
        taken
    }

    #[inline(always)]
    fn arrives_plain(&mut self, now: Instant, packet: &Packet<'_>) -> Result<(), Refused> {
        let h = &packet.segment.header;
        let tuple = Tuple::of_arrival(&packet.addresses, h.src_port, h.dst_port);
        if !self.stands_at(self.last, &tuple) {
            let hash = self.key.hash(&tuple);
            self.last = self.find(hash, &tuple).unwrap_or(NONE);
            if self.last == NONE {
                let packet = *packet;
                let arrival = Arrival {
                    packet,
                    tuple,
                    hash,
                };
                return self.arrives_without_connection(now, &arrival);
            }
        }
        self.arrives_at(self.last, now, &packet.segment)
    }

    /// A packet that is not plain, or is broken.
    #[cold]
    #[inline(never)]
    fn unusual(&mut self, now: Instant, packet: &[u8]) -> Result<(), Refused> {
        let packet = Packet::parse_any(packet, self.checksums)?;
        self.arrives(now, &self.located(packet))
    }

    /// Packets arrive together, in this order: the same as [`Stack::handle_packet`] for each, but while one is waited for in
    /// memory the next is sought. Says how many were taken; why the others were not is in [`Stack::counters`].
    ///
    /// Each packet may bring a reply that has no connection to wait in. A batch of no more packets than
    /// [`Limits::replies`](super::Limits::replies), with [`Stack::poll_transmit`] to the end between two, loses none.
    pub fn handle_batch(&mut self, now: Instant, packets: &[&[u8]]) -> usize {
        let mut taken = 0;
        for chunk in packets.chunks(CHUNK) {
            taken += match chunk {
                [alone] => usize::from(self.handle_packet(now, alone).is_ok()),
                _ => self.handle_chunk(now, chunk),
            };
        }
        taken
    }

    fn handle_chunk(&mut self, now: Instant, chunk: &[&[u8]]) -> usize {
        let mut arrivals = [const { None }; CHUNK];
        let mut homes = [0; CHUNK];
        let mut found = 0;
        let mut before: Option<(Tuple, u64)> = None;
        for (arrival, packet) in arrivals.iter_mut().zip(chunk) {
            self.counters.packets_in += 1;
            let packet = match Packet::parse_with(packet, self.checksums) {
                Ok(packet) => packet,
                Err(why) => {
                    self.counters.count(&why.into());
                    continue;
                }
            };
            let h = &packet.segment.header;
            let tuple = Tuple::of_arrival(&packet.addresses, h.src_port, h.dst_port);
            // Packets of one connection often follow each other.
            let hash = match before {
                Some((same, hash)) if same == tuple => hash,
                _ => {
                    let hash = self.key.hash(&tuple);
                    if let Some(home) = homes.get_mut(found) {
                        *home = hash;
                        found += 1;
                    }
                    before = Some((tuple, hash));
                    hash
                }
            };
            *arrival = Some(Arrival {
                packet,
                tuple,
                hash,
            });
        }
        // Short loops: what they ask of memory is asked for at once.
        let homes = homes.get(..found).unwrap_or(&homes);
        for hash in homes {
            black_box(self.index.touch(*hash));
        }
        let mut slots = [None; CHUNK];
        for (slot, hash) in slots.iter_mut().zip(homes) {
            *slot = self.index.first(*hash);
        }
        for slot in slots.into_iter().flatten() {
            black_box(self.touch(slot));
        }
        let mut taken = 0;
        for a in arrivals.iter().flatten() {
            match self.arrives(now, a) {
                Ok(()) => taken += 1,
                Err(why) => self.counters.count(&why),
            }
        }
        taken
    }

    /// Reads a slot's lines of memory, so that they are near when the segment is handled.
    #[inline]
    fn touch(&self, at: u32) -> Option<u64> {
        let slot = self.slab.get(at)?;
        let c = slot.connection.as_ref()?;
        let due = c.poll_timeout().map_or(0, |at| at.0);
        let far = c.iss().0 ^ c.snd_nxt().0 ^ c.congestion().window() ^ c.readable();
        Some(due ^ u64::from(far ^ slot.generation ^ slot.local))
    }

    #[inline(always)]
    fn located<'a>(&self, packet: Packet<'a>) -> Arrival<'a> {
        let h = &packet.segment.header;
        let tuple = Tuple::of_arrival(&packet.addresses, h.src_port, h.dst_port);
        Arrival {
            packet,
            tuple,
            hash: self.key.hash(&tuple),
        }
    }

    /// The connection of a tuple.
    #[inline]
    pub(super) fn find(&self, hash: u64, tuple: &Tuple) -> Option<u32> {
        let is_it = |at| self.slab.get(at).is_some_and(|s| s.tuple == *tuple);
        self.index.find(hash, is_it)
    }

    #[inline]
    fn arrives(&mut self, now: Instant, a: &Arrival<'_>) -> Result<(), Refused> {
        if !self.stands_at(self.last, &a.tuple) {
            self.last = self.find(a.hash, &a.tuple).unwrap_or(NONE);
            if self.last == NONE {
                return self.arrives_without_connection(now, a);
            }
        }
        self.arrives_at(self.last, now, &a.packet.segment)
    }

    /// Whether the connection of a tuple stands there, as the index would say.
    #[inline(always)]
    fn stands_at(&self, at: u32, tuple: &Tuple) -> bool {
        let slot = self.slab.get(at);
        slot.is_some_and(|s| s.tuple == *tuple && s.local != NONE && s.connection.is_some())
    }

    #[inline(always)]
    fn arrives_at(&mut self, at: u32, now: Instant, s: &Segment<'_>) -> Result<(), Refused> {
        if let Some(slot) = self.slab.get_mut(at)
            && let Some(c) = &mut slot.connection
        {
            let taken = c.handle_segment(self.configs.of(&slot.tuple), now, s);
            self.touched(at, now);
            return taken.map_err(Refused::Dropped);
        }
        Err(Refused::NoConnection) // cannot be: what the index has is there
    }

    /// TIME_WAIT, a listener, or nobody. Addresses are looked at only here: no connection has a bad one.
    #[inline(never)]
    fn arrives_without_connection(&mut self, now: Instant, a: &Arrival<'_>) -> Result<(), Refused> {
        let (local, remote) = (a.tuple.local(), a.tuple.remote());
        let bad_port = local.port() == 0 || remote.port() == 0;
        if bad_port || is_nobody(&local) || is_nobody(&remote) {
            return Err(Refused::BadAddress);
        }
        if !self.is_ours(&local) {
            return Err(Refused::NotOurs);
        }
        let segment = &a.packet.segment;
        match self.time_waits.get_hashed(a.hash, &a.tuple) {
            Some((_, ends)) if ends > now => return self.arrives_in_time_wait(now, a),
            Some(_) => self.leave_time_wait(a.hash, &a.tuple), // over, but not yet expired
            None => {}
        }
        let Some(listener) = self.sockets.listener_for(local) else {
            if let Some(reset) = listen::in_closed(segment) {
                self.reply(a.tuple, reset);
            }
            return Err(Refused::NoConnection);
        };
        match listen::in_listen(segment) {
            Verdict::Begin => self.begin(now, a, listener, None),
            Verdict::Ignore => Err(Refused::NotSyn),
            Verdict::Reset(reset) => {
                self.reply(a.tuple, reset);
                Err(Refused::NoConnection)
            }
        }
    }

    fn arrives_in_time_wait(&mut self, now: Instant, a: &Arrival<'_>) -> Result<(), Refused> {
        let segment = &a.packet.segment;
        let Some(record) = self.time_waits.get_mut_hashed(a.hash, &a.tuple) else {
            return Err(Refused::NoConnection);
        };
        if self.configs.v4.reopen
            && record.is_reopened_by(&segment.header, self.configs.v4.timestamps)
            && let Some(listener) = self.sockets.listener_for(a.tuple.local())
        {
            let old = *record;
            return self.begin(now, a, listener, Some(old));
        }
        match record.handle_segment(segment) {
            Answer::Nothing => {}
            Answer::Reset(reset) => self.reply(a.tuple, reset),
            Answer::Acknowledge => {
                let acknowledgment = record.acknowledgment(now);
                self.reply(a.tuple, acknowledgment);
            }
            Answer::AcknowledgeAndRestart => {
                let acknowledgment = record.acknowledgment(now);
                self.reply(a.tuple, acknowledgment);
                self.time_waits.restart_hashed(a.hash, &a.tuple, now);
            }
        }
        Ok(())
    }
}
