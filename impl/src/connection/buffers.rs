//! Where a connection's bytes are kept: the owner's choice.

use alloc::boxed::Box;
use alloc::vec;

/// The send queue and the receive buffer of a connection.
///
/// The send queue holds what the user sent and the peer has not acknowledged; its front is at SND.UNA. The receive buffer
/// holds what the user has not read, and behind it, with gaps that the connection keeps track of, what arrived early.
pub trait Buffers {
    /// Bytes in the send queue.
    fn queued(&self) -> u32;

    /// Bytes that the send queue still takes.
    fn send_room(&self) -> u32;

    /// Appends to the send queue as much as there is room for; says how much.
    fn push(&mut self, data: &[u8]) -> u32;

    /// The send queue from `at`, `len` bytes, in two parts because it may go round a ring. Shorter if there is less.
    fn text(&self, at: u32, len: u32) -> (&[u8], &[u8]);

    /// Drops `n` bytes from the front of the send queue: they are acknowledged.
    fn drop_front(&mut self, n: u32);

    /// Bytes that the user can read.
    fn readable(&self) -> u32;

    /// The receive window: bytes beyond what the user can read for which there is room.
    fn window(&self) -> u32;

    /// The receive window when everything is read: what window scaling is chosen by.
    fn receive_capacity(&self) -> u32;

    /// Puts text at `ahead` bytes behind what the user can read; what is beyond the window is left out.
    fn place(&mut self, ahead: u32, text: &[u8]);

    /// The next `n` placed bytes become readable.
    fn advance(&mut self, n: u32);

    /// Moves readable bytes to the user; says how many.
    fn read(&mut self, to: &mut [u8]) -> u32;

    /// Drops all that can be read: nobody will.
    fn discard(&mut self);

    /// Drops the send queue: nothing of it will be sent any more.
    fn discard_queued(&mut self) {
        self.drop_front(self.queued());
    }
}

