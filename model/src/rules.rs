//! The protective clauses of the protocol. Each can be switched off, alone: then the checker must find
//! the failure that the clause exists to prevent.

/// How a rule's absence shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shows {
    /// A safety property is violated: `farewell ablate` finds the shortest counterexample.
    Safety,
    /// Only progress suffers: liveness decides it, not the safety properties.
    Liveness,
}

/// What is known about a rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo {
    /// The rule.
    pub rule: Rule,
    /// The name on the command line.
    pub id: &'static str,
    /// RFC and section or requirement.
    pub source: &'static str,
    /// Row of the hazards table, 0 for none.
    pub hazard: u8,
    /// The clause in one line.
    pub clause: &'static str,
    /// What happens without it.
    pub without: &'static str,
    /// How its absence shows.
    pub shows: Shows,
    /// Profiles in which it is on: `r`fc9293, `h`ardened, `l`inux, `7` (rfc793).
    pub profiles: &'static str,
}

macro_rules! rules {
    ($($rule:ident $id:literal $source:literal $hazard:literal $shows:ident $profiles:literal $clause:literal $without:literal;)*) => {
        /// One protective clause.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Rule { $(#[doc = $clause] $rule),* }

        /// Every rule, in the order of [`Rule`].
        pub const RULES: &[RuleInfo] = &[$(RuleInfo {
            rule: Rule::$rule, id: $id, source: $source, hazard: $hazard, clause: $clause, without: $without,
            shows: Shows::$shows, profiles: $profiles,
        }),*];
    };
}

