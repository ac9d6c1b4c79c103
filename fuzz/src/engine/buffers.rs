//! Buffers of a few bytes that are a plain value.

use farewell::connection::Buffers;
use farewell_model::endpoint::MAX_DATA;

/// At most [`MAX_DATA`] bytes each way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Few {
    pub(crate) queued: [u8; MAX_DATA],
    pub(crate) queued_len: u8,
    pub(crate) received: [u8; MAX_DATA],
    pub(crate) received_len: u8,
    /// What is beyond RCV.NXT, by distance.
    pub(crate) ahead: [u8; MAX_DATA],
    /// The receive buffer.
    pub(crate) capacity: u8,
    /// The user reads at once: the window never changes.
    pub(crate) fixed: bool,
}

fn drop_front(bytes: &mut [u8; MAX_DATA], n: usize) {
    let n = n.min(MAX_DATA);
    bytes.copy_within(n.., 0);
    bytes[MAX_DATA - n..].fill(0);
}

impl Buffers for Few {
    fn queued(&self) -> u32 {
        self.queued_len.into()
    }

    fn send_room(&self) -> u32 {
        MAX_DATA as u32 - self.queued()
    }

    fn push(&mut self, data: &[u8]) -> u32 {
        let from = usize::from(self.queued_len);
        let n = data.len().min(MAX_DATA - from);
        self.queued[from..from + n].copy_from_slice(&data[..n]);
        self.queued_len += n as u8;
        n as u32
    }

    fn text(&self, at: u32, len: u32) -> (&[u8], &[u8]) {
        let to = (at + len).min(self.queued());
        let text = self.queued.get(at as usize..to as usize);
        (text.unwrap_or_default(), &[])
    }

    fn drop_front(&mut self, n: u32) {
        let n = n.min(self.queued());
        drop_front(&mut self.queued, n as usize);
        self.queued_len -= n as u8;
    }

    fn readable(&self) -> u32 {
        self.received_len.into()
    }

    fn window(&self) -> u32 {
        if self.fixed {
            return self.capacity.into();
        }
        self.capacity.saturating_sub(self.received_len).into()
    }

    fn receive_capacity(&self) -> u32 {
        self.capacity.into()
    }

    fn place(&mut self, ahead: u32, text: &[u8]) {
        let slots = self.ahead.iter_mut().skip(ahead as usize);
        for (slot, b) in slots.zip(text) {
            *slot = *b;
        }
    }

    fn advance(&mut self, n: u32) {
        let from = usize::from(self.received_len);
        let n = (n as usize).min(MAX_DATA - from);
        self.received[from..from + n].copy_from_slice(&self.ahead[..n]);
        self.received_len += n as u8;
        drop_front(&mut self.ahead, n);
    }

    fn read(&mut self, to: &mut [u8]) -> u32 {
        let n = to.len().min(self.received_len.into());
        to[..n].copy_from_slice(&self.received[..n]);
        drop_front(&mut self.received, n);
        self.received_len -= n as u8;
        n as u32
    }

    fn discard(&mut self) {
        self.received = Default::default();
        self.received_len = 0;
    }
}
