//! The network: a set of segments with lifetimes.
//!
//! What was sent stays deliverable, any number of times and in any order, until its lifetime runs out. A segment
//! in flight is one 64-bit word: numbers relative to the hosts' first ISNs, the lifetime in the lowest bits.

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::endpoint::{Flags, MAX_DATA, NOW, OLDEST, Segment, Timestamps};
use crate::seq::Seq;

/// One byte of a stream names its origin: the host that wrote it, in which of its lives, at which offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// 0 or 1.
    pub host: u8,
    /// Life of the host, from 0.
    pub life: u8,
    /// Offset in the stream.
    pub offset: u8,
}

impl Symbol {
    /// The byte that stands for it.
    pub const fn byte(self) -> u8 {
        0x40 | self.host << 7 | (self.life & 3) << 3 | self.offset & 7
    }

    /// The same of the other host.
    pub const fn mirrored(self) -> Symbol {
        Symbol {
            host: 1 - (self.host & 1),
            ..self
        }
    }

    /// The symbol that a byte stands for.
    pub const fn of(byte: u8) -> Symbol {
        Symbol {
            host: byte >> 7,
            life: byte >> 3 & 3,
            offset: byte & 7,
        }
    }
}

/// A segment in flight.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(transparent)]
pub struct InFlight(U64);

const TTL_BITS: u32 = 4;
/// The longest lifetime that can be expressed, in ticks.
pub const MAX_TTL: u8 = (1 << TTL_BITS) - 1;
const BIAS: u32 = 64;

macro_rules! fields {
    ($($get:ident $shift:literal $width:literal;)*) => {
        impl InFlight { $(
            #[inline]
            const fn $get(self) -> u64 { self.0.get() >> $shift & ((1 << $width) - 1) }
        )* }
    };
}

fields! {
    ttl_field 0 4;
    val_field 8 4;
    ts_field 12 1;
    wnd_field 13 3;
    life_field 16 2;
    offset_field 18 3;
    len_field 21 3;
    flags_field 24 4;
    zero_field 28 1;
    ack_field 29 8;
    seq_field 37 8;
    sender_field 45 1;
}

/// Something about a segment that the network cannot carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// A number too far from the host's first ISN, or a window or text too large.
    Range,
    /// Text that is not one run of symbols of the sender's.
    Text,
}

/// What the sender's side of the world adds to a segment.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// Host, 0 or 1.
    pub host: u8,
    /// Its life.
    pub life: u8,
    /// ISS of that life: text and FIN are placed in the stream by it.
    pub iss: Seq,
    /// The lifetime that a segment is given.
    pub ttl: u8,
}

impl InFlight {
    const SENDER: u32 = 45;

    /// Nothing: what unused room holds.
    pub const NONE: InFlight = InFlight(U64::new(0));

    /// Packs a segment. `bases` are the hosts' first ISNs.
    pub fn pack(s: &Segment, by: Sender, bases: &[Seq; 2]) -> Result<InFlight, Unfit> {
        let own = bases[usize::from(by.host & 1)];
        let other = bases[usize::from(1 - (by.host & 1))];
        let relative = |n: Seq, base: Seq| -> Result<u64, Unfit> {
            let d = (n - base).wrapping_add(BIAS);
            if d < 256 {
                Ok(u64::from(d))
            } else {
                Err(Unfit::Range)
            }
        };
        // `<SEQ=0>` of a RST for a segment without an ACK is not a number of the sender's.
        let zero = s.flags == Flags::RST.with(Flags::ACK) && s.seq.raw() == 0;
        let seq = if zero { 0 } else { relative(s.seq, own)? };
        let ack = if s.is(Flags::ACK) {
            relative(s.ack, other)?
        } else {
            0
        };
        let in_stream = s.len > 0 || s.is(Flags::FIN);
        let (life, offset) = if in_stream {
            let offset = s.seq - (by.iss + 1);
            for (n, &b) in (0u32..).zip(s.data()) {
                if b != (Symbol {
                    host: by.host,
                    life: by.life,
                    offset: (offset + n) as u8,
                })
                .byte()
                {
                    return Err(Unfit::Text);
                }
            }
            if offset > 7 {
                return Err(Unfit::Text); // no user writes as much
            }
            (u64::from(by.life), u64::from(offset))
        } else {
            (0, 0)
        };
        if s.wnd > 7 || usize::from(s.len) > MAX_DATA || by.ttl > MAX_TTL {
            return Err(Unfit::Range);
        }
        let age = |v: u32| u64::from(NOW.wrapping_sub(v).min(u32::from(OLDEST)));
        // TSecr serves to measure round trips and decides nothing here: it is not carried.
        let (ts, val) = s.ts.map_or((0, 0), |t| (1, age(t.val)));
        Ok(InFlight(U64::new(
            u64::from(by.ttl)
                | val << 8
                | ts << 12
                | u64::from(s.wnd) << 13
                | life << 16
                | offset << 18
                | u64::from(s.len) << 21
                | u64::from(s.flags.0) << 24
                | u64::from(zero) << 28
                | ack << 29
                | seq << 37
                | u64::from(by.host & 1) << Self::SENDER
                | 1 << 46,
        )))
    }

