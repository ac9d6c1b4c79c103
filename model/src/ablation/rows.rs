//! The rows of the matrix, with everything that is pinned.

use super::{Cell, Matrix, Row, With};
use crate::rules::Rule;

const O: Cell = Cell::Holds;

/// Violated in that many steps, in the row's first scenario.
const fn v(steps: u32) -> Cell {
    at(0, steps)
}

/// Violated in another of the row's scenarios.
const fn at(place: usize, steps: u32) -> Cell {
    Cell::Violated { place, steps }
}

/// Never ends.
const fn never(before: u32, again: u32) -> Cell {
    let place = 0;
    Cell::NeverEnds {
        place,
        before,
        again,
    }
}

const fn row(
    rule: Rule,
    safety: &'static [&'static str],
    liveness: &'static [&'static str],
    cells: [Cell; 5],
    why: &'static str,
) -> Row {
    Row {
        rule,
        behind: None,
        safety,
        liveness,
        cells,
        why,
    }
}

const fn with(scenario: &'static str, states: u64) -> With {
    With {
        scenario,
        liveness: false,
        off: None,
        states,
    }
}

const fn ends(scenario: &'static str, states: u64) -> With {
    With {
        liveness: true,
        ..with(scenario, states)
    }
}

/// The matrix of the specification.
pub const MATRIX: Matrix = Matrix {
    rows: ROWS,
    with: WITH,
};

/// Columns: stream, told-truthfully, machine, time-wait-lasts, ends.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    row(Rule::TimeWait, &["reuse-equal"], &["ends-half"], [v(16), v(16), O, O, O],
        "it protects what is read and told, not that a close ends: a RST from the closed port ends the peer's LAST_ACK as well"),
    row(Rule::TimeWaitIgnoresRst, &["reuse-equal"], &["ends-reuse-numbers"], [v(16), v(16), O, v(11), never(23, 13)],
        "the run that never ends is RFC 1337's H2: the two ends acknowledge each other for ever"),
    row(Rule::AckBound, &["ack-beyond"], &["ends-ack-beyond"], [O, O, v(8), O, never(10, 1)], ""),
    row(Rule::AckWindow, &["old-ack"], &["ends-old-text"], [v(8), O, O, O, never(11, 1)], ""),
    row(Rule::FinInOrder, &["close-half"], &["ends-answered"], [v(7), O, O, O, never(14, 1)],
        "what never comes in the run that never ends is a byte: the end of the stream has overtaken it"),
    row(Rule::LastAckNeedsOurFin, &["reuse-equal"], &["ends-half"], [v(16), v(9), v(9), O, never(13, 1)], ""),
    row(Rule::TimeWaitAnswers, &["close-half"], &["ends-half"], [O, O, v(12), O, Cell::NotCleanly { place: 0, steps: 11 }],
        "LAST_ACK repeats its FIN to nobody until TIME_WAIT is over; then a RST answers, and its user is told \"reset\""),
    row(Rule::RetransmitFin, &["close-half"], &["ends-half"], [O, O, v(6), O, never(8, 1)], ""),
    row(Rule::ClosingSends, &["zero-window-closing"], &["ends-simultaneous"], [O, O, v(11), O, O],
        "its absence shows behind a closed window only; the graph of all steps of such a world is too large for liveness, and machine has it: a state that waits on nobody has no timer"),
    row(Rule::ArmTimeWait, &["abort-active"], &["ends-simultaneous"], [O, O, v(11), O, never(16, 1)], ""),
    row(Rule::OrphanTimeout, &["peer-vanishes"], &["orphan"], [O, O, v(8), O, never(10, 1)], ""),
    row(Rule::ResetUnread, &["close-unread"], &["ends-unread"], [O, v(8), O, O, never(15, 1)],
        "what never comes is the byte: it is thrown away in silence, and nobody is told"),
    row(Rule::ResetLateData, &["data-after-close"], &["ends-unread"], [O, v(10), O, O, never(16, 1)],
        "as above: the byte is acknowledged and read by nobody"),
    row(Rule::RstExact, &["old-resets"], &["ends-old-resets"], [O, v(8), O, O, never(11, 1)],
        "the side that the RST did not reach waits in FIN_WAIT_2 for an end that nobody will send; so in the next two rows"),
    row(Rule::RstInWindow, &["old-resets"], &["ends-old-resets"], [O, v(8), O, O, never(11, 1)], ""),
    row(Rule::SynChallenge, &["old-syn", "reopen"], &["ends-old-syn"], [O, v(8), O, at(1, 13), never(11, 1)], ""),
    row(Rule::AbortLingers, &["abort-reuse"], &["ends-abort"], [v(16), v(21), O, O, O], ""),
    row(Rule::CloseQueuesFin, &["close-early-pending"], &["ends-early-pending"], [O, O, v(5), O, never(9, 1)], ""),
    row(Rule::RememberPassive, &["close-early-active"], &["ends-open-simultaneous"], [O, O, v(5), O, O],
        "a listener whom nobody calls counts as an end; that this one should not listen is for machine"),
    row(Rule::ResetIsNotEnd, &["abort-passive"], &["ends-abort"], [v(5), v(5), O, O, O], ""),
    row(Rule::Persist, &["zero-window"], &["ends-zero-window"], [O, O, v(7), O, never(10, 1)], ""),
    row(Rule::CloseAtOnce, &["zero-window"], &["ends-zero-window"], [O, O, v(6), O, O], ""),
    row(Rule::TrimOverlap, &["close-half"], &["ends-answered"], [O, O, v(8), O, O], ""),
    row(Rule::ReceiveInFinWait2, &["close-half"], &["ends-answered"], [O, O, v(10), O, never(11, 5)], ""),
    row(Rule::NeverAnswerRst, &["refused", "close-half"], &["ends-half"], [O, O, v(4), O, O],
        "resets that chase each other between two closed ports keep no connection from its end"),
    row(Rule::StopTimers, &["keep-alive"], &["ends-keep-alive"], [O, O, v(9), O, O], ""),
    row(Rule::Paws, &["paws"], &["ends-old-stamp"], [v(8), O, O, O, never(13, 1)], ""),
    row(Rule::ReopenNewer, &["reopen-old-stamp"], &["ends-old-reopening"], [O, O, O, O, O],
        "an old SYN reopens, and MAY-2 (2) takes it back: one rule behind the other (next row)"),
    Row {
        behind: Some(Rule::ReopenGoesBack),
        ..row(Rule::ReopenNewer, &["reopen-old-stamp"], &[], [O, O, O, v(15), O],
            "reopen-goes-back is off with it and without it: it would catch the same failure")
    },
    row(Rule::ReopenIsnAbove, &["reopen"], &["ends-old-reopening"], [v(16), v(20), v(20), O, O], ""),
    row(Rule::ReopenGoesBack, &["reopen-old-syn"], &["ends-old-reopening"], [O, O, v(15), v(15), O], ""),
    row(Rule::QuietTime, &["crash"], &["ends-crash"], [v(10), v(10), v(15), O, O], ""),
    row(Rule::IsnAbove, &["reopen"], &["ends-reuse"], [v(14), v(18), v(27), O, never(17, 1)], ""),
    row(Rule::SynSentAck, &["half-open", "reopen"], &["ends-half-open"], [at(1, 14), v(9), O, O, never(8, 8)], ""),
    row(Rule::SynSentRst, &["reopen"], &["ends-old-refusal"], [O, v(17), O, O, O], ""),
    row(Rule::SynReceivedAck, &["reuse-above"], &["ends-old-ack"], [v(13), v(19), O, O, never(6, 5)], ""),
];

