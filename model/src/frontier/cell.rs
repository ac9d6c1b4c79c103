//! A cell of the frontier: one combination, its name and its world.
//!
//! Every world is the same story: a connection is closed, and the same two hosts open it again between the same ports. What
//! differs is what stands between the second connection and the segments of the first.

use crate::rules::Rule;
use crate::scenarios::Size;
use crate::scenarios::build;
use crate::spec::Spec;
use crate::spec::choices::{Answers, Reopen};
use crate::world::{HostPlan, IsnPolicy, Plan, Step, When};
use crate::{properties, spec};

/// The first part of every name.
const FAMILY: &str = "frontier";

/// Any ISN that can meet what the connection before used, without data (two numbers) or with a byte (three).
pub const WINDOW: &[i8] = &[-1, 0, 1, 2];

macro_rules! axis {
    ($(#[$doc:meta])* $axis:ident { $($(#[$what:meta])* $value:ident $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        pub enum $axis { $($(#[$what])* $value),* }

        impl $axis {
            /// Its values.
            pub const ALL: &[$axis] = &[$($axis::$value),*];

            /// The word for it in a name.
            pub const fn word(self) -> &'static str {
                match self { $($axis::$value => $word),* }
            }

            /// The words for them.
            pub const WORDS: &[&str] = &[$($word),*];

            /// The value of that word.
            pub fn named(word: &str) -> Option<$axis> {
                Self::ALL.iter().copied().find(|v| v.word() == word)
            }
        }
    };
}

axis! {
    /// How both hosts choose their second ISN.
    Isn {
        /// Above everything that the connection before used.
        Above "above",
        /// The same number again.
        Equal "equal",
        /// Any number in or beside what the connection before used.
        Window "window",
    }
}
axis! {
    /// Timestamps, and PAWS with them.
    Stamps {
        /// Off.
        Off "plain",
        /// On, on both sides, in both connections; the clocks go on from one to the next.
        On "stamps",
    }
}
axis! {
    /// Whether a RST ends TIME_WAIT.
    Rst {
        /// It does not: RFC 1337 F1.
        Ignored "f1",
        /// It does, as RFC 9293 has it.
        Ends "rst",
    }
}
axis! {
    /// Whether a SYN may reopen TIME_WAIT.
    Reopening {
        /// It may not.
        Never "fixed",
        /// It may if it is newer (MAY-2; RFC 6191 with timestamps).
        Newer "reopen",
    }
}
axis! {
    /// Who closes first, and so has TIME_WAIT.
    Closes {
        /// The side that opened.
        Client "client",
        /// The side that listened.
        Server "server",
        /// Each as soon as it is established: either first, or both at once.
        Both "both",
    }
}
axis! {
    /// When who opens may open again.
    Opens {
        /// When the other side has finished the connection before.
        PeerFinished "finished",
        /// When its own TCP is CLOSED, whatever the other does.
        Alone "alone",
    }
}
axis! {
    /// When the side without a TIME_WAIT may use the ports again.
    Passive {
        /// When all that it sent has left the network: MSL after its close.
        Drained "drained",
        /// At once, as every TCP does.
        AtOnce "once",
    }
}
axis! {
    /// Which old segments TIME_WAIT answers.
    Answered {
        /// Every unacceptable one (3.10.7.4).
        Every "every",
        /// Only those that occupy sequence space.
        InSequenceSpace "sequence",
    }
}
axis! {
    /// Text in each direction.
    Bytes {
        /// None: SYN and FIN only.
        None "empty",
        /// A byte each way in each connection.
        One "byte",
    }
}

/// One combination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Cell {
    /// ISNs.
    pub isn: Isn,
    /// Timestamps.
    pub stamps: Stamps,
    /// Who closes.
    pub closes: Closes,
    /// When the connection is opened again.
    pub opens: Opens,
    /// When the passive closer may take part.
    pub passive: Passive,
    /// RFC 1337 F1.
    pub rst: Rst,
    /// Reopening from TIME_WAIT.
    pub reopening: Reopening,
    /// TIME_WAIT's answers.
    pub answered: Answered,
    /// Text.
    pub bytes: Bytes,
}