    /// The segment as its receiver sees it.
    #[inline]
    pub fn unpack(self, bases: &[Seq; 2]) -> Segment {
        let from = self.from();
        let own = bases[usize::from(from)];
        let other = bases[usize::from(1 - from)];
        let flags = Flags(self.flags_field() as u8);
        let len = self.len_field() as u8;
        let mut text = [0; MAX_DATA];
        for n in 0..len.min(MAX_DATA as u8) {
            let offset = self.offset_field() as u8 + n;
            text[usize::from(n)] = Symbol {
                host: from,
                life: self.life(),
                offset,
            }
            .byte();
        }
        let ts = (self.ts_field() == 1).then(|| Timestamps {
            val: NOW - self.val_field() as u32,
            ecr: 0,
        });
        Segment {
            seq: if self.zero_field() == 1 {
                Seq::new(0)
            } else {
                own + self.seq_field() as u32 - BIAS
            },
            ack: if flags.has(Flags::ACK) {
                other + self.ack_field() as u32 - BIAS
            } else {
                Seq::default()
            },
            flags,
            wnd: self.wnd_field() as u8,
            len,
            text,
            ts,
        }
    }

    /// The host that sent it, 0 or 1.
    #[inline]
    pub fn from(self) -> u8 {
        self.sender_field() as u8
    }

    /// The life of its sender, for text and FIN; 0 for anything else.
    #[inline]
    pub fn life(self) -> u8 {
        self.life_field() as u8
    }

    /// Ticks it has left; it can be delivered at 0 still.
    #[inline]
    pub fn ttl(self) -> u8 {
        self.ttl_field() as u8
    }

    /// Whether it has these control bits.
    #[inline]
    pub fn has(self, f: Flags) -> bool {
        Flags(self.flags_field() as u8).has(f)
    }

    /// Whether it carries symbols of a stream: text or a FIN.
    #[inline]
    pub fn is_in_stream(self) -> bool {
        self.len_field() > 0 || self.has(Flags::FIN)
    }

    pub(super) fn word(self) -> u64 {
        self.0.get()
    }

    pub(super) fn from_word(word: u64) -> Self {
        InFlight(U64::new(word))
    }

    /// Everything but the lifetime.
    #[inline]
    pub fn identity(self) -> u64 {
        self.0.get() >> TTL_BITS
    }

    /// The same segment sent by the other host.
    pub(super) fn mirrored(self) -> InFlight {
        InFlight(U64::new(self.0.get() ^ 1 << Self::SENDER))
    }

    /// One tick later: `None` when its lifetime is over. Its timestamps grow older.
    fn older(self) -> Option<InFlight> {
        if self.ttl() == 0 {
            return None;
        }
        let mut word = self.0.get() - 1;
        if self.ts_field() == 1 && self.val_field() < u64::from(OLDEST) {
            word += 1 << 8;
        }
        Some(InFlight(U64::new(word)))
    }
}

impl std::fmt::Debug for InFlight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} ttl {}",
            self.unpack(&[Seq::new(0), Seq::new(0)]),
            self.ttl()
        )
    }
}

/// What adding a segment did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// It was there with a full lifetime.
    Nothing,
    /// It was there and its lifetime has been renewed.
    Renewed,
    /// It is new.
    New,
    /// There is no room for it: a bound has been hit.
    NoRoom,
}

/// Adds a segment to a sorted set.
pub fn add<const N: usize>(net: &mut [InFlight; N], live: &mut u8, s: InFlight) -> Added {
    let n = usize::from(*live);
    let at = net[..n].partition_point(|x| x.identity() < s.identity());
    if at < n && net[at].identity() == s.identity() {
        if net[at].ttl() >= s.ttl() {
            return Added::Nothing;
        }
        net[at] = s;
        return Added::Renewed;
    }
    if n == N {
        return Added::NoRoom;
    }
    net.copy_within(at..n, at + 1);
    net[at] = s;
    *live += 1;
    Added::New
}