rules! {
    TimeWait "time-wait" "RFC 9293 3.6.1, MUST-13" 5 Safety "rhl7"
        "The side that closes first lingers in TIME_WAIT for 2 MSL"
        "old segments of the last connection reach the next one";
    TimeWaitIgnoresRst "time-wait-ignores-rst" "RFC 1337 3, F1" 1 Safety "hl"
        "A RST does not end TIME_WAIT"
        "TIME_WAIT assassination: an old duplicate draws an ACK, the ACK draws a RST, the RST ends TIME_WAIT early";
    AckBound "ack-bound" "RFC 9293 3.10.7.4, fifth" 27 Safety "rhl7"
        "An acknowledgment beyond SND.NXT is answered and dropped"
        "what was never sent counts as delivered";
    AckWindow "ack-window" "RFC 5961 5, MAY-12" 0 Safety "hl"
        "An acknowledgment older than SND.UNA - MAX.SND.WND is answered and dropped"
        "text of an old incarnation whose acknowledgment is far behind is accepted";
    FinInOrder "fin-in-order" "RFC 9293 3.10.7.4, eighth" 10 Safety "rhl7"
        "A FIN takes effect only when RCV.NXT has reached it"
        "a FIN that overtook data ends the stream early";
    LastAckNeedsOurFin "last-ack-needs-our-fin" "RFC 9293 3.10.7.4, fifth" 11 Safety "rhl7"
        "LAST_ACK ends only by an acknowledgment of our FIN"
        "any acknowledgment closes, and the user is told that all was delivered";
    TimeWaitAnswers "time-wait-answers" "RFC 9293 3.10.7.4, eighth" 12 Safety "rhl7"
        "TIME_WAIT acknowledges a repeated FIN"
        "the last ACK is lost and the peer never learns that its FIN arrived";
    RetransmitFin "retransmit-fin" "RFC 9293 3.10.8" 13 Safety "rhl7"
        "The retransmission timer runs in every closing state with something unacknowledged"
        "a lost FIN is never repeated";
    ClosingSends "closing-sends" "RFC 9293 3.6, figure 13" 14 Safety "rhl7"
        "CLOSING still sends its data and its FIN"
        "the peer's FIN silences us and our own FIN never goes out";
    ArmTimeWait "arm-time-wait" "RFC 9293 3.10.7.4, fifth and eighth" 15 Safety "rhl7"
        "Every way into TIME_WAIT starts its timer"
        "CLOSING enters TIME_WAIT for ever";
    OrphanTimeout "orphan-timeout" "local (no clause in RFC 9293)" 17 Safety "hl"
        "FIN_WAIT_2 that nobody reads from has a timeout"
        "FIN_WAIT_2 for ever when the peer is gone";
    ResetUnread "reset-unread" "RFC 9293 3.6.1, SHLD-3; RFC 2525 2.17" 20 Safety "rhl"
        "CLOSE with unread data sends a RST"
        "the peer is told that all was accepted, though data was thrown away";
    ResetLateData "reset-late-data" "RFC 9293 3.6.1, SHLD-3" 20 Safety "rhl"
        "Data that arrives after CLOSE is answered with a RST"
        "data nobody reads is acknowledged";
    RstExact "rst-exact" "RFC 5961 3.2" 21 Safety "hl"
        "Only a RST at exactly RCV.NXT resets; one elsewhere in the window is challenged"
        "an old RST anywhere in the window kills the connection";
    RstInWindow "rst-in-window" "RFC 9293 3.10.7.4, first" 4 Safety "rhl7"
        "A RST outside the window is dropped"
        "any old RST kills the connection";
    SynChallenge "syn-challenge" "RFC 5961 4.2" 22 Safety "hl"
        "A SYN in a synchronized state is answered with a challenge ACK"
        "an old SYN in the window kills the connection";
    AbortLingers "abort-lingers" "RFC 9293 3.5.2" 23 Safety "rh"
        "The side that issues a RST lingers as in TIME_WAIT"
        "ABORT and reuse at once: old segments of the aborted connection are accepted";
    CloseQueuesFin "close-queues-fin" "RFC 9293 3.10.4, SYN-RECEIVED" 24 Safety "rhl7"
        "CLOSE before the handshake ends is queued behind pending data"
        "the CLOSE is forgotten and no FIN ever goes out";
    RememberPassive "remember-passive" "RFC 9293 3.10.7.4, MUST-11" 25 Safety "rhl7"
        "A RST in SYN_RECEIVED returns to LISTEN only after a passive OPEN"
        "an active opener listens";
    ResetIsNotEnd "reset-is-not-end" "RFC 9293 3.6, MUST-12" 26 Safety "rhl7"
        "A reset is told as a reset, not as the end of the stream"
        "truncation looks like a clean end";
    Persist "persist" "RFC 9293 3.8.6.1, MUST-36" 28 Safety "rhl7"
        "A closed window is probed"
        "close behind a zero window: no data, no FIN, no timer";
    CloseAtOnce "close-at-once" "RFC 9293 3.10.4, ESTABLISHED" 28 Safety "rhl7"
        "CLOSE enters FIN_WAIT_1 at the call, whatever the window"
        "the state does not show that the user closed";
    TrimOverlap "trim-overlap" "RFC 9293 3.10.7.4, first" 29 Safety "rhl7"
        "Of a segment that straddles RCV.NXT the new part is processed"
        "a repeated segment with a FIN behind old data is thrown away whole";
    ReceiveInFinWait2 "receive-in-fin-wait-2" "RFC 9293 3.6.1; 3.10.7.4, seventh" 30 Safety "rhl7"
        "FIN_WAIT_2 receives as ESTABLISHED does"
        "half close is broken: data in front of the FIN is dropped";
    NeverAnswerRst "never-answer-rst" "RFC 9293 3.5.2" 31 Safety "rhl7"
        "A RST is never answered"
        "two ends answer each other's resets for ever";
    StopTimers "stop-timers" "RFC 9293 3.10.7.4, eighth" 32 Safety "rhl7"
        "Entering TIME_WAIT turns the other timers off"
        "a left-over timer ends TIME_WAIT, or tells the user of a failure that was none";
    Paws "paws" "RFC 7323 5.3, R1" 2 Safety "hl"
        "A segment with a timestamp older than TS.Recent is dropped"
        "an old segment whose numbers fit is accepted";
    ReopenNewer "reopen-newer" "RFC 6191 2; RFC 9293 MAY-2" 8 Safety "rhl"
        "A SYN reopens TIME_WAIT only if newer by RFC 6191's branches"
        "newer timestamp OR higher sequence number: an old SYN will do";
    ReopenIsnAbove "reopen-isn-above" "RFC 9293 3.6.1, MAY-2 (1)" 6 Safety "rhl"
        "A reopened TIME_WAIT chooses an ISN above all that it used before"
        "old segments fit into the new connection";
    ReopenGoesBack "reopen-goes-back" "RFC 9293 3.6.1, MAY-2 (2)" 7 Safety "rh"
        "A reopened TIME_WAIT goes back if the SYN was an old duplicate"
        "an old SYN ends TIME_WAIT";
    QuietTime "quiet-time" "RFC 9293 3.4.3" 9 Safety "rhl7"
        "After a crash that forgot sequence numbers a host keeps quiet"
        "new numbers overlap segments of the life before the crash";
    IsnAbove "isn-above" "RFC 9293 3.4.1, MUST-8" 6 Safety "rhl7"
        "An ISN lies above the sequence space of the incarnation before"
        "the passive closer, which has no TIME_WAIT, has nothing else to protect it";
    SynSentAck "syn-sent-ack" "RFC 9293 3.10.7.3, first" 19 Safety "rhl7"
        "SYN_SENT answers an unacceptable ACK with a RST and ignores the segment"
        "an old SYN,ACK establishes a connection nobody offered";
    SynSentRst "syn-sent-rst" "RFC 9293 3.10.7.3, second" 4 Safety "rhl7"
        "SYN_SENT accepts a RST only if it acknowledges our SYN"
        "any RST refuses the new connection";
    SynReceivedAck "syn-received-ack" "RFC 9293 3.10.7.4, fifth" 3 Safety "rhl7"
        "SYN_RECEIVED answers an unacceptable ACK with a RST"
        "an old ACK completes a handshake that an old SYN began";
}

