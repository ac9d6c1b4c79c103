//! Text that arrived before what stands in front of it (RFC 9293 SHLD-31): which sequence numbers are there.

use crate::seq::SeqNumber;

/// Pieces of text that are kept apart by gaps. A piece that would be one more is not kept, unless it is the next in order: it
/// will be sent again.
pub const MOST: usize = 4;

/// A piece: its first number, and the one behind its last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Piece {
    /// First.
    pub from: SeqNumber,
    /// Behind the last.
    pub to: SeqNumber,
}

/// Disjoint pieces in order, with gaps between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pieces {
    /// One more than are kept: that which is next in order, until it is taken.
    at: [Piece; MOST + 1],
    len: u8,
}

impl Pieces {
    /// Whether nothing is ahead.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces.
    pub fn as_slice(&self) -> &[Piece] {
        self.at.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Forgets them.
    #[inline]
    pub fn clear(&mut self) {
        *self = Pieces::default();
    }

    /// Adds the numbers from `new.from` to `new.to`, at most a window long. `write` is called for each part of it that was
    /// not there: what came first stays. Says whether it is kept; what begins at `next` always is, and is to be
    /// [taken](Pieces::take).
    pub fn add(&mut self, new: Piece, next: SeqNumber, mut write: impl FnMut(Piece)) -> bool {
        if new.from >= new.to {
            return true;
        }
        let most = if new.from == next { MOST + 1 } else { MOST };
        let old = *self;
        let mut merged = new;
        let mut kept = Pieces::default();
        let mut placed = false;
        for p in old.as_slice() {
            let joined = if p.to < merged.from {
                kept.push(*p, most)
            } else if merged.to < p.from {
                let first = placed || kept.push(merged, most);
                placed = true;
                first && kept.push(*p, most)
            } else {
                merged = Piece {
                    from: min(merged.from, p.from),
                    to: max(merged.to, p.to),
                };
                true
            };
            if !joined {
                return false;
            }
        }
        if !placed && !kept.push(merged, most) {
            return false;
        }
        let mut from = new.from;
        for p in old.as_slice() {
            let to = min(p.from, new.to);
            if from < to {
                write(Piece { from, to });
            }
            from = max(from, p.to);
        }
        if from < new.to {
            write(Piece { from, to: new.to });
        }
        *self = kept;
        true
    }

    /// Takes the piece that begins at `next`; its end.
    pub fn take(&mut self, next: SeqNumber) -> Option<SeqNumber> {
        let first = *self.as_slice().first()?;
        if first.from > next {
            return None;
        }
        self.at.copy_within(1.., 0);
        self.at[MOST] = Piece::default();
        self.len -= 1;
        Some(first.to)
    }

    fn push(&mut self, p: Piece, most: usize) -> bool {
        let Some(slot) = self.at.get_mut(usize::from(self.len)) else {
            return false;
        };
        if usize::from(self.len) == most {
            return false;
        }
        *slot = p;
        self.len += 1;
        true
    }
}

fn min(a: SeqNumber, b: SeqNumber) -> SeqNumber {
    if b < a { b } else { a }
}

fn max(a: SeqNumber, b: SeqNumber) -> SeqNumber {
    if b > a { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// Against a list of single numbers, near the wrap.
    #[test]
    fn pieces_agree_with_single_numbers() {
        const WINDOW: u32 = 24;
        let mut x = 3u64;
        let (mut full, mut taken) = (0, 0);
        for round in 0..2_000u32 {
            let mut next = SeqNumber(u32::MAX - 12).wrapping(round);
            let mut pieces = Pieces::default();
            let mut there = vec![false; WINDOW as usize];
            for _ in 0..20 {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let from = (x >> 40) as u32 % WINDOW;
                let to = (from + 1 + (x >> 50) as u32 % 4).min(WINDOW);
                let mut written = Vec::new();
                let new = Piece {
                    from: next + from,
                    to: next + to,
                };
                if pieces.add(new, next, |p| written.push(p)) {
                    for p in written {
                        let mut n = p.from;
                        while n < p.to {
                            let at = n.distance(next) as usize;
                            assert!(!there[at], "written twice");
                            there[at] = true;
                            n += 1;
                        }
                    }
                    assert!((from..to).all(|n| there[n as usize]));
                } else {
                    full += 1;
                    assert!(
                        written.is_empty() && from > 0,
                        "what is next is always taken"
                    );
                    assert_eq!(pieces.as_slice().len(), MOST);
                }
                let mut runs = Vec::new();
                for n in 0..WINDOW {
                    if there[n as usize] && (n == 0 || !there[n as usize - 1]) {
                        let len = there[n as usize..].iter().take_while(|t| **t).count() as u32;
                        runs.push(Piece {
                            from: next + n,
                            to: next + n + len,
                        });
                    }
                }
                assert_eq!(pieces.as_slice(), runs);
                let ready = there.iter().take_while(|t| **t).count() as u32;
                assert_eq!(pieces.take(next), (ready > 0).then(|| next + ready));
                taken += ready;
                there.drain(..ready as usize);
                there.resize(WINDOW as usize, false);
                next += ready;
            }
        }
        assert!(full > 50 && taken > 1_000, "{full} {taken}");
    }

    impl SeqNumber {
        fn wrapping(self, n: u32) -> SeqNumber {
            self + n % 20
        }
    }
}
