//! What must always hold. The world judges each step and sets a sticky bit for each thing that went wrong;
//! a property is a group of such bits. What must be reachable is in [`crate::world::coverage`].

/// One thing that can go wrong in a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fault {
    /// Bytes of two incarnations in one stream.
    Mixed,
    /// A byte out of order, lost or twice.
    Order,
    /// A peer incarnation read by two incarnations.
    Twice,
    /// The end read before all bytes in front of it.
    EarlyEnd,
    /// "Closed" told though the peer's TCP lacks our FIN.
    FalseClosed,
    /// "Reset" or "refused" told without an abort, crash, refusal or give-up at the peer.
    FalseReset,
    /// A time-out told with nothing outstanding.
    FalseTimeout,
    /// Not one of the RFC's transitions.
    Transition,
    /// A FIN counts as acknowledged that was not sent, or SND.UNA is past what was sent.
    FinAck,
    /// New sequence numbers after the FIN.
    AfterFin,
    /// A state that waits on nobody and has no timer.
    NoTimer,
    /// A timer in TIME_WAIT besides its own.
    StrayTimer,
    /// The user's CLOSE is forgotten.
    CloseForgotten,
    /// LISTEN without a passive OPEN.
    StrayListen,
    /// A repeated FIN is not acknowledged.
    FinUnanswered,
    /// A RST is answered with a RST.
    RstAnswered,
    /// An acceptable segment at RCV.NXT does not advance it.
    NoProgress,
    /// Text that is not the user's, or at the wrong sequence number.
    Text,
    /// Received data thrown away at CLOSE, or acknowledged to nobody, without a RST.
    SilentLoss,
    /// A connection ended by a RST, and its user, who was not told "closed" before, was told nothing.
    Untold,
    /// TIME_WAIT ended before its time.
    Assassinated,
    /// Two endpoints that were fed the same differ.
    Difference,
}

impl Fault {
    /// All of them, in order of their bits.
    pub const ALL: [Fault; 22] = [
        Fault::Mixed,
        Fault::Order,
        Fault::Twice,
        Fault::EarlyEnd,
        Fault::FalseClosed,
        Fault::FalseReset,
        Fault::FalseTimeout,
        Fault::Transition,
        Fault::FinAck,
        Fault::AfterFin,
        Fault::NoTimer,
        Fault::StrayTimer,
        Fault::CloseForgotten,
        Fault::StrayListen,
        Fault::FinUnanswered,
        Fault::RstAnswered,
        Fault::NoProgress,
        Fault::Text,
        Fault::SilentLoss,
        Fault::Untold,
        Fault::Assassinated,
        Fault::Difference,
    ];

    /// The property that it violates.
    pub fn property(self) -> &'static Property {
        let of = |p: &&Property| p.faults & self.bit() != 0;
        PROPERTIES
            .iter()
            .chain(SPECIAL)
            .find(of)
            .unwrap_or(&PROPERTIES[0])
    }

    /// Its bit.
    pub const fn bit(self) -> u32 {
        1 << self as u8
    }

    /// What went wrong, in words.
    pub const fn text(self) -> &'static str {
        match self {
            Fault::Mixed => "bytes of two incarnations were read as one stream",
            Fault::Order => "a byte was read out of order, or twice, or one was lost",
            Fault::Twice => "two incarnations read the same peer incarnation",
            Fault::EarlyEnd => "the end of the stream was read before all that was written",
            Fault::FalseClosed => {
                "a user was told \"closed\", but the peer's TCP does not have the FIN"
            }
            Fault::FalseReset => {
                "a user was told \"reset\", but the peer neither aborted, crashed, refused nor gave up"
            }
            Fault::FalseTimeout => "a user was told of a time-out with nothing outstanding",
            Fault::Transition => "a transition that the RFC does not have",
            Fault::FinAck => "something counts as acknowledged that was never sent",
            Fault::AfterFin => "new data after the FIN",
            Fault::NoTimer => "a state that waits on nobody has no timer",
            Fault::StrayTimer => "a timer besides its own runs in TIME_WAIT",
            Fault::CloseForgotten => "the user closed, and the TCP does not know it",
            Fault::StrayListen => "LISTEN without a passive OPEN",
            Fault::FinUnanswered => "a repeated FIN was not acknowledged",
            Fault::RstAnswered => "a RST was answered with a RST",
            Fault::NoProgress => "acceptable text or FIN at RCV.NXT was not taken",
            Fault::Text => "a segment carries what its user never wrote there",
            Fault::SilentLoss => "received data was thrown away and the peer not told",
            Fault::Untold => "a connection ended by a RST and its user was told nothing",
            Fault::Assassinated => "TIME_WAIT ended before its time",
            Fault::Difference => "the two that were fed the same are not the same machine",
        }
    }
}

