//! What users could see, per host and life: bytes written and read, ends, what they were told.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::plan::MAX_LIVES;
use crate::properties::Fault;

/// One life of one host, as its user saw it.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct Life {
    /// Bytes written: bits 0-2; bytes read: bits 3-5; the end was read: bit 6; our FIN was accepted by the peer: bit 7.
    streams: u8,
    /// The peer's life it read from plus one: bits 0-1; told closed: bit 2; told an error: bit 3;
    /// ended by its own doing (abort, crash, gave up): bit 4.
    told: u8,
}

impl Life {
    /// Bytes written.
    pub fn written(&self) -> u8 {
        self.streams & 7
    }

    /// Bytes read.
    pub fn read(&self) -> u8 {
        self.streams >> 3 & 7
    }

    /// The end of the stream was read.
    pub fn read_end(&self) -> bool {
        self.streams & 0x40 != 0
    }

    /// The peer's TCP has accepted our FIN.
    pub fn fin_accepted(&self) -> bool {
        self.streams & 0x80 != 0
    }

    /// The peer's life that it read from.
    pub fn pair(&self) -> Option<u8> {
        (self.told & 3).checked_sub(1)
    }

    /// The user was told that the CLOSE is acknowledged.
    pub fn told_closed(&self) -> bool {
        self.told & 4 != 0
    }

    /// The user was told an error.
    pub fn told_error(&self) -> bool {
        self.told & 8 != 0
    }

    /// It aborted, crashed or gave up, or was itself told that it is over: what reaches it now is answered with RST.
    pub fn is_cause(&self) -> bool {
        self.told & (16 | 8) != 0
    }

    pub(crate) fn write(&mut self, n: u8) {
        self.streams += n;
    }

    pub(crate) fn set_fin_accepted(&mut self) {
        self.streams |= 0x80;
    }

    pub(crate) fn set_told_closed(&mut self) {
        self.told |= 4;
    }

    pub(crate) fn set_told_error(&mut self) {
        self.told |= 8;
    }

    pub(crate) fn set_cause(&mut self) {
        self.told |= 16;
    }
}

/// All lives of both hosts.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Debug,
    Default,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct History {
    /// By host and life.
    pub lives: [[Life; MAX_LIVES]; 2],
}

impl History {
    /// One life.
    #[inline]
    pub fn life(&self, host: usize, life: u8) -> &Life {
        &self.lives[host & 1][usize::from(life).min(MAX_LIVES - 1)]
    }

    #[inline]
    pub(crate) fn life_mut(&mut self, host: usize, life: u8) -> &mut Life {
        &mut self.lives[host & 1][usize::from(life).min(MAX_LIVES - 1)]
    }

    /// A symbol of the peer's life `of` is read: pairing is judged by what the streams exchange.
    fn pair_with(&mut self, host: usize, life: u8, of: u8) -> u32 {
        match self.life(host, life).pair() {
            Some(p) if p != of => Fault::Mixed.bit(),
            Some(_) => 0,
            None => {
                let taken = (0..MAX_LIVES as u8)
                    .any(|l| l != life && self.life(host, l).pair() == Some(of));
                self.life_mut(host, life).told |= of + 1;
                if taken { Fault::Twice.bit() } else { 0 }
            }
        }
    }

    /// `host` reads the byte at `offset` of the peer's life `of`. Returns faults.
    pub(crate) fn read_byte(&mut self, host: usize, life: u8, of: u8, offset: u8) -> u32 {
        let mut faults = self.pair_with(host, life, of);
        let l = self.life_mut(host, life);
        if l.read() != offset || l.read_end() {
            faults |= Fault::Order.bit();
        }
        if l.read() < 7 {
            l.streams += 8;
        }
        faults
    }

    /// `host` reads the end of the stream of the peer's life `of`; `None` when no FIN has been accepted at all.
    pub(crate) fn read_the_end(&mut self, host: usize, life: u8, of: Option<u8>) -> u32 {
        self.life_mut(host, life).streams |= 0x40;
        let Some(of) = of else {
            return Fault::EarlyEnd.bit();
        };
        let faults = self.pair_with(host, life, of);
        let all = self.life(host, life).read() == self.life(1 - host, of).written();
        if all {
            faults
        } else {
            faults | Fault::EarlyEnd.bit()
        }
    }

    /// Whether a life of the peer's that may belong to this one ended by its own doing.
    pub(crate) fn peer_is_cause(&self, host: usize, life: u8) -> bool {
        let of = self.life(host, life).pair();
        (0..MAX_LIVES as u8).any(|p| {
            let elsewhere =
                (0..MAX_LIVES as u8).any(|l| l != life && self.life(host, l).pair() == Some(p));
            self.life(1 - host, p).is_cause() && of.map_or(!elsewhere, |of| of == p)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_lives_written() -> History {
        let mut h = History::default();
        h.life_mut(1, 0).write(2);
        h.life_mut(1, 1).write(1);
        h
    }

    #[test]
    fn a_stream_read_in_order_to_its_end_is_fine() {
        let mut h = two_lives_written();
        assert_eq!(
            h.read_byte(0, 0, 0, 0) | h.read_byte(0, 0, 0, 1) | h.read_the_end(0, 0, Some(0)),
            0
        );
        assert_eq!(h.read_byte(0, 1, 1, 0) | h.read_the_end(0, 1, Some(1)), 0);
        assert_eq!(
            (
                h.life(0, 1).pair(),
                h.life(0, 1).read(),
                h.life(0, 1).read_end()
            ),
            (Some(1), 1, true)
        );
    }

    #[test]
    fn each_mistake_in_a_stream_is_seen() {
        let mut h = two_lives_written();
        assert_eq!(h.read_byte(0, 0, 0, 1), Fault::Order.bit());
        let mut h = two_lives_written();
        assert_eq!(h.read_byte(0, 0, 0, 0), 0);
        assert_eq!(h.read_byte(0, 0, 0, 0), Fault::Order.bit());
        let mut h = two_lives_written();
        assert_eq!(h.read_byte(0, 0, 0, 0), 0);
        assert_eq!(h.read_byte(0, 0, 1, 1), Fault::Mixed.bit());
        let mut h = two_lives_written();
        assert_eq!(h.read_byte(0, 0, 0, 0), 0);
        assert_eq!(h.read_the_end(0, 0, Some(0)), Fault::EarlyEnd.bit());
        let mut h = two_lives_written();
        assert_eq!(h.read_byte(0, 0, 0, 0), 0);
        assert_eq!(h.read_byte(0, 1, 0, 0), Fault::Twice.bit());
        assert_eq!(
            History::default().read_the_end(0, 0, None),
            Fault::EarlyEnd.bit()
        );
    }

    #[test]
    fn a_cause_counts_only_for_the_life_it_may_belong_to() {
        let mut h = two_lives_written();
        h.life_mut(1, 0).set_cause();
        assert!(h.peer_is_cause(0, 0) && h.peer_is_cause(0, 1));
        assert_eq!(h.read_byte(0, 0, 0, 0), 0);
        assert!(h.peer_is_cause(0, 0) && !h.peer_is_cause(0, 1));
    }
}