impl Rule {
    /// What is known about it.
    pub fn info(self) -> &'static RuleInfo {
        &RULES[self as usize]
    }

    /// The name on the command line.
    pub fn id(self) -> &'static str {
        self.info().id
    }

    /// The rule of that name.
    pub fn named(id: &str) -> Option<Rule> {
        RULES.iter().find(|r| r.id == id).map(|r| r.rule)
    }
}

/// A set of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct RuleSet(pub u64);

impl RuleSet {
    /// None.
    pub const EMPTY: RuleSet = RuleSet(0);

    /// All of them.
    pub const fn all() -> RuleSet {
        RuleSet((1 << RULES.len()) - 1)
    }

    /// Whether `r` is in it.
    #[inline]
    pub const fn has(self, r: Rule) -> bool {
        self.0 & (1 << r as u8) != 0
    }

    /// With `r`.
    #[must_use]
    pub const fn with(self, r: Rule) -> RuleSet {
        RuleSet(self.0 | 1 << r as u8)
    }

    /// Without `r`.
    #[must_use]
    pub const fn without(self, r: Rule) -> RuleSet {
        RuleSet(self.0 & !(1 << r as u8))
    }

    /// Its members, in order.
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        RULES.iter().map(|r| r.rule).filter(move |r| self.has(*r))
    }
}

/// A named set of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// RFC 9293 alone.
    Rfc9293,
    /// With RFC 5961, RFC 6191, RFC 7323 and RFC 1337 F1: the default.
    #[default]
    Hardened,
    /// As Linux does it (F1 by `net.ipv4.tcp_rfc1337 = 1`).
    Linux,
    /// RFC 793, before all of that.
    Rfc793,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 4] = [
        Profile::Rfc9293,
        Profile::Hardened,
        Profile::Linux,
        Profile::Rfc793,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Rfc9293 => "rfc9293",
            Profile::Hardened => "hardened",
            Profile::Linux => "linux",
            Profile::Rfc793 => "rfc793",
        }
    }

    /// The rules that are on.
    pub fn rules(self) -> RuleSet {
        let letter = match self {
            Profile::Rfc9293 => 'r',
            Profile::Hardened => 'h',
            Profile::Linux => 'l',
            Profile::Rfc793 => '7',
        };
        RULES
            .iter()
            .filter(|r| r.profiles.contains(letter))
            .fold(RuleSet::EMPTY, |set, r| set.with(r.rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_distinct_names_and_the_order_of_the_enum() {
        for (n, r) in RULES.iter().enumerate() {
            assert_eq!(r.rule as usize, n);
            assert_eq!(Rule::named(r.id), Some(r.rule));
        }
        assert!(RULES.len() < 64);
    }

    #[test]
    fn hardened_has_every_rule_and_rfc793_lacks_the_later_ones() {
        assert_eq!(Profile::Hardened.rules(), RuleSet::all());
        let old = Profile::Rfc793.rules();
        for r in [
            Rule::TimeWaitIgnoresRst,
            Rule::RstExact,
            Rule::SynChallenge,
            Rule::Paws,
            Rule::AckWindow,
        ] {
            assert!(!old.has(r), "{} is younger than RFC 793", r.id());
        }
        assert!(old.has(Rule::TimeWait));
    }
}
