//! What no state of the specification explains: its name and its weight.
//!
//! A divergence is named by the oddity that explains it, with the input that was treated so: `ignored/established/syn/next/no-ack`.
//! If none does, by what was wrong with what came out, and the last input: `text/fin-wait-2/time`. One that is known has the
//! name of its cause, and does not end the script.

use super::drive::{Divergence, End, Run};
use super::expectations::Expectation;
use super::freedom::{Level, level};
use super::ladder::input_words;
use super::odd::Oddity;
use super::script::Script;
use super::set::Why;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// A MUST, or what section 3.10 prescribes.
    Must,
    /// A SHOULD.
    Should,
    /// What a user wrote or was sent is not what is read.
    Data,
    /// Nothing more happens though it must.
    Hang,
    /// It panicked, or what came out is no TCP.
    Panic,
}

const CLASSES: [(Class, &str, &str); 5] = [
    (Class::Must, "must", "MUST violated"),
    (Class::Should, "should", "SHOULD not followed"),
    (Class::Data, "data", "data lost or false"),
    (Class::Hang, "hang", "hang"),
    (Class::Panic, "panic", "broken"),
];

impl Class {
    /// As it is printed.
    pub fn label(self) -> &'static str {
        CLASSES.iter().find(|c| c.0 == self).map_or("", |c| c.2)
    }

    /// The class of that name in a file of expectations.
    pub fn of(name: &str) -> Option<Class> {
        CLASSES.iter().find(|c| c.1 == name).map(|c| c.0)
    }
}

/// A divergence.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its name: equal causes, equal names.
    pub id: String,
    /// How bad it is.
    pub class: Class,
    /// The section that speaks of it.
    pub section: String,
    /// In words.
    pub what: String,
    /// Whether it is known.
    pub expected: bool,
    /// What shows it.
    pub script: Script,
}

/// The section that a reason is about.
fn section(why: Why) -> (&'static str, Class) {
    match why {
        Why::Reset | Why::NoReset => ("RFC 9293 3.5.2, 3.10.7.1", Class::Must),
        Why::AfterFin | Why::ReadAfterFin => ("RFC 9293 3.10.7.4, seventh", Class::Data),
        Why::Syn | Why::NoSyn => ("RFC 9293 3.10.1, 3.10.7.2", Class::Must),
        Why::NoAck | Why::Sequence | Why::Acknowledgment => {
            ("RFC 9293 3.10.7.4, first and seventh", Class::Must)
        }
        Why::Silence => ("RFC 9293 3.10.7.1", Class::Must),
        Why::Window => ("RFC 9293 3.8.6, SHLD-14", Class::Should),
        Why::Unasked => ("RFC 9293 3.8.6.3", Class::Should),
        Why::Text => ("RFC 9293 3.7, 3.8.6", Class::Must),
        Why::Unsent => ("RFC 9293 3.10.2, 3.10.4", Class::Must),
        Why::Unanswered => ("RFC 9293 3.8.6.3, MUST-40", Class::Must),
        Why::NotRepeated => ("RFC 9293 3.8.1, 3.8.6.1, MUST-36", Class::Hang),
        Why::Late => ("RFC 6298 2", Class::Must),
        Why::LateInAnotherLife => ("RFC 6298 2.1", Class::Should),
        Why::Hurried => ("RFC 9293 3.8.1 MUST-19, RFC 6298 5.5", Class::Must),
        Why::TwiceAtOnce => ("RFC 5681 3, RFC 6298 5", Class::Must),
        // The sender's probes open it again.
        Why::WindowKept => ("RFC 9293 3.8.6.2.2", Class::Should),
        Why::EndAfterReset => ("RFC 9293 3.6, MUST-12", Class::Data),
        Why::Overtime => ("RFC 9293 3.10.8", Class::Hang),
        Why::Reply => ("RFC 9293 3.9.1", Class::Must),
        Why::Told => ("RFC 9293 3.6, MUST-12", Class::Must),
        Why::Read => ("RFC 9293 3.10.3, 3.10.7.4", Class::Data),
    }
}

fn odd_section(odd: Oddity) -> (&'static str, Class) {
    match odd {
        Oddity::Without(rule) => {
            let class = match level(rule) {
                Level::Must => Class::Must,
                Level::Should => Class::Should,
            };
            (rule.info().source, class)
        }
        Oddity::Answered => ("RFC 9293 3.10.7.4", Class::Should),
        Oddity::BareReset => ("RFC 9293 3.10.7.1", Class::Must),
        Oddity::EarlyProbe => ("RFC 9293 3.8.6.1, SHLD-29", Class::Should),
        Oddity::TimeWaitForgotten => ("RFC 9293 3.6.1, MUST-13", Class::Must),
        Oddity::ExtraReset => ("RFC 9293 3.10.4, 3.10.5", Class::Must),
        Oddity::Resets => ("RFC 9293 3.5.3", Class::Must),
        Oddity::FinCutsText => ("RFC 9293 3.10.7.4, first", Class::Data),
        Oddity::BehindFin => ("RFC 9293 3.10.7.4, seventh", Class::Data),
        Oddity::AckOfUnsent => ("RFC 9293 3.10.7.4, fifth", Class::Data),
        Oddity::CloseWaits => ("RFC 9293 3.10.4", Class::Must),
        Oddity::FinForgotten | Oddity::TextForgotten => ("RFC 9293 3.10.7", Class::Must),
        Oddity::StaleWindow | Oddity::OldAckEstablishes => {
            ("RFC 9293 3.10.7.4, fifth", Class::Must)
        }
        Oddity::SequenceBack | Oddity::SequenceAtEdge => ("RFC 9293 3.10.5, 3.10.7.4", Class::Must),
        Oddity::Ignored
        | Oddity::OnlyAnswered
        | Oddity::Overfilled
        | Oddity::TextOverfills
        | Oddity::AckDropped
        | Oddity::SequenceUnchecked => ("RFC 9293 3.10.7.4", Class::Must),
    }
}

