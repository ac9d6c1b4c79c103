//! Who waits for what, and when time may pass.
//!
//! packetdrill calls from two threads: its own, which runs the script, and one for system calls that block. Time passes only
//! while the script waits ([`Host::sleep`], [`Host::receive`]), from one deadline to the next, and never before everyone
//! else has come to rest: has blocked, or has returned and looked at the clock, as packetdrill's second thread does first of
//! all. So a call that a packet lets return does so at the packet's time.
//!
//! On the script's own thread nothing can arrive while a call blocks: there the call itself lets time pass, and when nothing is
//! left that could happen it fails (EDEADLK). Waiting in real time is bounded too ([`PATIENCE`]).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use farewell::Instant;
use farewell::stack::StackError;
use rustix::io::Errno;

use crate::calls::Calls;
use crate::flags::Settings;
use crate::record::{Record, RecordError};

/// How long, in real time, one thread waits for the other. A script runs shell commands meanwhile, which take their time.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long virtual time may run while the script waits for a packet: two hours of silence come before a keep-alive.
pub const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// What a call comes to.
pub enum Outcome<T> {
    /// It is done.
    Done(Result<T, Errno>),
    /// It waits; at that time, if there is one, it wants to be asked again in any case.
    Waits(Option<Instant>),
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The stack.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The capture.
    #[error("--so_flags: {0}")]
    Record(#[from] RecordError),
}

/// The host under test.
#[derive(Debug)]
pub struct Host {
    inner: Mutex<Inner>,
    changed: Condvar,
    /// The thread that runs the script.
    script: ThreadId,
}

#[derive(Debug)]
struct Inner {
    calls: Calls,
    /// Threads that are in a call, or have returned from one and not yet looked at the clock.
    busy: Vec<ThreadId>,
    /// Threads that wait, and until when at most.
    waiting: Vec<(ThreadId, Option<Instant>)>,
}

impl Host {
    /// A host without connections, for the script that this thread runs.
    ///
    /// # Errors
    ///
    /// See [`Clock::new`](crate::clock::Clock::new); the capture cannot be written.
    pub fn new(settings: &Settings) -> Result<Self, HostError> {
        let record = settings.pcapng.as_deref().map(Record::create).transpose()?;
        let inner = Inner {
            calls: Calls::new(settings, record)?,
            busy: Vec::new(),
            waiting: Vec::new(),
        };
        Ok(Host {
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            script: thread::current().id(),
        })
    }

    /// A call that does not wait.
    ///
    /// # Errors
    ///
    /// The call's.
    pub fn at_once<T>(
        &self,
        call: impl FnOnce(&mut Calls) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut call = Some(call);
        self.call(move |calls| {
            let call = call.take();
            Outcome::Done(call.map_or(Err(Errno::IO), |call| call(calls)))
        })
    }

    /// A call that may wait: it is asked again whenever something has changed.
    ///
    /// # Errors
    ///
    /// The call's; EDEADLK if nothing can happen that it waits for, or not within [`LONGEST_WAIT`]; ETIMEDOUT if nobody did
    /// anything for [`PATIENCE`].
    pub fn call<T>(&self, mut attempt: impl FnMut(&mut Calls) -> Outcome<T>) -> Result<T, Errno> {
        let me = thread::current().id();
        let mut end = None;
        let mut inner = self.lock();
        if me != self.script {
            inner.busy.push(me);
        }
        let result = loop {
            let outcome = attempt(&mut inner.calls);
            inner.calls.flush();
            let until = match outcome {
                Outcome::Done(result) => break result,
                Outcome::Waits(until) => until,
            };
            if me == self.script {
                inner = self.settle(inner);
                let end = *end.get_or_insert(inner.calls.now() + LONGEST_WAIT);
                let Some(next) = inner.next(until).filter(|next| *next <= end) else {
                    break Err(Errno::DEADLK);
                };
                inner.calls.step(next);
                self.wake(&mut inner);
            } else {
                inner = match self.park(inner, me, until) {
                    Ok(inner) => inner,
                    Err(inner_) => {
                        inner = inner_;
                        break Err(Errno::TIMEDOUT);
                    }
                };
            }
        };
        self.wake(&mut inner);
        if me == self.script {
            drop(self.settle(inner));
        }
        result
    }

