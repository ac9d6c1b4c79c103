//! A counterexample told beat by beat, without the types of the world it comes from.

use crate::endpoint::{Flags, MAX_DATA, TcpState};

/// A segment that plays a part. Its number is its place in [`Story::segments`] plus one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The host that sent it, 0 or 1.
    pub from: usize,
    /// The life of its sender when it was sent, from 0.
    pub life: u8,
    /// SEG.SEQ, absolute.
    pub seq: u32,
    /// SEG.ACK, absolute.
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// Bytes of text.
    pub len: u8,
    /// The text, zero behind `len`.
    pub text: [u8; MAX_DATA],
    /// SEG.WND in bytes.
    pub wnd: u8,
    /// The age of its timestamp when it was sent, in ticks.
    pub stamp: Option<u32>,
}

impl Carried {
    /// In the notation of textbooks, `FIN=1 ACK=1 seq=2 ack=3`.
    pub fn notation(&self, how: &Notation) -> String {
        let mut out = String::new();
        for (flag, name) in [
            (Flags::SYN, "SYN"),
            (Flags::FIN, "FIN"),
            (Flags::RST, "RST"),
            (Flags::ACK, "ACK"),
        ] {
            if self.flags.has(flag) {
                out += name;
                out += "=1 ";
            }
        }
        let (own, other) = (how.bases[self.from], how.bases[1 - self.from]);
        let number = |n: u32, base: u32| {
            if how.absolute {
                n.to_string()
            } else {
                (n.wrapping_sub(base) as i32).to_string()
            }
        };
        // `<SEQ=0>` of a RST for a segment without an ACK is no number of the sender's.
        if self.seq == 0 && self.flags == Flags::RST.with(Flags::ACK) && !how.absolute {
            out += "seq=0(abs)";
        } else {
            out += &format!("seq={}", number(self.seq, own));
        }
        if self.flags.has(Flags::ACK) {
            out += &format!(" ack={}", number(self.ack, other));
        }
        if self.len > 0 {
            out += &format!(" len={}", self.len);
        }
        if how.windows {
            out += &format!(" wnd={}", self.wnd);
        }
        match self.stamp {
            Some(0) => out += " ts=now",
            Some(age) => out += &format!(" ts=now-{age}"),
            None => {}
        }
        out
    }
}

/// How segments are written.
#[derive(Clone, Copy, Debug)]
pub struct Notation {
    /// Real sequence numbers rather than distances from the hosts' first ISNs.
    pub absolute: bool,
    /// The hosts' first ISNs.
    pub bases: [u32; 2],
    /// With windows: only where they differ.
    pub windows: bool,
}

/// One thing that happens, as it is drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Beat {
    /// A tick: this many have passed now.
    Tick {
        /// Ticks of the network's clock since the beginning.
        now: u32,
        /// The one host whose clock it is, if they tick in turn.
        of: Option<usize>,
    },
    /// A user call, a timer or an accident at a host.
    Note {
        /// The host.
        host: usize,
        /// In words.
        text: String,
    },
    /// A host sends a segment.
    Sent {
        /// Its place in [`Story::segments`].
        segment: usize,
    },
    /// A segment reaches the host that did not send it.
    Arrives {
        /// Its place in [`Story::segments`].
        segment: usize,
        /// The tick in which this copy was sent.
        sent: u32,
        /// It was first sent in an earlier tick than this copy.
        repeated: bool,
        /// It has arrived before.
        again: bool,
        /// It comes from an earlier life than one of the two hosts is in now.
        old: bool,
    },
    /// A host's TCP changes its state.
    Enters {
        /// The host.
        host: usize,
        /// The state.
        state: TcpState,
    },
    /// A host's user is told or reads something.
    User {
        /// The host.
        host: usize,
        /// In words.
        text: String,
    },
}

/// One action of the world and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Moment {
    /// The action's own words, which also name it in a saved file.
    pub action: String,
    /// What happens, in order. Empty when only a script went on.
    pub beats: Vec<Beat>,
}

/// A trace of a world, told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Story {
    /// Which of the world's initial states it begins in.
    pub start: usize,
    /// The hosts' first ISNs.
    pub bases: [u32; 2],
    /// The states it begins in.
    pub begins: [TcpState; 2],
    /// Whether any host has more than one life in this world.
    pub lives: bool,
    /// The segments that play a part, in the order of their numbers.
    pub segments: Vec<Carried>,
    /// Its moments, one for each action.
    pub moments: Vec<Moment>,
    /// The moment with which begins what is repeated for ever, if anything is.
    pub again_from: Option<usize>,
    /// What went wrong at its end, as bits of [`crate::properties::Fault`].
    pub faults: u32,
}

impl Story {
    /// How its segments are written.
    pub fn notation(&self, absolute: bool) -> Notation {
        let mut windows = self
            .segments
            .iter()
            .filter(|s| !s.flags.has(Flags::RST))
            .map(|s| s.wnd);
        let first = windows.next();
        Notation {
            absolute,
            bases: self.bases,
            windows: windows.any(|w| Some(w) != first),
        }
    }

    /// What stands on a segment's arrow.
    pub fn label(&self, segment: usize, how: &Notation) -> String {
        self.segments.get(segment).map_or(String::new(), |s| {
            format!("#{} {}", segment + 1, s.notation(how))
        })
    }

    /// What is remarkable about an arrival, if anything.
    pub fn remark(&self, beat: &Beat, now: u32) -> Option<String> {
        let Beat::Arrives {
            segment,
            sent,
            repeated,
            again,
            old,
        } = *beat
        else {
            return None;
        };
        let mut parts = Vec::new();
        if old {
            parts.push(format!(
                "from life {}",
                self.segments.get(segment)?.life + 1
            ));
        }
        if repeated {
            parts.push(format!("sent again at tick {sent}"));
        } else if sent != now {
            parts.push(format!("sent at tick {sent}"));
        }
        if again {
            parts.push("once more".into());
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// All beats in order.
    pub fn beats(&self) -> impl Iterator<Item = &Beat> {
        self.moments.iter().flat_map(|m| &m.beats)
    }
}
