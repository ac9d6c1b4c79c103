//! What goes out: first what has no connection, then connections in turn.

use super::lifecycle::noted;
use super::slab::queued;
use super::{Provide, Reply, Stack};
use crate::time::Instant;
use crate::tuple::Tuple;
use crate::wire::{Checksums, Header, NoRoom, emit_packet};

/// A packet to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Its length.
    pub len: usize,
    /// The connection whose it is, or would be.
    pub tuple: Tuple,
}

/// Segments that a connection sends before others have their turn.
const TURN: u8 = 8;
/// A TCP header without options, and with the most that are ever sent.
const TCP: usize = 20;
const OPTIONS: usize = 20;

impl<P: Provide> Stack<P> {
    /// Writes the next packet to send into the front of `buf`, until there is none. Connections that have much to send
    /// take turns.
    ///
    /// # Errors
    ///
    /// The buffer is too small for what might come, and nothing is lost: 60 bytes and [`Config::mss`](crate::Config) are
    /// enough in any case, 40 and the same for IPv4.
    #[inline]
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, NoRoom> {
        if !self.replies.is_empty() {
            return self.transmit_reply(buf);
        }
        while let Some(at) = self.dirty.front() {
            if let Some(sent) = self.transmit_from(at, now, buf)? {
                self.counters.packets_out += 1;
                return Ok(Some(sent));
            }
        }
        Ok(None)
    }

    /// The first reply.
    #[inline(never)]
    fn transmit_reply(&mut self, buf: &mut [u8]) -> Result<Option<Transmit>, NoRoom> {
        let Some(Reply { tuple, header }) = self.replies.front_mut() else {
            return Ok(None);
        };
        let len = write(header, tuple, (&[], &[]), buf, self.checksums)?;
        let tuple = *tuple;
        self.replies.pop_front();
        self.counters.packets_out += 1;
        Ok(Some(Transmit { len, tuple }))
    }

    /// The next packet of the first of the dirty.
    #[inline]
    fn transmit_from(
        &mut self,
        at: u32,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<Transmit>, NoRoom> {
        let mut sent = None;
        let mut more = false;
        if let Some(slot) = self.slab.get_mut(at)
            && let Some(c) = &mut slot.connection
            && c.may_transmit()
        {
            let tuple = &slot.tuple;
            let config = self.configs.of(tuple);
            // A connection that was asked must be heard: the room comes first.
            let ip = match tuple {
                Tuple::V4(_) => 20,
                Tuple::V6(_) => 40,
            };
            let needed = ip + TCP + usize::from(config.mss).max(OPTIONS);
            if buf.len() < needed {
                let got = buf.len();
                return Err(NoRoom { needed, got });
            }
            if let Some(mut header) = c.poll_acknowledgment(config, now) {
                let len = write(&mut header, tuple, (&[], &[]), buf, self.checksums)?;
                sent = Some(Transmit { len, tuple: *tuple });
            } else if let Some(mut out) = c.poll_transmit(config, now) {
                let text = c.text(&out);
                let len = write(&mut out.header, tuple, text, buf, self.checksums)?;
                sent = Some(Transmit { len, tuple: *tuple });
                more = c.may_transmit();
            }
        }
        self.turn += 1;
        if !more {
            self.dirty.pop_front();
            self.turn = 0;
            if let Some(slot) = self.slab.get_mut(at) {
                slot.queued &= !queued::DIRTY;
                let next = noted(slot, at, &mut self.events);
                self.follow(next, at, now);
            }
        } else if self.turn >= TURN {
            self.turn = 0;
            self.dirty.rotate();
        }
        Ok(sent)
    }
}

/// The packet around a segment of this connection.
#[inline(always)]
fn write(
    header: &mut Header,
    tuple: &Tuple,
    text: (&[u8], &[u8]),
    buf: &mut [u8],
    checksums: Checksums,
) -> Result<usize, NoRoom> {
    header.src_port = tuple.local_port();
    header.dst_port = tuple.remote_port();
    emit_packet(header, &tuple.addresses(), text, buf, checksums)
}