/// Bytes in a ring.
#[derive(Clone, Debug)]
struct Ring<S> {
    bytes: S,
    first: u32,
    len: u32,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Ring<S> {
    #[inline]
    fn capacity(&self) -> u32 {
        self.bytes.as_ref().len() as u32
    }

    #[inline]
    fn room(&self) -> u32 {
        self.capacity() - self.len
    }

    /// Where the byte `at` places behind the first is.
    #[inline]
    fn index(&self, at: u32) -> usize {
        let sum = u64::from(self.first) + u64::from(at);
        let capacity = u64::from(self.capacity());
        (if sum >= capacity { sum - capacity } else { sum }) as usize
    }

    #[inline]
    fn slices(&self, at: u32, len: u32) -> (&[u8], &[u8]) {
        let bytes = self.bytes.as_ref();
        let len = len.min(self.capacity().saturating_sub(at)) as usize;
        if len == 0 {
            return (&[], &[]);
        }
        let from = self.index(at);
        let end = (from + len).min(bytes.len());
        let head = bytes.get(from..end).unwrap_or_default();
        (head, bytes.get(..len - head.len()).unwrap_or_default())
    }

    /// Writes at `at` bytes behind the first, within the capacity; says how many were written.
    #[inline]
    fn write(&mut self, at: u32, data: &[u8]) -> u32 {
        let n = (self.capacity().saturating_sub(at) as usize).min(data.len());
        if n == 0 {
            return 0;
        }
        let from = self.index(at);
        let bytes = self.bytes.as_mut();
        let data = data.get(..n).unwrap_or_default();
        match bytes.get_mut(from..from + n) {
            Some(to) => to.copy_from_slice(data),
            None => write_round(bytes, from, data),
        }
        n as u32
    }

    #[inline]
    fn drop_front(&mut self, n: u32) {
        let n = n.min(self.len);
        self.first = self.index(n) as u32;
        self.len -= n;
        if self.len == 0 {
            self.first = 0; // a short queue stays in the same cache lines
        }
    }

    #[inline]
    fn read(&mut self, to: &mut [u8]) -> u32 {
        let n = (self.len as usize).min(to.len());
        let Some(to) = to.get_mut(..n) else {
            return 0;
        };
        let (bytes, from) = (self.bytes.as_ref(), self.first as usize);
        match bytes.get(from..from + n) {
            Some(text) => to.copy_from_slice(text),
            None => read_round(bytes, from, to),
        }
        n as u32
    }
}

/// Text goes round the end of a ring but seldom.
#[cold]
#[inline(never)]
fn write_round(bytes: &mut [u8], from: usize, data: &[u8]) {
    let (head, tail) = data.split_at(data.len().min(bytes.len() - from));
    if let Some(to) = bytes.get_mut(from..from + head.len()) {
        to.copy_from_slice(head);
    }
    if let Some(to) = bytes.get_mut(..tail.len()) {
        to.copy_from_slice(tail);
    }
}

#[cold]
#[inline(never)]
fn read_round(bytes: &[u8], from: usize, to: &mut [u8]) {
    let (head, tail) = to.split_at_mut(to.len().min(bytes.len() - from));
    if let Some(text) = bytes.get(from..from + head.len()) {
        head.copy_from_slice(text);
    }
    if let Some(text) = bytes.get(..tail.len()) {
        tail.copy_from_slice(text);
    }
}

macro_rules! rings {
    () => {
        #[inline]
        fn queued(&self) -> u32 {
            self.send.len
        }

        #[inline]
        fn send_room(&self) -> u32 {
            self.send.room()
        }

        #[inline]
        fn push(&mut self, data: &[u8]) -> u32 {
            let n = self.send.write(self.send.len, data);
            self.send.len += n;
            n
        }

        #[inline]
        fn text(&self, at: u32, len: u32) -> (&[u8], &[u8]) {
            self.send
                .slices(at, len.min(self.send.len.saturating_sub(at)))
        }

        #[inline]
        fn drop_front(&mut self, n: u32) {
            self.send.drop_front(n);
        }

        #[inline]
        fn readable(&self) -> u32 {
            self.receive.len
        }

        #[inline]
        fn window(&self) -> u32 {
            self.receive.room()
        }

        #[inline]
        fn receive_capacity(&self) -> u32 {
            self.receive.capacity()
        }

        #[inline]
        fn place(&mut self, ahead: u32, text: &[u8]) {
            if let Some(at) = self.receive.len.checked_add(ahead) {
                self.receive.write(at, text);
            }
        }

        #[inline]
        fn advance(&mut self, n: u32) {
            self.receive.len += n.min(self.receive.room());
        }

        #[inline]
        fn read(&mut self, to: &mut [u8]) -> u32 {
            let n = self.receive.read(to);
            // What is ahead keeps its distance: only the front moves.
            self.receive.first = self.receive.index(n) as u32;
            self.receive.len -= n;
            n
        }

        fn discard(&mut self) {
            self.receive.first = self.receive.index(self.receive.len) as u32;
            self.receive.len = 0;
        }
    };
}

/// Buffers on the heap, taken when the connection begins.
#[derive(Clone, Debug)]
pub struct Owned {
    send: Ring<Box<[u8]>>,
    receive: Ring<Box<[u8]>>,
}

impl Owned {
    /// Room for `send` bytes unacknowledged and `receive` bytes unread; at most 2^30 each (RFC 7323 section 2.3).
    pub fn new(send: usize, receive: usize) -> Self {
        let ring = |n: usize| Ring {
            bytes: vec![0; n.min(1 << 30)].into_boxed_slice(),
            first: 0,
            len: 0,
        };
        Owned {
            send: ring(send),
            receive: ring(receive),
        }
    }
}

impl Buffers for Owned {
    rings!();
}

/// Buffers inside the connection: `S` bytes to send, `R` to receive. No heap.
#[derive(Clone, Debug)]
pub struct Inline<const S: usize, const R: usize> {
    send: Ring<[u8; S]>,
    receive: Ring<[u8; R]>,
}

impl<const S: usize, const R: usize> Default for Inline<S, R> {
    fn default() -> Self {
        Inline {
            send: Ring {
                bytes: [0; S],
                first: 0,
                len: 0,
            },
            receive: Ring {
                bytes: [0; R],
                first: 0,
                len: 0,
            },
        }
    }
}

impl<const S: usize, const R: usize> Buffers for Inline<S, R> {
    rings!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Both rings against plain lists, over many steps.
    fn agrees_with_lists(mut b: impl Buffers) {
        let (send, receive) = (b.send_room(), b.window());
        let (mut queue, mut unread) = (Vec::new(), Vec::new());
        let mut ahead: Vec<Option<u8>> = vec![None; receive as usize];
        let mut x = 9u64;
        let mut next = 0u8;
        for _ in 0..50_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let n = (x >> 40) as u32 % 9;
            let data: Vec<u8> = (0..n as u8).map(|d| next.wrapping_add(d)).collect();
            next = next.wrapping_add(n as u8);
            match x >> 61 {
                0 | 1 => {
                    let room = send as usize - queue.len();
                    assert_eq!(b.push(&data) as usize, data.len().min(room));
                    queue.extend(data.iter().take(room));
                }
                2 => {
                    b.drop_front(n);
                    queue.drain(..(n as usize).min(queue.len()));
                }
                3 => {
                    let at = (x >> 50) as u32 % 7;
                    let (head, tail) = b.text(at, n);
                    let end = (at + n).min(queue.len() as u32);
                    let expected = queue.get(at as usize..end as usize).unwrap_or_default();
                    assert_eq!([head, tail].concat(), expected);
                }
                4 | 5 => {
                    let at = (x >> 50) as usize % 7;
                    b.place(at as u32, &data);
                    let window = receive as usize - unread.len();
                    for (slot, d) in ahead.iter_mut().take(window).skip(at).zip(&data) {
                        *slot = Some(*d);
                    }
                    let ready = ahead.iter().take_while(|a| a.is_some()).count();
                    b.advance(ready as u32);
                    unread.extend(ahead.drain(..ready).flatten());
                    ahead.resize(receive as usize, None);
                }
                6 => {
                    let mut out = vec![0; n as usize];
                    let got = b.read(&mut out) as usize;
                    let expected: Vec<u8> =
                        unread.drain(..(n as usize).min(unread.len())).collect();
                    assert_eq!(out.get(..got), Some(&expected[..]));
                }
                _ if x & 0xf00 == 0 => {
                    b.discard();
                    unread.clear();
                }
                _ => {}
            }
            assert_eq!(b.queued() as usize, queue.len());
            assert_eq!(b.send_room() as usize, send as usize - queue.len());
            assert_eq!(b.readable() as usize, unread.len());
            assert_eq!(b.window() as usize, receive as usize - unread.len());
        }
    }

    #[test]
    fn rings_agree_with_lists() {
        agrees_with_lists(Owned::new(13, 17));
        agrees_with_lists(Inline::<5, 16>::default());
    }

    #[test]
    fn rings_without_room_take_nothing() {
        let mut b = Owned::new(0, 0);
        assert_eq!((b.push(b"x"), b.window(), b.read(&mut [0; 4])), (0, 0, 0));
        b.place(0, b"x");
        b.advance(1);
        assert_eq!((b.readable(), b.text(0, 1)), (0, (&[][..], &[][..])));
    }
}
