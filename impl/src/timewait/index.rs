//! From a hash to a place in a list: open addressing of fixed size.
//!
//! hashbrown is not used: a removal may leave a tombstone, and a table that fills and empties at a constant length ends by
//! allocating twice its memory, whatever was reserved. Here a removal shifts its followers back ("robin hood" hashing
//! with linear probing), so nothing is left behind. Half of the buckets stay empty.

extern crate alloc;

use alloc::vec::Vec;

/// No place.
pub(crate) const NONE: u32 = u32::MAX;

/// How far from home an entry may be. With a keyed hash nobody gets near it: of a hundred million entries one does with a
/// probability below 10^-12.
const FARTHEST: u8 = u8::MAX;

/// Six bytes, of which the place takes four: in halves for the sake of alignment.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    at: [u16; 2],
    /// Steps from where the hash points.
    distance: u8,
    /// Bits of the hash that the home does not depend on: they spare a look at most others.
    tag: u8,
}

impl Bucket {
    const EMPTY: Bucket = Bucket {
        at: [u16::MAX; 2],
        distance: 0,
        tag: 0,
    };

    fn new(at: u32, distance: u8, tag: u8) -> Bucket {
        Bucket {
            at: [(at >> 16) as u16, at as u16],
            distance,
            tag,
        }
    }

    #[inline]
    fn at(self) -> u32 {
        u32::from(self.at[0]) << 16 | u32::from(self.at[1])
    }

    #[inline]
    fn is_empty(self) -> bool {
        self.at() == NONE
    }
}

/// Places, found by the hash of what stands there.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    buckets: Vec<Bucket>,
}

impl Index {
    /// Room for `limit` places; none if there is no memory for them.
    pub(crate) fn new(limit: usize) -> Option<Self> {
        let count = limit.checked_mul(2)?;
        let mut buckets = Vec::new();
        buckets.try_reserve_exact(count).ok()?;
        buckets.resize(count, Bucket::EMPTY);
        Some(Index { buckets })
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<Bucket>()
    }

