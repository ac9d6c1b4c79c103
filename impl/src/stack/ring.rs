//! A queue of slots in memory that is taken once.

use alloc::vec::Vec;

/// A queue for as many slots as there may be, each of which stands in it at most once: so it is never too small, and
/// never grows.
#[derive(Debug)]
pub(super) struct Ring {
    places: Vec<u32>,
    first: usize,
    len: usize,
}

impl Ring {
    /// Room for so many; none if there is no memory for them.
    pub(super) fn new(room: usize) -> Option<Self> {
        let mut places = Vec::new();
        places.try_reserve_exact(room).ok()?;
        places.resize(room, 0);
        Some(Ring {
            places,
            first: 0,
            len: 0,
        })
    }

    #[inline]
    pub(super) fn front(&self) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        self.places.get(self.first).copied()
    }

    #[inline]
    pub(super) fn push_back(&mut self, at: u32) {
        let behind = self.first + self.len;
        let room = self.places.len();
        let place = if behind < room { behind } else { behind - room };
        debug_assert!(self.len < room, "a slot stands in it twice");
        if let Some(p) = self.places.get_mut(place) {
            *p = at;
            self.len += 1;
        }
    }

    #[inline]
    pub(super) fn pop_front(&mut self) {
        if self.len > 0 {
            self.len -= 1;
            self.first += 1;
            if self.first == self.places.len() {
                self.first = 0;
            }
        }
    }

    /// The first goes to the end.
    #[inline]
    pub(super) fn rotate(&mut self) {
        if let Some(at) = self.front() {
            self.pop_front();
            self.push_back(at);
        }
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let all = self.places.iter().cycle().skip(self.first);
        all.take(self.len).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;

    #[test]
    fn it_is_a_queue() {
        let (mut ring, mut queue) = (Ring::new(5).unwrap(), VecDeque::new());
        for n in 0..200u32 {
            match n * 7 % 5 {
                0 | 1 | 3 if queue.len() < 5 => {
                    ring.push_back(n);
                    queue.push_back(n);
                }
                4 if !queue.is_empty() => {
                    ring.rotate();
                    queue.rotate_left(1);
                }
                _ => {
                    ring.pop_front();
                    queue.pop_front();
                }
            }
            assert_eq!(ring.front(), queue.front().copied());
            assert!(ring.iter().eq(queue.iter().copied()));
        }
        assert_eq!(Ring::new(0).unwrap().front(), None);
    }
}
