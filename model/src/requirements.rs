//! Which requirement is met where, and what shows it: read from the code's own citations.
//!
//! A citation is a comment beside the line that meets a requirement: `RFC <number> <what> => <evidence>, …` behind
//! `//=`. What is a requirement id (`MUST-13`) or a section and a word (`3.10.7.4 fifth`); evidence is
//! `test:path::name`, `rule:id` (its ablation violates a property), `property:id` or `scenario:id`.

use std::fmt;

/// What shows that a requirement is met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// A unit test, by path and name.
    Test(&'static str),
    /// A rule: without it a property is violated.
    Rule(&'static str),
    /// A property that every scenario checks.
    Property(&'static str),
    /// A scenario.
    Scenario(&'static str),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Test(id) => write!(f, "test {id}"),
            Evidence::Rule(id) => write!(f, "rule {id}"),
            Evidence::Property(id) => write!(f, "property {id}"),
            Evidence::Scenario(id) => write!(f, "scenario {id}"),
        }
    }
}

/// A citation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// `RFC 9293`.
    pub rfc: String,
    /// `MUST-13`, or a section and what follows: `3.10.7.4 fifth`.
    pub id: String,
    /// The source file, from `src/` on.
    pub file: &'static str,
    /// Its line, from 1.
    pub line: usize,
    /// What shows it; never empty.
    pub evidence: Vec<Evidence>,
}

/// A comment that begins like a citation and is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// The source file, from `src/` on.
    pub file: &'static str,
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.file, self.line, self.why)
    }
}

macro_rules! sources {
    ($($file:literal)*) => { &[$(($file, include_str!($file))),*] };
}

/// The files that may cite, with their text.
const SOURCES: &[(&str, &str)] = sources! {
    "properties/mod.rs"
    "seq.rs"
    "spec/arrives.rs"
    "spec/calls.rs"
    "spec/choices.rs"
    "spec/mod.rs"
    "spec/output.rs"
    "spec/reopen.rs"
    "spec/tcb.rs"
    "spec/timeouts.rs"
    "spec/transition.rs"
    "world/accidents.rs"
    "world/action.rs"
    "world/apps.rs"
    "world/coverage.rs"
    "world/dominance.rs"
    "world/fair.rs"
    "world/goals.rs"
    "world/history.rs"
    "world/host.rs"
    "world/judge.rs"
    "world/memo.rs"
    "world/mirror.rs"
    "world/mod.rs"
    "world/net.rs"
    "world/plan.rs"
    "world/saturate.rs"
    "world/state.rs"
    "world/step.rs"
};

/// Every requirement that the code cites, file by file.
pub fn table() -> Vec<Requirement> {
    all().filter_map(Result::ok).collect()
}

/// Citations that cannot be read; there are none.
pub fn malformed() -> Vec<Malformed> {
    all().filter_map(Result::err).collect()
}

fn all() -> impl Iterator<Item = Result<Requirement, Malformed>> {
    SOURCES
        .iter()
        .flat_map(|(file, text)| citations(file, text))
}

/// The citations of one file.
fn citations(
    file: &'static str,
    text: &'static str,
) -> impl Iterator<Item = Result<Requirement, Malformed>> {
    (1..).zip(text.lines()).filter_map(move |(line, l)| {
        let cited = l.trim_start().strip_prefix("//=")?;
        Some(
            parse(cited)
                .map_err(|why| Malformed { file, line, why })
                .map(|(rfc, id, evidence)| Requirement {
                    rfc,
                    id,
                    file,
                    line,
                    evidence,
                }),
        )
    })
}

/// What stands behind `//=`.
fn parse(cited: &'static str) -> Result<(String, String, Vec<Evidence>), &'static str> {
    let (what, shown) = cited
        .split_once(" => ")
        .ok_or("no evidence: `=>` is missing")?;
    let rest = what
        .strip_prefix(" RFC ")
        .ok_or("a citation begins with `RFC` and its number")?;
    let (number, id) = rest
        .split_once(' ')
        .ok_or("no requirement or section behind the RFC's number")?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err("a citation begins with `RFC` and its number");
    }
    if id.trim() != id || id.is_empty() {
        return Err("no requirement or section behind the RFC's number");
    }
    let evidence = shown
        .split(", ")
        .map(evidence)
        .collect::<Result<Vec<_>, _>>()?;
    Ok((format!("RFC {number}"), id.to_owned(), evidence))
}

