//! Ablation: each rule switched off, alone, in the scenario that needs it. With all rules on the same scenario at the
//! same size is verified; without the rule the property it protects has a counterexample, or it is said why not.

use crate::rules::Rule;
use crate::scenarios::Size;

/// What switching a rule off does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Without {
    /// The property is violated; the shortest counterexample has that many steps.
    Violated(u32),
    /// The scenario stays verified, for this reason: a finding, explained in the README.
    Survives(&'static str),
}

/// One rule in the scenario that needs it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The rule that is switched off.
    pub rule: Rule,
    /// The scenario.
    pub scenario: &'static str,
    /// Its size.
    pub size: Size,
    /// The property that the rule protects; only it is judged.
    pub property: &'static str,
    /// What is expected.
    pub without: Without,
    /// Unique states of the scenario with the rule on, that property alone judged.
    pub with: u64,
    /// A rule that is off in both runs: it stands behind this one and would catch the same failure.
    pub behind: Option<Rule>,
}

const fn violated(
    rule: Rule,
    scenario: &'static str,
    property: &'static str,
    with: u64,
    steps: u32,
) -> Case {
    Case {
        rule,
        scenario,
        size: Size::Smoke,
        property,
        without: Without::Violated(steps),
        with,
        behind: None,
    }
}

/// What of the list of hazards the matrix does not show, and why.
pub const NOT_SHOWN: &[(u8, &str)] = &[
    (
        3,
        "that both sides then acknowledge each other for ever is liveness (check --liveness assassinated); shown is that old data is taken for new",
    ),
    (
        13,
        "a CLOSE_WAIT with data and no timer: the timer of a state with something unacknowledged is one rule here (state by state: check --liveness no-timer-close-wait)",
    ),
    (
        16,
        "not expressible: needs a sender that moves SND.NXT back to retransmit, and this one does not",
    ),
    (
        18,
        "no clause prevents it: the application has to close (check --liveness never-closes)",
    ),
    (
        31,
        "that challenge ACKs go on for ever is liveness (check --liveness half-open-both); their throttling (RFC 5961) is not modelled",
    ),
];

/// Every rule, once at least.
pub const CASES: &[Case] = &[
    violated(Rule::TimeWait, "reuse", "stream", 517_792, 16),
    violated(
        Rule::TimeWaitIgnoresRst,
        "assassination",
        "time-wait-lasts",
        21_412,
        13,
    ),
    violated(Rule::TimeWaitIgnoresRst, "reuse", "stream", 517_792, 16),
    violated(Rule::AckBound, "ack-beyond", "machine", 96_224, 8),
    violated(Rule::AckWindow, "old-ack", "stream", 20_234, 8),
    violated(Rule::FinInOrder, "close-half", "stream", 21_412, 7),
    violated(
        Rule::LastAckNeedsOurFin,
        "close-half",
        "told-truthfully",
        21_412,
        11,
    ),
    violated(Rule::TimeWaitAnswers, "close-half", "machine", 21_412, 12),
    violated(Rule::RetransmitFin, "close-half", "machine", 21_412, 6),
    violated(
        Rule::ClosingSends,
        "zero-window-closing",
        "machine",
        144_091,
        11,
    ),
    violated(Rule::ArmTimeWait, "abort-active", "machine", 105_271, 11),
    violated(Rule::OrphanTimeout, "peer-vanishes", "machine", 14_457, 8),
    violated(
        Rule::ResetUnread,
        "close-unread",
        "told-truthfully",
        24_906,
        8,
    ),
    violated(
        Rule::ResetLateData,
        "data-after-close",
        "told-truthfully",
        9_260,
        10,
    ),
    violated(Rule::RstExact, "old-resets", "told-truthfully", 43_419, 8),
    violated(
        Rule::RstInWindow,
        "old-resets",
        "told-truthfully",
        43_419,
        8,
    ),
    violated(Rule::SynChallenge, "old-syn", "told-truthfully", 17_615, 8),
    violated(Rule::AbortLingers, "abort-reuse", "stream", 53_123, 16),
    violated(
        Rule::CloseQueuesFin,
        "close-early-pending",
        "machine",
        93_236,
        5,
    ),
    violated(
        Rule::RememberPassive,
        "open-simultaneous",
        "machine",
        47_080,
        6,
    ),
    violated(Rule::ResetIsNotEnd, "close-unread", "stream", 24_906, 9),
    violated(Rule::Persist, "zero-window", "machine", 31_721, 7),
    violated(Rule::CloseAtOnce, "zero-window", "machine", 31_721, 6),
    violated(Rule::TrimOverlap, "close-half", "machine", 21_412, 8),
    violated(Rule::ReceiveInFinWait2, "close-half", "machine", 21_412, 10),
    violated(Rule::NeverAnswerRst, "close-half", "machine", 21_412, 17),
    violated(Rule::StopTimers, "keep-alive", "machine", 19_773, 9),
    violated(Rule::Paws, "paws", "stream", 33_234, 8),
    Case {
        rule: Rule::ReopenNewer,
        scenario: "reopen-old-stamp",
        size: Size::Smoke,
        property: "time-wait-lasts",
        without: Without::Survives(
            "an old SYN reopens, and MAY-2 (2) takes it back: one rule behind the other (next row)",
        ),
        with: 299_497,
        behind: None,
    },
    Case {
        behind: Some(Rule::ReopenGoesBack),
        ..violated(
            Rule::ReopenNewer,
            "reopen-old-stamp",
            "time-wait-lasts",
            299_497,
            15,
        )
    },
    violated(Rule::ReopenIsnAbove, "reopen", "stream", 32_667, 16),
    violated(
        Rule::ReopenGoesBack,
        "reopen-old-syn",
        "time-wait-lasts",
        75_713,
        15,
    ),
    violated(Rule::QuietTime, "crash", "stream", 198_623, 10),
    violated(Rule::IsnAbove, "reuse-above", "stream", 52_400, 13),
    violated(Rule::SynSentAck, "half-open", "told-truthfully", 195_637, 9),
    violated(
        Rule::SynSentRst,
        "reuse-above",
        "told-truthfully",
        52_400,
        16,
    ),
    violated(Rule::SynReceivedAck, "reuse-above", "stream", 52_400, 13),
];