/// A tick passes for the segments that it `ages`: lifetimes shrink, what is over is gone. Stays sorted, unused room is
/// empty.
pub fn tick<const N: usize>(
    net: &mut [InFlight; N],
    live: &mut u8,
    ages: impl Fn(InFlight) -> bool,
) {
    let n = usize::from(*live);
    let mut kept = 0;
    for i in 0..n {
        let kept_on = if ages(net[i]) {
            net[i].older()
        } else {
            Some(net[i])
        };
        if let Some(s) = kept_on {
            net[kept] = s;
            kept += 1;
        }
    }
    net[kept..n].fill(InFlight::NONE);
    // Ages may have saturated: equal identities merge, the longer lifetime stays.
    net[..kept].sort_unstable_by_key(|s| (s.identity(), std::cmp::Reverse(s.ttl())));
    let mut unique = 0;
    for i in 0..kept {
        if unique == 0 || net[unique - 1].identity() != net[i].identity() {
            net[unique] = net[i];
            unique += 1;
        }
    }
    net[unique..kept].fill(InFlight::NONE);
    *live = unique as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASES: [Seq; 2] = [Seq::new(u32::MAX - 1), Seq::new(7000)];

    fn by(host: u8, life: u8, iss: Seq) -> Sender {
        Sender {
            host,
            life,
            iss,
            ttl: 2,
        }
    }

    fn text(host: u8, life: u8, from: u8, len: u8) -> [u8; MAX_DATA] {
        let mut t = [0; MAX_DATA];
        for n in 0..len {
            t[usize::from(n)] = Symbol {
                host,
                life,
                offset: from + n,
            }
            .byte();
        }
        t
    }

    #[test]
    fn a_segment_survives_packing_across_the_wrap() {
        let s = Segment {
            seq: BASES[0] + 2,
            ack: BASES[1] + 5,
            flags: Flags::ACK.with(Flags::FIN),
            wnd: 4,
            len: 2,
            text: text(0, 1, 1, 2),
            ts: Some(Timestamps {
                val: NOW - 3,
                ecr: 0,
            }),
        };
        let p = InFlight::pack(&s, by(0, 1, BASES[0]), &BASES).unwrap();
        assert_eq!(p.unpack(&BASES), s);
        assert_eq!((p.from(), p.life(), p.ttl()), (0, 1, 2));
        let reset = Segment {
            ack: BASES[0] + 1,
            flags: Flags::RST.with(Flags::ACK),
            ..Segment::default()
        };
        let p = InFlight::pack(&reset, by(1, 0, BASES[1]), &BASES).unwrap();
        assert_eq!(p.unpack(&BASES), reset);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let far = Segment {
            seq: BASES[0] + 1000,
            flags: Flags::RST,
            ..Segment::default()
        };
        assert_eq!(
            InFlight::pack(&far, by(0, 0, BASES[0]), &BASES),
            Err(Unfit::Range)
        );
        // Text of another life, or at the wrong place in the stream.
        let s = Segment {
            seq: BASES[0] + 1,
            ack: BASES[1] + 1,
            flags: Flags::ACK,
            len: 1,
            text: text(0, 0, 0, 1),
            ..Segment::default()
        };
        assert!(InFlight::pack(&s, by(0, 0, BASES[0]), &BASES).is_ok());
        assert_eq!(
            InFlight::pack(&s, by(0, 1, BASES[0]), &BASES),
            Err(Unfit::Text)
        );
        assert_eq!(
            InFlight::pack(&s, by(0, 0, BASES[0] - 1), &BASES),
            Err(Unfit::Text)
        );
    }

    #[test]
    fn a_lifetime_of_two_ticks_is_deliverable_until_the_third() {
        let s = Segment {
            seq: BASES[0],
            flags: Flags::SYN,
            ..Segment::default()
        };
        let p = InFlight::pack(&s, by(0, 0, BASES[0]), &BASES).unwrap();
        let mut net = [InFlight::NONE; 4];
        let mut live = 0;
        assert_eq!(add(&mut net, &mut live, p), Added::New);
        assert_eq!(add(&mut net, &mut live, p), Added::Nothing);
        tick(&mut net, &mut live, |_| true);
        assert_eq!(add(&mut net, &mut live, p), Added::Renewed);
        for left in [1, 0] {
            tick(&mut net, &mut live, |_| true);
            assert_eq!((live, net[0].ttl()), (1, left));
        }
        tick(&mut net, &mut live, |_| true);
        assert_eq!((live, net), (0, [InFlight::NONE; 4]));
    }

    #[test]
    fn a_full_network_says_so() {
        let mut net = [InFlight::NONE; 2];
        let mut live = 0;
        for n in 0..3 {
            let s = Segment {
                seq: BASES[0] + n,
                flags: Flags::RST,
                ..Segment::default()
            };
            let p = InFlight::pack(&s, by(0, 0, BASES[0]), &BASES).unwrap();
            assert_eq!(
                add(&mut net, &mut live, p),
                if n < 2 { Added::New } else { Added::NoRoom }
            );
        }
    }
}
