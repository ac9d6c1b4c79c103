//! TIME_WAIT and the SYN: reopening (RFC 9293 MAY-2, RFC 6191), and going back.

use super::choices::{OldSyn, Reopen};
use super::tcb::Flag;
use super::transition::Cause;
use super::{Machine, Tcb};
use crate::endpoint::TcpState::*;
use crate::endpoint::{Flags, Segment};
use crate::rules::Rule;

impl Machine<'_> {
    /// A SYN arrives in TIME_WAIT. Says whether it has been dealt with.
    pub(super) fn reopens(&mut self, s: &Segment) -> bool {
        if s.is(Flags::ACK) || s.is(Flags::RST) || self.c.choices.reopen == Reopen::Never {
            return false;
        }
        let Some(isn) = self.isn else { return false };
        if !self.is_newer(s) {
            return self.c.choices.old_syn == OldSyn::Drop;
        }
        let old = *self.t;
        //= RFC 9293 MAY-2 (1) => rule:reopen-isn-above
        let iss = if isn.before(old.snd_nxt) && self.rule(Rule::ReopenIsnAbove) {
            old.snd_nxt
        } else {
            isn
        };
        *self.t = Tcb {
            state: TimeWait,
            iss,
            snd_una: iss,
            snd_nxt: iss + 1,
            old_snd_nxt: old.snd_nxt,
            old_rcv_nxt: old.rcv_nxt,
            old_ts_recent_age: old.ts_recent_age,
            old_max_snd_wnd: old.max_snd_wnd,
            ..Tcb::default()
        };
        self.t.put(Flag::Reopened, true);
        self.t.put(Flag::OldTimestamps, old.has(Flag::Timestamps));
        self.t
            .put(Flag::OffersTimestamps, old.has(Flag::OffersTimestamps));
        self.out.isn_used = true;
        self.take_syn(s);
        self.enter(SynReceived, Cause::Syn);
        self.start_waiting_for_ack();
        self.send_syn();
        true
    }

    /// RFC 6191 section 2: the five branches that accept; without timestamps on either side the last is MAY-2's own.
    //= RFC 6191 2 => test:spec::tests::the_branches_of_rfc_6191
    //= RFC 9293 SHLD-4 => test:spec::tests::the_branches_of_rfc_6191
    fn is_newer(&mut self, s: &Segment) -> bool {
        // "Greater than the last sequence number seen on the previous incarnation", which is its FIN's.
        let higher = self.t.rcv_nxt.at_or_before(s.seq);
        let old = self.t.has(Flag::Timestamps);
        let new = s.ts.filter(|_| self.t.has(Flag::OffersTimestamps));
        let age = |val: u32| val.wrapping_sub(self.t.ts_recent()) as i32;
        let newer = match (old, new) {
            (true, Some(ts)) if age(ts.val) > 0 => true,
            (true, Some(ts)) if age(ts.val) == 0 => higher,
            (true, Some(_)) => false,
            (true, None) => higher,
            (false, Some(_)) => true,
            (false, None) => higher,
        };
        // Without the rule: newer timestamp OR higher sequence number, as some stacks have it.
        newer || (higher || new.is_some_and(|ts| age(ts.val) > 0)) && !self.rule(Rule::ReopenNewer)
    }

    /// "Returns to TIME-WAIT state if the SYN turns out to be an old duplicate"; its time starts afresh.
    //= RFC 9293 MAY-2 (2) => rule:reopen-goes-back
    pub(super) fn go_back_to_time_wait(&mut self, cause: Cause) {
        if !self.rule(Rule::ReopenGoesBack) {
            return self.enter(Closed, Cause::Rst);
        }
        let embryo = *self.t;
        // TIME_WAIT keeps SND.NXT and RCV.NXT of the connection it guards.
        self.t.snd_nxt = embryo.old_snd_nxt;
        self.t.rcv_nxt = embryo.old_rcv_nxt;
        self.t.ts_recent_age = embryo.old_ts_recent_age;
        self.t.max_snd_wnd = embryo.old_max_snd_wnd;
        self.t
            .put(Flag::Timestamps, embryo.has(Flag::OldTimestamps));
        self.t.put(Flag::CloseCalled, true);
        self.t.put(Flag::FinSent, true);
        self.t.put(Flag::FinReceived, true);
        self.t.put(Flag::Orphan, true);
        self.enter(TimeWait, cause);
    }
}
