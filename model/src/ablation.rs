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
    /// Unique states of the scenario with all rules on, that property alone judged.
    pub with: u64,
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
    }
}

/// Every rule, once at least.
pub const CASES: &[Case] = &[
    violated(Rule::TimeWait, "reuse", "stream", 1_097_877, 16),
    violated(
        Rule::TimeWaitIgnoresRst,
        "assassination",
        "time-wait-lasts",
        21_412,
        13,
    ),
    violated(Rule::TimeWaitIgnoresRst, "reuse", "stream", 1_097_877, 16),
    violated(Rule::AckBound, "reopen-old-syn", "machine", 72_816, 14),
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
    violated(Rule::ArmTimeWait, "abort-active", "machine", 105_954, 11),
    violated(Rule::OrphanTimeout, "peer-vanishes", "machine", 11_763, 8),
    violated(
        Rule::ResetUnread,
        "close-unread",
        "told-truthfully",
        24_788,
        8,
    ),
    violated(
        Rule::ResetLateData,
        "data-after-close",
        "told-truthfully",
        9_316,
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
    violated(Rule::AbortLingers, "abort-reuse", "stream", 73_154, 16),
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
        47_076,
        6,
    ),
    violated(Rule::ResetIsNotEnd, "close-unread", "stream", 24_788, 9),
    violated(Rule::Persist, "zero-window", "machine", 15_415, 7),
    violated(Rule::CloseAtOnce, "zero-window", "machine", 15_415, 6),
    violated(Rule::TrimOverlap, "close-half", "machine", 21_412, 8),
    violated(Rule::ReceiveInFinWait2, "close-half", "machine", 21_412, 10),
    violated(Rule::NeverAnswerRst, "close-half", "machine", 21_412, 17),
    violated(Rule::StopTimers, "keep-alive", "machine", 19_773, 9),
    violated(Rule::Paws, "paws", "stream", 154_907, 8),
    Case {
        rule: Rule::ReopenNewer,
        scenario: "reopen-old-stamp",
        size: Size::Smoke,
        property: "time-wait-lasts",
        without: Without::Survives(
            "an old SYN reopens, and MAY-2 (2) takes it back: one rule behind the other",
        ),
        with: 460_893,
    },
    violated(Rule::ReopenIsnAbove, "reopen", "stream", 32_667, 16),
    violated(
        Rule::ReopenGoesBack,
        "reopen-old-syn",
        "time-wait-lasts",
        72_816,
        15,
    ),
    violated(Rule::QuietTime, "crash", "stream", 228_391, 10),
    violated(Rule::IsnAbove, "reuse-above", "stream", 52_400, 13),
    violated(
        Rule::SynSentAck,
        "reuse-above",
        "told-truthfully",
        52_400,
        20,
    ),
    violated(
        Rule::SynSentRst,
        "reuse-above",
        "told-truthfully",
        52_400,
        16,
    ),
    violated(Rule::SynReceivedAck, "reuse-above", "stream", 52_400, 13),
];