/// A named property: a group of faults.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name.
    pub id: &'static str,
    /// What it says.
    pub says: &'static str,
    /// The faults that violate it, as bits.
    pub faults: u32,
}

const fn bits(faults: &[Fault]) -> u32 {
    let mut all = 0;
    let mut n = 0;
    while n < faults.len() {
        all |= faults[n].bit();
        n += 1;
    }
    all
}

/// The safety properties that every scenario checks.
pub const PROPERTIES: &[Property] = &[
    Property {
        id: "stream",
        says: "what is read is a prefix of what the paired incarnation wrote, its end is read only after all of it, and no incarnation is read by two",
        faults: bits(&[Fault::Mixed, Fault::Order, Fault::Twice, Fault::EarlyEnd]),
    },
    Property {
        id: "told-truthfully",
        says: "\"closed\" means that the peer's TCP accepted all and our FIN; \"reset\" and \"timed out\" have a cause, or our FIN is still unacknowledged; data thrown away is told (MUST-12)",
        faults: bits(&[
            Fault::FalseClosed,
            Fault::FalseReset,
            Fault::FalseTimeout,
            Fault::SilentLoss,
            Fault::Untold,
        ]),
    },
    Property {
        id: "machine",
        says: "only the RFC's transitions; a FIN acknowledged was sent; nothing new after it; every closing state has a timer or waits on its user; a repeated FIN is answered and a RST is not",
        faults: bits(&[
            Fault::Transition,
            Fault::FinAck,
            Fault::AfterFin,
            Fault::NoTimer,
            Fault::StrayTimer,
            Fault::CloseForgotten,
            Fault::StrayListen,
            Fault::FinUnanswered,
            Fault::RstAnswered,
            Fault::NoProgress,
            Fault::Text,
        ]),
    },
];

/// Properties that only some scenarios check: true of some rules' worlds, not of every one.
pub const SPECIAL: &[Property] = &[
    Property {
        id: "time-wait-lasts",
        says: "TIME_WAIT ends by its timer, its user or a reopening only (RFC 1337)",
        faults: bits(&[Fault::Assassinated]),
    },
    Property {
        id: "lockstep",
        says: "two endpoints that are fed the same events show the same state, timers, segments and indications",
        faults: bits(&[Fault::Difference]),
    },
];

/// The bits of all of [`PROPERTIES`].
pub const EVERYWHERE: u32 = PROPERTIES[0].faults | PROPERTIES[1].faults | PROPERTIES[2].faults;

/// The property of that name.
pub fn named(id: &str) -> Option<&'static Property> {
    PROPERTIES.iter().chain(SPECIAL).find(|p| p.id == id)
}

/// The properties that some of `faults` violate.
pub fn violated(faults: u32) -> impl Iterator<Item = &'static Property> {
    PROPERTIES
        .iter()
        .chain(SPECIAL)
        .filter(move |p| p.faults & faults != 0)
}

/// What went wrong, fault by fault.
pub fn faults(bits: u32) -> impl Iterator<Item = Fault> {
    Fault::ALL.into_iter().filter(move |f| f.bit() & bits != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_belongs_to_exactly_one_property() {
        for (n, f) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(f.bit(), 1 << n);
            assert_eq!(violated(f.bit()).count(), 1, "{f:?}");
        }
    }
}