    /// The place with this hash of which `is_it` is true.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.search(hash, is_it).map(|(_, at)| at)
    }

    /// The home of a hash, read for no other reason than to have it near.
    #[inline]
    pub(crate) fn touch(&self, hash: u64) -> u32 {
        self.bucket(self.home(hash)).map_or(NONE, Bucket::at)
    }

    /// The first place whose bits of the hash agree: most probably the one, if it is there.
    #[inline]
    pub(crate) fn first(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Adds a place, which must not be there. Says whether it could: not if too many share its neighbourhood, or if the
    /// limit is reached and passed.
    #[must_use]
    pub(crate) fn insert(&mut self, hash: u64, at: u32) -> bool {
        let mut new = Bucket::new(at, 0, hash as u8);
        let mut pos = self.home(hash);
        loop {
            match self.bucket(pos) {
                Some(b) if !b.is_empty() && b.distance >= new.distance => {}
                Some(_) => break,
                None => return false,
            }
            if new.distance == FARTHEST {
                return false;
            }
            new.distance += 1;
            pos = self.after(pos);
        }
        if !self.can_shift(pos) {
            return false;
        }
        // Who stands here is nearer to home than the new one: he and all behind him move one on, into the first gap.
        while let Some(bucket) = self.buckets.get_mut(pos) {
            core::mem::swap(bucket, &mut new);
            if new.is_empty() {
                break;
            }
            new.distance += 1;
            pos = self.after(pos);
        }
        true
    }

    /// Whether from `pos` on, up to a gap, all can move one on.
    fn can_shift(&self, mut pos: usize) -> bool {
        for _ in 0..self.buckets.len() {
            match self.bucket(pos) {
                Some(b) if b.is_empty() => return true,
                Some(b) if b.distance < FARTHEST => pos = self.after(pos),
                _ => return false,
            }
        }
        false
    }

    /// Takes out the place `at`, which has this hash. Says whether it was there.
    pub(crate) fn remove(&mut self, hash: u64, at: u32) -> bool {
        let Some((mut pos, _)) = self.search(hash, |x| x == at) else {
            return false;
        };
        // Those behind that are not at home move one back.
        loop {
            let next = self.after(pos);
            let follower = match self.bucket(next) {
                Some(b) if !b.is_empty() && b.distance > 0 => Bucket {
                    distance: b.distance - 1,
                    ..b
                },
                _ => Bucket::EMPTY,
            };
            if let Some(bucket) = self.buckets.get_mut(pos) {
                *bucket = follower;
            }
            if follower.is_empty() {
                return true;
            }
            pos = next;
        }
    }

    /// Which bucket it is in, and its place.
    #[inline]
    fn search(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let mut pos = self.home(hash);
        let mut distance = 0;
        loop {
            let b = self.bucket(pos)?;
            let at = b.at();
            // It would have taken the place of somebody nearer to home.
            if at == NONE || b.distance < distance {
                return None;
            }
            if b.distance == distance && b.tag == hash as u8 && is_it(at) {
                return Some((pos, at));
            }
            if distance == FARTHEST {
                return None;
            }
            distance += 1;
            pos = self.after(pos);
        }
    }

    #[inline]
    fn bucket(&self, pos: usize) -> Option<Bucket> {
        self.buckets.get(pos).copied()
    }

    /// The hash, scaled to the number of buckets: no power of two is needed.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.buckets.len() as u128) >> 64) as usize
    }

    #[inline]
    fn after(&self, pos: usize) -> usize {
        if pos + 1 < self.buckets.len() {
            pos + 1
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(x: &mut u64) -> u64 {
        *x = x
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*x >> 33) ^ (*x << 31)
    }

    /// Against a plain list, with few different hashes, so that runs are long and go round the end.
    #[test]
    fn it_agrees_with_a_naive_list() {
        for (limit, hashes) in [(1, 1), (2, 8), (3, 2), (12, 3), (50, 20), (50, u64::MAX)] {
            let mut index = Index::new(limit).unwrap();
            let mut naive: Vec<(u64, u32)> = Vec::new();
            let mut x = 1;
            for step in 0..40_000u32 {
                // Homes crowd around the wrap: the multiple is near the top of the hash.
                let hash = (random(&mut x) % hashes)
                    .wrapping_mul(!0 / 5)
                    .wrapping_sub(9);
                if random(&mut x).is_multiple_of(2) && naive.len() < limit {
                    assert!(index.insert(hash, step));
                    naive.push((hash, step));
                } else if !naive.is_empty() {
                    let which = random(&mut x) as usize % naive.len();
                    let (hash, at) = naive.swap_remove(which);
                    assert!(index.remove(hash, at) && !index.remove(hash, at));
                }
                for (hash, at) in &naive {
                    assert_eq!(index.find(*hash, |x| x == *at), Some(*at));
                }
                assert_eq!(index.find(hash, |x| x == u32::MAX - 1), None);
            }
            for (hash, at) in naive.drain(..) {
                assert!(index.remove(hash, at));
            }
            assert!(index.buckets.iter().all(|b| b.is_empty()));
            assert_eq!(index.bytes(), limit * 2 * 6);
        }
    }

    #[test]
    fn who_is_too_far_from_home_is_refused_and_nothing_is_lost() {
        const HOME: u64 = u64::MAX / 2;
        const BEFORE: u64 = HOME - u64::MAX / 2_000;
        let mut index = Index::new(1_000).unwrap();
        let there = |index: &Index, hash, at| index.find(hash, |x| x == at).is_some();
        let most = u32::from(FARTHEST) + 1;
        for at in 0..most {
            assert!(index.insert(HOME, at));
        }
        assert!(!index.insert(HOME, most));
        // The second of those before them would push the last one too far.
        assert!(index.insert(BEFORE, 1_000) && !index.insert(BEFORE, 1_001));
        assert!((0..most).all(|at| there(&index, HOME, at)));
        assert!(there(&index, BEFORE, 1_000) && !there(&index, BEFORE, 1_001));
        assert!(index.remove(HOME, 3));
        assert!(index.insert(BEFORE, 1_001) && !index.insert(HOME, most));
        assert!((0..most).all(|at| there(&index, HOME, at) == (at != 3)));
        assert!(there(&index, BEFORE, 1_000) && there(&index, BEFORE, 1_001));
    }

    #[test]
    fn no_room_is_no_room() {
        let mut none = Index::new(0).unwrap();
        assert!(!none.insert(1, 1) && !none.remove(1, 1) && none.find(1, |_| true).is_none());
        let mut one = Index::new(1).unwrap();
        assert!(one.insert(1, 1) && one.insert(2, 2) && !one.insert(3, 3));
        assert!(Index::new(usize::MAX / 2).is_none());
    }
}
