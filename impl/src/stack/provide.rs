//! What a new connection is given.

use alloc::vec::Vec;

use crate::connection::{Buffers, Congestion, Owned, Reno};
use crate::tuple::Tuple;

/// Gives new connections their buffers and their congestion control.
pub trait Provide {
    /// The buffers.
    type Buffers: Buffers;
    /// The congestion control.
    type Congestion: Congestion;

    /// For the connection of this tuple; `None` when there is no memory for it, and then it does not begin.
    fn provide(&mut self, tuple: &Tuple) -> Option<(Self::Buffers, Self::Congestion)>;

    /// A connection is over, and nobody reads from it any more.
    fn reclaim(&mut self, buffers: Self::Buffers, congestion: Self::Congestion) {
        drop((buffers, congestion));
    }
}

/// Buffers on the heap, all of the same size, within a budget; and [`Reno`].
///
/// The budget refuses; should the allocator fail within it, that is a panic, as of any allocation. Where that may be, give
/// [`Inline`](crate::connection::Inline) buffers from a [`Provide`] of your own.
///
/// Buffers come back to a shelf and are given out again: a connection that begins allocates only if more are open than
/// ever before.
#[derive(Debug)]
pub struct Heap {
    send: usize,
    receive: usize,
    most: usize,
    given: usize,
    shelf: Vec<Owned>,
}

impl Heap {
    /// `send` and `receive` bytes for each connection, at most `budget` for all of them.
    pub fn new(send: usize, receive: usize, budget: usize) -> Self {
        let most = budget / (send + receive).max(1);
        Heap {
            send,
            receive,
            most,
            given: 0,
            shelf: Vec::new(),
        }
    }

    /// Bytes in buffers that are in use.
    pub fn used(&self) -> usize {
        self.given * (self.send + self.receive)
    }
}

impl Provide for Heap {
    type Buffers = Owned;
    type Congestion = Reno;

    fn provide(&mut self, _: &Tuple) -> Option<(Owned, Reno)> {
        if self.given >= self.most {
            return None;
        }
        let buffers = match self.shelf.pop() {
            Some(b) => b,
            None => {
                // Room to come back to.
                self.shelf.try_reserve(self.given + 1).ok()?;
                Owned::new(self.send, self.receive)
            }
        };
        self.given += 1;
        Some((buffers, Reno::default()))
    }

    fn reclaim(&mut self, mut buffers: Owned, _: Reno) {
        buffers.discard_queued();
        buffers.discard();
        self.given = self.given.saturating_sub(1);
        if self.shelf.len() < self.shelf.capacity() {
            self.shelf.push(buffers);
        }
    }
}
