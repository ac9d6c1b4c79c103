//! The loop: packets from the device through the link to the stack, and back.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

use farewell::stack::Heap;
use farewell::wire::NoRoom;
use farewell::{Instant, Stack};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::capture::{Capture, CaptureError, Heading, Host};
use crate::device::{Device, DeviceError, Sent};
use crate::link::{Direction, Link};

/// Why the loop cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The capture.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Waiting for the device.
    #[error("waiting for packets: {0}")]
    Wait(#[from] Errno),
    /// The stack wants to send what is larger than any packet: it cannot be.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// How often something happened at the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceCounts {
    /// Packets read from it.
    pub received: u64,
    /// Packets written to it.
    pub sent: u64,
    /// Packets it lost: down, or no memory.
    pub lost: u64,
    /// Times it had no room.
    pub full: u64,
}

/// Packets that are read, and that go to the stack, together: no more than its replies have room for.
const BATCH: usize = 256;
/// The largest packet.
const PACKET: usize = 1 << 16;

/// Owns a stack and its device. The time is handed in.
///
/// Whoever has it calls [`Driver::turn`] whenever the device has something, the time of [`Driver::next`] has come, or it has
/// called the stack; after each it asks the stack for events.
pub struct Driver<D> {
    stack: Stack<Heap>,
    device: D,
    link: Link,
    capture: Option<Capture>,
    counts: DeviceCounts,
    /// For which the device had no room.
    waiting: VecDeque<Vec<u8>>,
    buf: Box<[u8]>,
}

impl<D: Device> Driver<D> {
    /// Of a stack and a device, with a link between them.
    pub fn new(stack: Stack<Heap>, device: D, link: Link) -> Self {
        Driver {
            stack,
            device,
            link,
            capture: None,
            counts: DeviceCounts::default(),
            waiting: VecDeque::new(),
            buf: vec![0; PACKET].into_boxed_slice(),
        }
    }

    /// From now on both ends of the link are captured.
    pub fn set_capture(&mut self, capture: Capture) {
        self.capture = Some(capture);
    }

    /// The stack.
    pub fn stack(&self) -> &Stack<Heap> {
        &self.stack
    }

    /// The stack, to call it; a [turn](Driver::turn) follows.
    pub fn stack_mut(&mut self) -> &mut Stack<Heap> {
        &mut self.stack
    }

    /// The link.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The link, to watch a connection.
    pub fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }

    /// The device.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device, to change how it is set.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// What happened at the device.
    pub fn counts(&self) -> DeviceCounts {
        self.counts
    }

    /// Whether packets wait for the device to have room.
    pub fn waits_for_room(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// When the next turn is due though the device has nothing; `None` if nothing is waited for.
    pub fn next(&self) -> Option<Instant> {
        match (self.stack.poll_timeout(), self.link.next()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Moves packets: from the device, through the link, into the stack, the other way round, and timers. Says whether there
    /// may be more to do at once.
    ///
    /// # Errors
    ///
    /// The device is gone; the capture cannot be written.
    pub fn turn(&mut self, now: Instant) -> Result<bool, DriverError> {
        // First what users have called for: it does not wait for what may have arrived.
        self.transmit(now)?;
        self.write(now)?;
        let more_read = self.read(now)?;
        let more_arrived = self.arrive(now)?;
        if self.stack.poll_timeout().is_some_and(|due| due <= now) {
            self.stack.handle_timeout(now);
        }
        self.transmit(now)?;
        self.write(now)?;
        let due = self.next().is_some_and(|due| due <= now) && !self.waits_for_room();
        Ok(more_read || more_arrived || due)
    }

    /// From the device into the link; says whether there may be more.
    fn read(&mut self, now: Instant) -> Result<bool, DriverError> {
        for _ in 0..BATCH {
            let Some(len) = self.device.receive(&mut self.buf)? else {
                return Ok(false);
            };
            self.counts.received += 1;
            let packet = self.buf.get(..len).unwrap_or_default();
            if let Some(c) = &mut self.capture {
                c.record(Host::Kernel, Heading::Out, now, packet)?;
            }
            self.link.enter(Direction::ToFarewell, now, packet);
        }
        Ok(true)
    }

    /// From the link into the stack; says whether there may be more.
    fn arrive(&mut self, now: Instant) -> Result<bool, DriverError> {
        let mut batch: Vec<Vec<u8>> = Vec::new();
        while batch.len() < BATCH
            && let Some(bytes) = self.link.leave(Direction::ToFarewell, now)
        {
            if let Some(c) = &mut self.capture {
                c.record(Host::Farewell, Heading::In, now, &bytes)?;
            }
            batch.push(bytes);
        }
        let packets: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
        // Why some are not taken is counted there.
        self.stack.handle_batch(now, &packets);
        let full = batch.len() == BATCH;
        for bytes in batch {
            self.link.recycle(bytes);
        }
        Ok(full)
    }

    /// From the stack into the link. While the device has no room nothing is taken from the stack.
    fn transmit(&mut self, now: Instant) -> Result<(), DriverError> {
        if self.waits_for_room() {
            return Ok(());
        }
        while let Some(sent) = self.stack.poll_transmit(now, &mut self.buf)? {
            let packet = self.buf.get(..sent.len).unwrap_or_default();
            if let Some(c) = &mut self.capture {
                c.record(Host::Farewell, Heading::Out, now, packet)?;
            }
            self.link.enter(Direction::ToKernel, now, packet);
        }
        Ok(())
    }

    /// From the link to the device.
    fn write(&mut self, now: Instant) -> Result<(), DriverError> {
        while let Some(bytes) = self
            .waiting
            .pop_front()
            .or_else(|| self.link.leave(Direction::ToKernel, now))
        {
            match self.device.send(&bytes)? {
                Sent::Done => {
                    self.counts.sent += 1;
                    if let Some(c) = &mut self.capture {
                        c.record(Host::Kernel, Heading::In, now, &bytes)?;
                    }
                }
                Sent::Lost => self.counts.lost += 1,
                Sent::Later => {
                    self.counts.full += 1;
                    self.waiting.push_front(bytes);
                    return Ok(());
                }
            }
            self.link.recycle(bytes);
        }
        Ok(())
    }

    /// Writes out the capture, if there is one.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        self.capture.as_mut().map_or(Ok(()), Capture::flush)
    }
}

impl<D: Device + AsFd> Driver<D> {
    /// Waits until the device has something, the next turn is due, or so long. A signal ends it, too.
    ///
    /// # Errors
    ///
    /// The kernel cannot wait.
    pub fn wait(&self, now: Instant, at_most: Duration) -> Result<(), DriverError> {
        let mut flags = PollFlags::IN;
        if self.waits_for_room() {
            flags |= PollFlags::OUT;
        }
        let due = self
            .next()
            .map_or(at_most, |due| due.since(now).min(at_most));
        match poll(
            &mut [PollFd::new(&self.device, flags)],
            Some(&timespec(due)),
        ) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

/// A time-out for the kernel.
pub fn timespec(d: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(d.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: d.subsec_nanos().into(),
    }
}