/// The axes, text apart: what each is about and the words for its values.
pub const AXES: [(&str, &[&str]); 8] = [
    ("ISNs", Isn::WORDS),
    ("timestamps", Stamps::WORDS),
    ("closes first", Closes::WORDS),
    ("opens again", Opens::WORDS),
    ("passive side", Passive::WORDS),
    ("RST", Rst::WORDS),
    ("SYN", Reopening::WORDS),
    ("answers", Answered::WORDS),
];

impl Cell {
    /// Where it stands on each of [`AXES`].
    pub fn place(self) -> [usize; AXES.len()] {
        [
            self.isn as usize,
            self.stamps as usize,
            self.closes as usize,
            self.opens as usize,
            self.passive as usize,
            self.rst as usize,
            self.reopening as usize,
            self.answered as usize,
        ]
    }

    /// All of them with that much text.
    pub fn all(bytes: Bytes) -> impl Iterator<Item = Cell> {
        let mut all = Vec::new();
        for &isn in Isn::ALL {
            for &stamps in Stamps::ALL {
                for &closes in Closes::ALL {
                    for &opens in Opens::ALL {
                        for &passive in Passive::ALL {
                            for &rst in Rst::ALL {
                                for &reopening in Reopening::ALL {
                                    for &answered in Answered::ALL {
                                        all.push(Cell {
                                            isn,
                                            stamps,
                                            closes,
                                            opens,
                                            passive,
                                            rst,
                                            reopening,
                                            answered,
                                            bytes,
                                        });
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        all.into_iter()
    }

    /// Its name, by which every command knows its world.
    pub fn name(self) -> String {
        let words = [
            FAMILY,
            self.isn.word(),
            self.stamps.word(),
            self.closes.word(),
            self.opens.word(),
            self.passive.word(),
            self.rst.word(),
            self.reopening.word(),
            self.answered.word(),
            self.bytes.word(),
        ];
        words.join(".")
    }

    /// The cell of that name.
    pub fn named(name: &str) -> Option<Cell> {
        let mut words = name.split('.');
        let cell = Cell::from_words(&mut words)?;
        words.next().is_none().then_some(cell)
    }

    /// The cell that these words begin with.
    pub(super) fn from_words<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Cell> {
        if words.next() != Some(FAMILY) {
            return None;
        }
        Some(Cell {
            isn: Isn::named(words.next()?)?,
            stamps: Stamps::named(words.next()?)?,
            closes: Closes::named(words.next()?)?,
            opens: Opens::named(words.next()?)?,
            passive: Passive::named(words.next()?)?,
            rst: Rst::named(words.next()?)?,
            reopening: Reopening::named(words.next()?)?,
            answered: Answered::named(words.next()?)?,
            bytes: Bytes::named(words.next()?)?,
        })
    }

    /// Its world at a size (which gives MSL), with a TIME_WAIT of so many ticks. Judged is nothing yet.
    pub fn plan(self, size: Size, time_wait: u8) -> Plan<Spec> {
        let mut plan = build::world(size, &[], &[]).both(|h| self.configure(h, time_wait));
        for again in [false, true] {
            let [client, server] = self.scripts(again);
            plan.hosts[0].then(&client);
            plan.hosts[1].then(&server);
        }
        for h in &mut plan.hosts {
            h.lives.remove(0); // the empty one that `world` began with
            if self.stamps == Stamps::On {
                h.with_timestamps();
            }
        }
        if self.rst == Rst::Ends {
            plan.without(crate::rules::RuleSet::EMPTY.with(Rule::TimeWaitIgnoresRst));
        }
        plan
    }

    fn configure(self, h: &mut HostPlan<spec::Config>, time_wait: u8) {
        h.tcp.time_wait = time_wait;
        h.tcp.choices.reopen = match self.reopening {
            Reopening::Never => Reopen::Never,
            Reopening::Newer => Reopen::Newer,
        };
        h.tcp.choices.answers = match self.answered {
            Answered::Every => Answers::Every,
            Answered::InSequenceSpace => Answers::SequenceSpace,
        };
        h.isn = match self.isn {
            Isn::Above => IsnPolicy::Above,
            Isn::Equal => IsnPolicy::Equal,
            Isn::Window => IsnPolicy::Menu(WINDOW),
        };
    }

    /// One life of the client and one of the server, the first or a later one.
    fn scripts(self, again: bool) -> [Vec<Step>; 2] {
        let passive = self.passive == Passive::Drained;
        // Who closes first has its TIME_WAIT and waits for nothing else.
        let drains = |closes_first: bool| again && passive && !closes_first;
        let connects = When {
            peer_finished: again && self.opens == Opens::PeerFinished,
            drained: drains(self.closes == Closes::Client),
            or_lingered: drains(self.closes == Closes::Client),
            ..When::AT_ONCE
        };
        let listens = When {
            drained: drains(self.closes == Closes::Server),
            or_lingered: drains(self.closes == Closes::Server),
            ..When::AT_ONCE
        };
        let text = match self.bytes {
            Bytes::None => 0,
            Bytes::One => 1,
        };
        let first = [Step::AwaitEstablished, close(text), Step::AwaitEnd];
        let second = [Step::AwaitEnd, close(text)];
        let life = |open: Step, closes_first: bool| -> Vec<Step> {
            let rest: &[Step] = if closes_first { &first } else { &second };
            [open].iter().chain(rest).copied().collect()
        };
        // How the last connection ends protects nothing any more: where both may close first, the client does.
        let server_first = match self.closes {
            Closes::Client => false,
            Closes::Server => true,
            Closes::Both => !again,
        };
        [
            life(Step::Connect(connects), self.closes != Closes::Server),
            life(Step::Listen(listens), server_first),
        ]
    }
}

/// Writes and closes its side in one go.
fn close(text: u8) -> Step {
    if text == 0 {
        Step::Shutdown
    } else {
        Step::Finish(text)
    }
}

axis! {
    /// What is judged.
    Judged {
        /// Every property, but a late RST may tell a user "reset" without a cause: no data goes astray.
        Data "data",
        /// Every property.
        All "all",
    }
}

impl Judged {
    /// The faults, as bits.
    pub const fn faults(self) -> u32 {
        match self {
            Judged::Data => properties::EVERYWHERE & !properties::Fault::FalseReset.bit(),
            Judged::All => properties::EVERYWHERE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_place_spells_the_name() {
        for c in Cell::all(Bytes::None) {
            let words: Vec<&str> = c
                .place()
                .iter()
                .zip(AXES)
                .map(|(n, (_, words))| words[*n])
                .collect();
            assert_eq!(c.name(), format!("{FAMILY}.{}.empty", words.join(".")));
        }
    }

    #[test]
    fn names_and_cells_are_one_to_one() {
        let names: HashSet<String> = Bytes::ALL
            .iter()
            .flat_map(|&b| Cell::all(b))
            .map(|c| {
                assert_eq!(Cell::named(&c.name()), Some(c));
                c.name()
            })
            .collect();
        assert_eq!(names.len(), 3 * 2 * 3 * 2 * 2 * 2 * 2 * 2 * 2);
        for no in [
            "frontier",
            "reuse",
            "frontier.above",
            "frontier.above.plain.client.finished.drained.f1.fixed.every.empty.more",
            "frontier.Above.plain.client.finished.drained.f1.fixed.every.empty",
        ] {
            assert_eq!(Cell::named(no), None, "{no}");
        }
    }
}