    /// Waits until something has changed; an error if nothing did for [`PATIENCE`].
    fn park<'a>(
        &self,
        mut inner: MutexGuard<'a, Inner>,
        me: ThreadId,
        until: Option<Instant>,
    ) -> Result<MutexGuard<'a, Inner>, MutexGuard<'a, Inner>> {
        inner.busy.retain(|t| *t != me);
        inner.waiting.push((me, until));
        self.changed.notify_all();
        let waits = |inner: &mut Inner| inner.waiting.iter().any(|w| w.0 == me);
        let woken = self.changed.wait_timeout_while(inner, PATIENCE, waits);
        let (mut inner, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            inner.waiting.retain(|w| w.0 != me);
            inner.busy.push(me);
            return Err(inner);
        }
        Ok(inner)
    }

    /// Something has changed: whoever waits looks again.
    fn wake(&self, inner: &mut Inner) {
        while let Some((thread, _)) = inner.waiting.pop() {
            inner.busy.push(thread);
        }
        self.changed.notify_all();
    }

    /// Waits until everyone else has come to rest.
    fn settle<'a>(&self, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        let me = thread::current().id();
        let busy = |inner: &mut Inner| inner.busy.iter().any(|t| *t != me);
        let rest = self.changed.wait_timeout_while(inner, PATIENCE, busy);
        let (mut inner, timeout) = rest.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            inner.busy.clear(); // whoever it is does not look at the clock; do not wait for it again
        }
        inner
    }

    /// The script sleeps for that long.
    pub fn sleep(&self, time: Duration) {
        let mut inner = self.settle(self.lock());
        let end = inner.calls.now() + time;
        while inner.calls.now() < end {
            let next = inner.next(Some(end)).unwrap_or(end).min(end);
            inner.calls.step(next);
            self.wake(&mut inner);
            inner = self.settle(inner);
        }
    }

    /// What time it is: a look at the clock takes a microsecond, for packetdrill spins on it.
    pub fn look_at_the_clock(&self) -> Instant {
        let me = thread::current().id();
        let mut inner = self.lock();
        if inner.busy.contains(&me) {
            inner.busy.retain(|t| *t != me);
            self.changed.notify_all();
            return inner.calls.now();
        }
        let next = inner.calls.now() + Duration::from_micros(1);
        inner.calls.step(next);
        self.wake(&mut inner);
        inner.calls.now()
    }

    /// A packet arrives.
    pub fn arrive(&self, packet: &[u8]) {
        let mut inner = self.settle(self.lock());
        inner.calls.arrive(packet);
        self.wake(&mut inner);
        drop(self.settle(inner));
    }

    /// The next packet that leaves the host, into `buf`, with its length and its time. Time passes until there is one; none if
    /// nothing is left that could happen, or for [`LONGEST_WAIT`].
    pub fn receive(&self, buf: &mut [u8]) -> Option<(usize, Instant)> {
        let mut inner = self.settle(self.lock());
        let end = inner.calls.now() + LONGEST_WAIT;
        loop {
            if let Some(sent) = inner.calls.sniff() {
                let len = sent.bytes.len().min(buf.len());
                for (to, from) in buf.iter_mut().zip(&sent.bytes) {
                    *to = *from;
                }
                return Some((len, sent.at));
            }
            let next = inner.next(None).filter(|next| *next <= end)?;
            inner.calls.step(next);
            self.wake(&mut inner);
            inner = self.settle(inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// When something happens next by itself: to the stack, or to who waits.
    fn next(&self, until: Option<Instant>) -> Option<Instant> {
        let waiting = self.waiting.iter().filter_map(|w| w.1);
        let all = waiting.chain(until).chain(self.calls.next());
        all.min()
            .map(|next| next.max(self.calls.now() + Duration::from_micros(1)))
    }
}