/// The scenarios of the rows with every rule on.
#[rustfmt::skip]
const WITH: &[With] = &[
    with("reuse-equal", 40_210),
    with("ack-beyond", 96_224),
    with("old-ack", 20_234),
    with("close-half", 21_412),
    with("zero-window-closing", 144_091),
    with("abort-active", 105_271),
    with("peer-vanishes", 14_457),
    with("close-unread", 24_906),
    with("data-after-close", 9_260),
    with("old-resets", 43_419),
    with("close-early-active", 27_663),
    with("old-syn", 17_615),
    with("reopen", 32_667),
    with("abort-reuse", 53_123),
    with("close-early-pending", 93_236),
    with("abort-passive", 50_233),
    with("zero-window", 31_721),
    with("refused", 7),
    with("keep-alive", 19_773),
    with("paws", 33_234),
    with("reopen-old-stamp", 299_497),
    With { off: Some(Rule::ReopenGoesBack), ..with("reopen-old-stamp", 299_497) },
    with("reopen-old-syn", 75_713),
    with("crash", 198_623),
    with("half-open", 195_637),
    with("reuse-above", 52_400),
    ends("ends-reuse", 278_961),
    ends("ends-reuse-numbers", 1_248_893),
    ends("ends-ack-beyond", 69_178),
    ends("ends-old-text", 86_656),
    ends("ends-answered", 185_427),
    ends("ends-half", 23_007),
    ends("ends-simultaneous", 168_451),
    ends("orphan", 45_458),
    ends("ends-unread", 678_867),
    ends("ends-old-resets", 128_500),
    ends("ends-old-syn", 84_074),
    ends("ends-abort", 236_804),
    ends("ends-early-pending", 80_780),
    ends("ends-open-simultaneous", 330_709),
    ends("ends-zero-window", 116_343),
    ends("ends-keep-alive", 44_247),
    ends("ends-old-stamp", 239_311),
    ends("ends-old-reopening", 593_064),
    ends("ends-crash", 102_563),
    ends("ends-old-ack", 143_386),
    ends("ends-half-open", 240_521),
    ends("ends-old-refusal", 61_967),
];

/// What of the list of hazards the matrix does not show, and why.
pub const NOT_SHOWN: &[(u8, &str)] = &[
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
        "that challenge ACKs go on for ever is shown by check --liveness half-open-both; their throttling (RFC 5961) is not modelled",
    ),
];
