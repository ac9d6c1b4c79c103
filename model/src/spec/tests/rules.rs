//! Each rule decides the situation it is about, and only a rule that is switched off changes what happens there.

use super::host::{Host, everywhere};
use crate::endpoint::TcpState::{self, *};
use crate::endpoint::{Call, Timer};
use crate::rules::{RULES, Rule};
use crate::spec::choices::Reopen;

/// A situation: how to get there, and the event that the rule decides.
struct Case {
    rule: Rule,
    /// The state to start from.
    from: TcpState,
    /// Segments and calls that lead to the situation, with the rule on; then the event.
    steps: &'static [&'static str],
    /// What the event gives with the rule.
    on: (&'static str, TcpState),
    /// And without it.
    off: (&'static str, TcpState),
}

const fn case(
    rule: Rule,
    from: TcpState,
    steps: &'static [&'static str],
    on: (&'static str, TcpState),
    off: (&'static str, TcpState),
) -> Case {
    Case {
        rule,
        from,
        steps,
        on,
        off,
    }
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    case(Rule::TimeWait, FinWait2, &["FIN,ACK seq=1 ack=2", "timers"], ("time-wait", TimeWait), ("TIME-WAIT", TimeWait)),
    case(Rule::TimeWaitIgnoresRst, TimeWait, &["RST seq=2"], ("", TimeWait), ("", Closed)),
    case(Rule::AckBound, Established, &["shut window", "send a", "ACK seq=1 ack=2"], ("ACK seq=1 ack=1", Established), ("", Established)),
    case(Rule::AckWindow, Established, &["ACK seq=1 ack=-9 data=a"], ("ACK seq=1 ack=1", Established), ("ACK seq=1 ack=2 wnd=3", Established)),
    case(Rule::FinInOrder, Established, &["FIN,ACK seq=2 ack=1"], ("ACK seq=1 ack=1", Established), ("ACK seq=1 ack=3", CloseWait)),
    case(Rule::LastAckNeedsOurFin, LastAck, &["ACK seq=2 ack=1"], ("", LastAck), ("told closed", Closed)),
    case(Rule::TimeWaitAnswers, TimeWait, &["FIN,ACK seq=1 ack=2"], ("ACK seq=2 ack=2", TimeWait), ("", TimeWait)),
    case(Rule::RetransmitFin, FinWait1, &["timers"], ("retransmission", FinWait1), ("", FinWait1)),
    case(Rule::RetransmitFin, Closing, &["timers"], ("retransmission", Closing), ("", Closing)),
    case(Rule::RetransmitFin, LastAck, &["timers"], ("retransmission", LastAck), ("", LastAck)),
    case(Rule::ClosingSends, Established, &["shut window", "shutdown", "FIN,ACK seq=1 ack=1 wnd=0", "ACK seq=2 ack=1"],
        ("FIN,ACK seq=1 ack=2", Closing), ("", Closing)),
    case(Rule::ArmTimeWait, Closing, &["ACK seq=2 ack=2", "timers"], ("time-wait", TimeWait), ("", TimeWait)),
    case(Rule::OrphanTimeout, Established, &["close", "ACK seq=1 ack=2", "timers"], ("fin-wait-2", FinWait2), ("", FinWait2)),
    case(Rule::ResetUnread, Established, &["ACK seq=1 ack=1 data=a", "close"], ("RST seq=1", TimeWait), ("FIN,ACK seq=1 ack=2", FinWait1)),
    case(Rule::ResetLateData, Established, &["close", "ACK seq=1 ack=1 data=a"], ("RST seq=2", TimeWait), ("ACK seq=2 ack=2", FinWait1)),
    case(Rule::RstExact, Established, &["RST seq=2"], ("ACK seq=1 ack=1", Established), ("told connection reset", Closed)),
    case(Rule::RstInWindow, Established, &["RST seq=0"], ("", Established), ("told connection reset", Closed)),
    case(Rule::SynChallenge, Established, &["SYN seq=2"], ("ACK seq=1 ack=1", Established), ("RST seq=1; told connection reset", Closed)),
    case(Rule::AbortLingers, Established, &["abort"], ("RST seq=1", TimeWait), ("RST seq=1", Closed)),
    case(Rule::CloseQueuesFin, SynReceived, &["send a", "shutdown", "ACK seq=1 ack=1"],
        ("FIN,ACK seq=1 ack=1 data=a", FinWait1), ("ACK seq=1 ack=1 data=a", Established)),
    case(Rule::RememberPassive, SynSent, &["SYN seq=0", "RST seq=1"], ("told connection refused", Closed), ("", Listen)),
    case(Rule::ResetIsNotEnd, Established, &["RST seq=1", "receive"], ("error: connection does not exist", Closed), ("end; error: connection closing", Closed)),
    case(Rule::Persist, Established, &["shut window", "send a", "timers"], ("persist", Established), ("", Established)),
    case(Rule::CloseAtOnce, Established, &["shut window", "send a", "shutdown"], ("", FinWait1), ("", Established)),
    case(Rule::TrimOverlap, Established, &["ACK seq=0 ack=1 data=_a"], ("ACK seq=1 ack=2 wnd=3", Established), ("ACK seq=1 ack=1", Established)),
    case(Rule::ReceiveInFinWait2, FinWait2, &["ACK seq=1 ack=2 data=a"], ("ACK seq=2 ack=2 wnd=3", FinWait2), ("ACK seq=2 ack=1", FinWait2)),
    case(Rule::NeverAnswerRst, Closed, &["RST,ACK seq=1 ack=5"], ("", Closed), ("RST seq=5", Closed)),
    case(Rule::StopTimers, Established, &["close", "ACK seq=1 ack=2", "FIN,ACK seq=1 ack=2", "timers"],
        ("time-wait", TimeWait), ("time-wait fin-wait-2 keep-alive", TimeWait)),
    case(Rule::Paws, Established, &["ACK seq=1 ack=1 data=a ts=-4/0"], ("ACK seq=1 ack=1 ts=0/-1", Established), ("ACK seq=1 ack=2 wnd=3 ts=0/-1", Established)),
    case(Rule::ReopenNewer, TimeWait, &["SYN seq=5 ts=-4/0"], ("ACK seq=2 ack=2 ts=0/-1", TimeWait), ("SYN,ACK seq=9 ack=6 ts=0/-4", SynReceived)),
    case(Rule::ReopenIsnAbove, TimeWait, &["SYN seq=5"], ("SYN,ACK seq=2 ack=6", SynReceived), ("SYN,ACK seq=1 ack=6", SynReceived)),
    case(Rule::ReopenGoesBack, TimeWait, &["SYN seq=5", "RST seq=6"], ("", TimeWait), ("", Closed)),
    case(Rule::SynSentAck, SynSent, &["SYN,ACK seq=7 ack=5"], ("RST seq=5", SynSent), ("ACK seq=1 ack=8", Established)),
    case(Rule::SynSentRst, SynSent, &["RST seq=7"], ("", SynSent), ("told connection reset", Closed)),
    case(Rule::SynReceivedAck, SynReceived, &["ACK seq=1 ack=0"], ("RST seq=0", SynReceived), ("", Established)),
];

/// Rules that the world keeps: ISNs and what a restarted host waits for.
const OF_THE_WORLD: [Rule; 2] = [Rule::QuietTime, Rule::IsnAbove];

impl Case {
    fn start(&self, h: &Host) -> Host {
        let h = h.clone().with(|c| {
            c.choices.reopen = Reopen::Newer;
            if matches!(self.rule, Rule::OrphanTimeout | Rule::StopTimers) {
                c.fin_wait_2 = Some(1);
            }
            c.keep_alive = (self.rule == Rule::StopTimers).then_some(1);
        });
        let mut h = match self.rule {
            Rule::Paws => h.stamped(),
            Rule::ReopenNewer => {
                let mut h = h.stamped();
                h.call(Call::Shutdown).peer("FIN,ACK seq=1 ack=2 ts=-1/0");
                h
            }
            _ => h.reach(self.from),
        };
        if self.from == TimeWait {
            h = h.isn(Some(if self.rule == Rule::ReopenIsnAbove {
                1
            } else {
                9
            }));
        }
        h
    }

    /// What the last of the steps gives.
    fn run(&self, h: &Host, without: Option<Rule>) -> (String, TcpState) {
        let h = self.end(h, without);
        let said = if self.steps.ends_with(&["timers"]) {
            timers(&h)
        } else {
            h.said()
        };
        (said, h.t.state)
    }

    /// The host behind the last of the steps.
    fn end(&self, h: &Host, without: Option<Rule>) -> Host {
        let mut h = self.start(h);
        if let Some(r) = without {
            h = h.without(r);
        }
        for step in self.steps {
            match *step {
                "shut window" => h.peer("ACK seq=1 ack=1 wnd=0"),
                "send a" => h.send("a"),
                "shutdown" => h.call(Call::Shutdown),
                "close" => h.call(Call::Close),
                "abort" => h.call(Call::Abort),
                "receive" => h.call(Call::Receive(1)),
                "timers" => return h,
                segment => h.peer(segment),
            };
        }
        h
    }
}

/// The timers that run; in capitals a TIME_WAIT that is over at once.
fn timers(h: &Host) -> String {
    let armed = h.armed();
    let name = |t: Timer| {
        if t == Timer::TimeWait && armed.due.has(t) {
            "TIME-WAIT"
        } else {
            t.name()
        }
    };
    Timer::ALL
        .into_iter()
        .filter(|t| armed.running.has(*t))
        .map(name)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn each_rule_decides_its_situation() {
    everywhere(|h| {
        for case in CASES {
            let id = case.rule.id();
            let expected = |(said, state): (&str, TcpState)| (said.to_owned(), state);
            assert_eq!(case.run(&h, None), expected(case.on), "{id} on");
            assert_eq!(
                case.run(&h, Some(case.rule)),
                expected(case.off),
                "{id} off"
            );
        }
    });
}

/// A rule that decides a step is reported by it, whether it is on or off: coverage counts on it.
#[test]
fn a_rule_that_decides_is_reported() {
    let h = Host::new(1_000, 5_000);
    for case in CASES {
        let mut on = case.end(&h, None);
        for t in [Timer::Retransmit, Timer::Persist]
            .into_iter()
            .filter(|_| case.steps.ends_with(&["timers"]))
        {
            if on.is_due(t) {
                on.fires(t);
            }
        }
        assert!(on.asked.has(case.rule), "{}", case.rule.id());
        let by_timer = matches!(case.rule, Rule::RetransmitFin | Rule::Persist);
        assert!(
            by_timer || case.end(&h, Some(case.rule)).asked.has(case.rule),
            "{} off",
            case.rule.id()
        );
    }
}

/// Without the rule TIME_WAIT is over at once, however it was entered or restarted.
#[test]
fn without_time_wait_it_is_over_at_once() {
    everywhere(|h| {
        assert!(!h.clone().reach(TimeWait).is_due(Timer::TimeWait));
        let mut h = h.without(Rule::TimeWait).reach(TimeWait);
        assert!(h.is_due(Timer::TimeWait));
        h.peer("FIN,ACK seq=1 ack=2");
        assert!(
            h.is_due(Timer::TimeWait),
            "a repeated FIN does not bring it back"
        );
    });
}

/// In each situation no rule but its own changes what happens, apart from these pairs: the second also has its say.
#[test]
fn no_other_rule_decides_it() {
    const ALSO: &[(Rule, Rule)] = &[
        (Rule::ArmTimeWait, Rule::TimeWait),
        (Rule::StopTimers, Rule::TimeWait),
        (Rule::ResetUnread, Rule::AbortLingers),
        (Rule::ResetLateData, Rule::AbortLingers),
    ];
    let h = Host::new(u32::MAX - 1, 7);
    let mut wrong = Vec::new();
    for case in CASES {
        for r in RULES.iter().map(|r| r.rule).filter(|r| *r != case.rule) {
            let (said, state) = case.run(&h, Some(r));
            let differs = (said.as_str(), state) != case.on;
            if differs != ALSO.contains(&(case.rule, r)) {
                wrong.push(format!(
                    "{} without {}: {said:?}, {state:?}",
                    case.rule.id(),
                    r.id()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_of_the_endpoint_has_a_case() {
    for r in RULES {
        let here = CASES.iter().any(|c| c.rule == r.rule);
        assert_ne!(here, OF_THE_WORLD.contains(&r.rule), "{}", r.id);
    }
}

/// Without `ack-bound` whatever is queued counts as delivered, the FIN included.
#[test]
fn without_ack_bound_the_unsent_is_acknowledged() {
    everywhere(|h| {
        let mut h = h.without(Rule::AckBound).reach(Established);
        h.peer("ACK seq=1 ack=1 wnd=0").send("ab");
        let (mut partly, mut passive) = (h.clone(), h.clone());
        h.call(Call::Shutdown)
            .peer("ACK seq=1 ack=9 wnd=0")
            .gives("told closed", FinWait2);
        partly
            .peer("ACK seq=1 ack=2 wnd=1")
            .gives("ACK seq=2 ack=1 data=b", Established);
        passive
            .peer("FIN,ACK seq=1 ack=1 wnd=0")
            .call(Call::Shutdown);
        passive
            .peer("ACK seq=2 ack=4 wnd=0")
            .gives("told closed", Closed);
    });
}

/// Without `stop-timers` R2 of a reopening that went back ends the TIME_WAIT it went back to, and says so.
#[test]
fn without_stop_timers_an_old_timer_ends_time_wait() {
    everywhere(|h| {
        let h = h.with(|c| {
            c.give_up = Some(1);
            c.choices.reopen = Reopen::Newer;
        });
        let mut h = h.without(Rule::StopTimers).reach(TimeWait).isn(Some(9));
        h.peer("SYN seq=5")
            .ticks(1)
            .peer("RST seq=6")
            .gives("", TimeWait);
        h.fires(Timer::GiveUp).gives("told gave up (R2)", Closed);
    });
}