fn evidence(shown: &'static str) -> Result<Evidence, &'static str> {
    let (kind, id) = shown
        .split_once(':')
        .ok_or("evidence is `test:`, `rule:`, `property:` or `scenario:`")?;
    if id.is_empty() || id.contains(' ') {
        return Err("evidence names one thing, without spaces");
    }
    match kind {
        "test" => Ok(Evidence::Test(id)),
        "rule" => Ok(Evidence::Rule(id)),
        "property" => Ok(Evidence::Property(id)),
        "scenario" => Ok(Evidence::Scenario(id)),
        _ => Err("evidence is `test:`, `rule:`, `property:` or `scenario:`"),
    }
}

/// The ids of RFC 9293 Appendix B: each kind, and its last number; none is left out.
pub const APPENDIX_B: &[(&str, u32)] = &[("MUST", 69), ("SHLD", 31), ("MAY", 18), ("REC", 1)];

/// Every id of RFC 9293 Appendix B.
pub fn appendix_b() -> impl Iterator<Item = String> {
    APPENDIX_B
        .iter()
        .flat_map(|(kind, last)| (1..=*last).map(move |n| format!("{kind}-{n}")))
}

/// Requirements of RFC 9293 that the specification does not model: ids, separated by spaces, and the reason.
pub const NOT_MODELLED: &[(&str, &str)] = &[
    (
        "MUST-2 MUST-3",
        "checksums: the network of the model loses, repeats and delays segments, it does not change them",
    ),
    (
        "MUST-4 MUST-5 MUST-6 MUST-7 MUST-64 MUST-68 MUST-69",
        "the encoding of options: a segment here is a value, with a timestamp option or without",
    ),
    (
        "MUST-14 MUST-15 MUST-16 MUST-65 MUST-67 SHLD-5 SHLD-6 SHLD-28 MAY-3",
        "the MSS option and path MTU: the largest segment is a choice",
    ),
    (
        "MUST-1 REC-1",
        "the width of the window field: a window is at most a few bytes",
    ),
    (
        "MUST-9 SHLD-1",
        "unpredictable ISNs: the world tries every ISN of a policy, and no attacker guesses",
    ),
    (
        "MUST-30 MUST-31 MUST-32 MUST-33 MUST-62 SHLD-13",
        "urgent data: it neither opens nor closes a connection",
    ),
    (
        "MUST-60 MUST-61 MAY-15 MAY-16 MAY-17 SHLD-27",
        "PUSH: every byte is delivered as soon as it is in order",
    ),
    (
        "MUST-17 MUST-38 MUST-39 SHLD-7",
        "Nagle and silly windows: which of the sendable bytes go out when; any moment is tried by the timers",
    ),
    (
        "MUST-18 MUST-19 MAY-18 SHLD-8",
        "RTO, congestion control, ECN: a retransmission may come at any moment",
    ),
    (
        "MUST-23 MUST-28 MUST-40 SHLD-10 SHLD-11 SHLD-29 SHLD-30",
        "lengths in seconds and growing intervals: time is in ticks, these timers fire at any moment or after any number",
    ),
    (
        "MUST-47 SHLD-9 SHLD-20",
        "soft errors and R1's advice: they change nothing about the connection",
    ),
    (
        "SHLD-17",
        "data beyond a window that has shrunk but is open still counts for R2; behind a closed window it does not",
    ),
    (
        "MUST-41 MUST-42 MUST-43 MUST-44 MUST-45",
        "several connections and local addresses: the endpoint is one 4-tuple's",
    ),
    (
        "MUST-46 MUST-57 MUST-63",
        "addresses: there are two hosts and no broadcast",
    ),
    (
        "MUST-48 SHLD-21 SHLD-22 SHLD-23 MAY-9",
        "Differentiated Services",
    ),
    ("MUST-49 MAY-4", "IP header fields: TTL and identification"),
    (
        "MUST-50 MUST-51 MUST-52 MUST-53 SHLD-24 MAY-10 MAY-11",
        "IP options",
    ),
    ("MUST-54 MUST-55 MUST-56 SHLD-25 SHLD-26", "ICMP"),
    ("MAY-6", "keep-alives with an octet of garbage"),
    ("MAY-14", "the FLUSH call"),
];

#[cfg(test)]
mod tests;