/// What was found in a run: known causes without which it has no explanation, and what ended it.
pub fn findings(known: &[Expectation], script: &Script, run: &Run) -> Vec<Finding> {
    let of_cause = |k: &Expectation| Finding {
        id: k.name.clone(),
        class: k.class,
        section: k.section.clone(),
        what: k.reason.clone(),
        expected: true,
        script: script.clone(),
    };
    let mut all: Vec<Finding> = run
        .known
        .iter()
        .filter_map(|n| known.get(*n))
        .map(of_cause)
        .collect();
    let (id, section, class, what) = match &run.end {
        End::Conforms | End::Undecided => return all,
        End::Malformed(kind, why) => {
            let id = format!("malformed/{kind}");
            (id, "RFC 9293 3.1", Class::Panic, why.clone())
        }
        End::Panicked { kind, place, said } => {
            let id = format!("panicked/{place}/{kind}");
            (id, "RFC 9293 3.10", Class::Panic, said.clone())
        }
        End::Diverges(d) => described(d, run),
    };
    match known.iter().find(|k| k.is_about(&id)) {
        Some(k) if all.iter().any(|f| f.id == k.name) => {}
        Some(k) => all.push(of_cause(k)),
        None => all.push(Finding {
            id,
            class,
            section: section.to_owned(),
            what,
            expected: false,
            script: script.clone(),
        }),
    }
    all
}

fn described(d: &Divergence, run: &Run) -> (String, &'static str, Class, String) {
    if let Some((odd, n)) = d.odd {
        let (section, class) = odd_section(odd);
        let input = run.moments.get(n).map(input_words).unwrap_or_default();
        let what = format!("{}: {input}", odd.what());
        return (d.id(), section, class, what);
    }
    // The reason of the state that got furthest would be best; the first is near enough.
    let (section, class) = section(d.why);
    (d.id(), section, class, d.why.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::expectations;
    use super::*;
    use crate::subjects::STACKS;

    /// Class of what stands first in a pattern.
    fn by_itself(word: &str) -> Option<Class> {
        const WHYS: [Why; 6] = [
            Why::Reset,
            Why::AfterFin,
            Why::Acknowledgment,
            Why::Sequence,
            Why::NotRepeated,
            Why::LateInAnotherLife,
        ];
        let odd = Oddity::ALL.into_iter().find(|odd| odd.id() == word);
        let why = WHYS.into_iter().find(|why| why.id() == word);
        odd.map(|odd| odd_section(odd).1)
            .or(why.map(|why| section(why).1))
            .or((word == "panicked").then_some(Class::Panic))
    }

    /// SHOULD weighs less than MUST, and the others are in the order of their declaration.
    fn weight(class: Class) -> u8 {
        match class {
            Class::Should => 0,
            Class::Must => 1,
            Class::Data => 2,
            Class::Hang => 3,
            Class::Panic => 4,
        }
    }

    /// A file of expectations may call a cause milder than what it looks like only where its reason says why.
    #[test]
    fn nothing_known_is_called_milder_than_it_is() {
        // What is milder there than elsewhere: held text ahead is a SHOULD (SHLD-31); RFC 9293 accepts, by a small "should", the
        // acknowledgment of what comes at a closed window; the answer to a RST in the window, to an ACK below SND.UNA and to
        // what comes for an orphan are SHOULDs of RFC 5961 and RFC 1122; behind the FIN is nothing read, as all is reset.
        const MILDER: [&str; 7] = [
            "smoltcp fin-behind-hole",
            "smoltcp ack-at-closed-window",
            "linux rst-before-fin",
            "linux old-ack-dropped",
            "linux text-behind-fin-resets",
            "linux orphan-rst",
            "linux orphan-syn",
        ];
        let mut milder = Vec::new();
        for stack in STACKS {
            for known in expectations::read(stack.expectations()).unwrap() {
                let least = known.patterns.iter().map(|pattern| {
                    let word = pattern.split('/').next().unwrap_or_default();
                    by_itself(word).unwrap_or_else(|| panic!("{}: {word}", known.name))
                });
                if least.map(weight).max() > Some(weight(known.class)) {
                    milder.push(format!("{} {}", stack.name(), known.name));
                }
            }
        }
        milder.sort_by_key(|m| MILDER.iter().position(|name| name == m));
        assert_eq!(milder, MILDER);
    }
}
