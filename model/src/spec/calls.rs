//! User calls: RFC 9293 sections 3.10.1 to 3.10.6, every call in every state.

use super::tcb::{Countdown, Flag};
use super::transition::Cause;
use super::{Machine, Tcb};
use crate::endpoint::TcpState::{self, *};
use crate::endpoint::{Call, CallError, Flags, MAX_DATA, Segment};
use crate::rules::Rule;

impl Machine<'_> {
    pub(super) fn call(&mut self, call: Call) {
        let done = match call {
            Call::OpenPassive { timestamps } => self.open_passive(timestamps),
            Call::OpenActive { timestamps } => self.open_active(timestamps),
            Call::Send { len, text } => self.send_call(&text[..usize::from(len).min(MAX_DATA)]),
            Call::Receive(most) => self.receive(most),
            Call::Shutdown => self.close(false),
            Call::Close => self.close(true),
            Call::Abort => self.abort_call(),
            Call::Status => self.status(),
        };
        self.out.error = done.err();
    }

    //= RFC 9293 3.10.1 => test:spec::tests::every_call_in_every_state
    fn open_passive(&mut self, timestamps: bool) -> Result<(), CallError> {
        if self.t.state != Closed {
            return Err(CallError::AlreadyExists);
        }
        self.t.put(Flag::OffersTimestamps, timestamps);
        self.enter(Listen, Cause::PassiveOpen);
        Ok(())
    }

    fn open_active(&mut self, timestamps: bool) -> Result<(), CallError> {
        if !matches!(self.t.state, Closed | Listen) {
            return Err(CallError::AlreadyExists);
        }
        // The world names the remote socket by handing over an ISN for it, of the policy it keeps.
        //= RFC 9293 MUST-8 => rule:isn-above
        let Some(iss) = self.isn else {
            return Err(CallError::RemoteUnspecified);
        };
        *self.t = Tcb {
            state: self.t.state,
            iss,
            snd_una: iss,
            snd_nxt: iss + 1,
            ..Tcb::default()
        };
        self.t.put(Flag::OffersTimestamps, timestamps);
        self.out.isn_used = true;
        self.enter(SynSent, Cause::ActiveOpen);
        self.start_waiting_for_ack();
        self.send_syn();
        Ok(())
    }

    //= RFC 9293 3.10.2 => test:spec::tests::every_call_in_every_state
    fn send_call(&mut self, data: &[u8]) -> Result<(), CallError> {
        match self.t.state {
            Closed => return Err(CallError::DoesNotExist),
            Listen => {
                let timestamps = self.t.has(Flag::OffersTimestamps);
                self.open_active(timestamps)?;
            }
            SynSent | SynReceived | Established | CloseWait => {
                // A CLOSE that is queued behind the handshake has closed the sending side all the same.
                if self.t.has(Flag::CloseCalled) {
                    return Err(CallError::Closing);
                }
            }
            FinWait1 | FinWait2 | Closing | LastAck | TimeWait => return Err(CallError::Closing),
        }
        if usize::from(self.t.queued.len()) + data.len() > MAX_DATA {
            return Err(CallError::InsufficientResources);
        }
        for &b in data {
            self.t.queued.push(b);
        }
        if !data.is_empty() && !self.t.user.is_running() {
            self.t.user = Countdown::start(self.c.user_timeout);
        }
        self.transmit();
        Ok(())
    }

    /// RECEIVE. Data on hand satisfies it in every state that has some: section 3.10.3 lists CLOSING, LAST-ACK
    /// and TIME-WAIT as "connection closing", for its RECEIVEs are queued beforehand and have taken the data.
    //= RFC 9293 3.10.3 => test:spec::tests::every_call_in_every_state
    fn receive(&mut self, most: u8) -> Result<(), CallError> {
        if self.t.has(Flag::FalseEnd) {
            self.t.put(Flag::FalseEnd, false);
            self.out.end = true;
            return Err(CallError::Closing);
        }
        match self.t.state {
            Closed => return Err(CallError::DoesNotExist),
            Listen | SynSent | SynReceived => return Ok(()),
            Established | FinWait1 | FinWait2 | CloseWait | Closing | LastAck | TimeWait => {}
        }
        if self.t.has(Flag::Orphan) || self.t.has(Flag::Aborted) {
            return Err(CallError::Closing);
        }
        let n = most.min(self.t.received.len());
        if n == 0 {
            if !self.t.received.is_empty() {
                return Ok(());
            }
            if !self.t.has(Flag::FinReceived) {
                return Ok(()); // "queue the request"
            }
            self.out.end = true;
            return Err(CallError::Closing);
        }
        let was_closed = self.t.rcv_wnd(self.c) == 0;
        self.out.read.clear();
        let _ = self
            .out
            .read
            .try_extend_from_slice(&self.t.received.as_slice()[..usize::from(n)]);
        self.t.received.drop_front(n);
        // A window that opens is announced (3.8.6.2.2), unless the peer has nothing more to send.
        if was_closed && !self.t.has(Flag::FinReceived) {
            self.owes_ack = true;
        }
        Ok(())
    }

    /// SHUTDOWN (`full` false) and CLOSE (`full`).
    //= RFC 9293 3.10.4 => rule:close-queues-fin, rule:close-at-once, test:spec::tests::every_call_in_every_state
    //= RFC 9293 MAY-1 => test:spec::tests::close_with_unread_data_resets
    fn close(&mut self, full: bool) -> Result<(), CallError> {
        match self.t.state {
            Closed => return Err(CallError::DoesNotExist),
            Listen | SynSent => {
                self.enter(Closed, Cause::Close);
                return Ok(());
            }
            TimeWait => return Err(CallError::Closing),
            SynReceived | Established | FinWait1 | FinWait2 | CloseWait | Closing | LastAck => {}
        }
        let again = self.t.has(Flag::CloseCalled);
        if again && (!full || self.t.has(Flag::Orphan)) {
            return Err(CallError::Closing);
        }
        if full {
            //= RFC 9293 SHLD-3 => rule:reset-unread, test:spec::tests::close_with_unread_data_resets
            //= RFC 2525 2.17 => rule:reset-unread
            if !self.t.received.is_empty() && self.rule(Rule::ResetUnread) {
                self.abort();
                return Ok(());
            }
            self.t.put(Flag::Orphan, true);
            self.t.received = Default::default();
            if self.t.state == FinWait2 {
                self.start_orphan_timer();
            }
        }
        if again {
            return Ok(());
        }
        match self.t.state {
            SynReceived => {
                // A reopened TIME_WAIT must still be able to go back, so it waits as if data were pending.
                if self.t.queued.is_empty() && !self.t.has(Flag::Reopened) {
                    self.t.put(Flag::CloseCalled, true);
                    self.enter(FinWait1, Cause::Close);
                } else if self.rule(Rule::CloseQueuesFin) {
                    self.t.put(Flag::CloseCalled, true); // until ESTABLISHED
                }
            }
            Established => {
                self.t.put(Flag::CloseCalled, true);
                if self.t.unsent() == 0 || self.rule(Rule::CloseAtOnce) {
                    self.enter(FinWait1, Cause::Close);
                }
            }
            // From CLOSE_WAIT the state changes when the FIN is sent.
            _ => self.t.put(Flag::CloseCalled, true),
        }
        if !self.t.user.is_running() {
            self.t.user = Countdown::start(self.c.user_timeout);
        }
        self.transmit();
        Ok(())
    }

    //= RFC 9293 3.10.5 => test:spec::tests::abort_in_every_state
    fn abort_call(&mut self) -> Result<(), CallError> {
        match self.t.state {
            Closed => Err(CallError::DoesNotExist),
            Listen | SynSent | Closing | LastAck | TimeWait => {
                self.enter(Closed, Cause::Abort);
                Ok(())
            }
            SynReceived | Established | FinWait1 | FinWait2 | CloseWait => {
                self.abort();
                Ok(())
            }
        }
    }

    /// Sends a RST and gives the connection up; section 3.5.2 lets the issuer linger.
    //= RFC 9293 3.5.2 => rule:abort-lingers, test:spec::tests::reading_3_abort_lingers_or_not
    pub(super) fn abort(&mut self) {
        self.out.send(Segment {
            seq: self.t.snd_nxt,
            flags: Flags::RST,
            ..Segment::default()
        });
        self.owes_ack = false;
        let lingers = matches!(
            self.t.state,
            SynReceived | Established | FinWait1 | FinWait2 | CloseWait
        );
        let to: TcpState = if lingers && self.rule(Rule::AbortLingers) {
            TimeWait
        } else {
            Closed
        };
        self.enter(to, Cause::Abort);
    }

    //= RFC 9293 3.10.6 => test:spec::tests::every_call_in_every_state
    fn status(&self) -> Result<(), CallError> {
        if self.t.state == Closed {
            Err(CallError::DoesNotExist)
        } else {
            Ok(())
        }
    }
}
