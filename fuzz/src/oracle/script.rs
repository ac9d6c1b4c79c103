//! What is done to a stack: calls, segments relative to the connection, waiting. Text, one step a line.

use std::fmt;

use farewell_model::endpoint::{Call, Flags, MAX_DATA};

use crate::targets::lockstep::Anchor;

/// Steps of a script at most.
pub const MOST_STEPS: usize = 1_000;
/// The longest a script waits in all, in milliseconds: an hour, which some stacks really wait.
pub const LONGEST_WAIT: u32 = 3_600_000;

/// A segment of the peer's, relative to the connection. Its text follows from its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its control bits.
    pub flags: Flags,
    /// Its sequence number.
    pub seq: (Anchor, i8),
    /// Its acknowledgment.
    pub ack: (Anchor, i8),
    /// Its window in bytes.
    pub wnd: u8,
    /// Bytes of text.
    pub len: u8,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A user call.
    Call(Call),
    /// A segment arrives.
    Segment(Peer),
    /// The n-th last segment arrives again.
    Again(u8),
    /// Milliseconds go by.
    Wait(u32),
}

/// A script.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// The peer's first ISN.
    pub peer_isn: u32,
    /// The stack's, if it takes one.
    pub isn: u32,
    /// What is done.
    pub steps: Vec<Step>,
}

/// A line that is no step.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct NoScript {
    /// Its number.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

pub(super) const OPEN_ACTIVE: Call = Call::OpenActive { timestamps: false };
pub(super) const OPEN_PASSIVE: Call = Call::OpenPassive { timestamps: false };
const ANCHORS: [(&str, Anchor); 4] = [
    ("next", Anchor::Next),
    ("edge", Anchor::Edge),
    ("initial", Anchor::Initial),
    ("opposite", Anchor::Opposite),
];
const FLAGS: [(&str, Flags); 4] = [
    ("SYN", Flags::SYN),
    ("FIN", Flags::FIN),
    ("RST", Flags::RST),
    ("ACK", Flags::ACK),
];

/// SEND of so many bytes.
pub(super) fn send(len: u8) -> Call {
    let mut text = [0; MAX_DATA];
    for (n, b) in text.iter_mut().enumerate().take(len.into()) {
        *b = b'A' + n as u8;
    }
    Call::Send { len, text }
}

fn number((anchor, delta): (Anchor, i8)) -> String {
    let name = match anchor {
        Anchor::Wild(n) => n.to_string(),
        a => ANCHORS
            .iter()
            .find(|(_, b)| *b == a)
            .map_or_else(String::new, |(n, _)| (*n).to_owned()),
    };
    format!("{name}{delta:+}")
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Call(Call::OpenActive { .. }) => write!(f, "open active"),
            Step::Call(Call::OpenPassive { .. }) => write!(f, "open passive"),
            Step::Call(Call::Send { len, .. }) => write!(f, "send {len}"),
            Step::Call(Call::Receive(n)) => write!(f, "receive {n}"),
            Step::Call(Call::Shutdown) => write!(f, "shutdown"),
            Step::Call(Call::Close) => write!(f, "close"),
            Step::Call(Call::Abort) => write!(f, "abort"),
            Step::Call(Call::Status) => write!(f, "status"),
            Step::Segment(p) => {
                let flags: Vec<&str> = FLAGS
                    .iter()
                    .filter(|(_, b)| p.flags.has(*b))
                    .map(|(n, _)| *n)
                    .collect();
                let flags = if flags.is_empty() {
                    "none".to_owned()
                } else {
                    flags.join(",")
                };
                let (seq, ack) = (number(p.seq), number(p.ack));
                write!(
                    f,
                    "segment {flags} seq={seq} ack={ack} wnd={} len={}",
                    p.wnd, p.len
                )
            }
            Step::Again(n) => write!(f, "again {n}"),
            Step::Wait(ms) => write!(f, "wait {ms}"),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "peer-isn {}\nisn {}", self.peer_isn, self.isn)?;
        self.steps.iter().try_for_each(|s| writeln!(f, "{s}"))
    }
}

fn value<T: std::str::FromStr>(word: Option<&str>, name: &str) -> Result<T, String> {
    let word = word.ok_or_else(|| format!("{name}: a number is missing"))?;
    word.parse()
        .map_err(|_| format!("{name}: {word} is not a number in range"))
}

fn at_most(n: u8, name: &str) -> Result<u8, String> {
    if usize::from(n) <= MAX_DATA {
        Ok(n)
    } else {
        Err(format!("{name} is {n}: at most {MAX_DATA}"))
    }
}

fn read_number(word: &str) -> Result<(Anchor, i8), String> {
    let wrong =
        || format!("{word}: write next, edge, initial, opposite or a number, then +N or -N");
    let sign = word.rfind(['+', '-']).ok_or_else(wrong)?;
    let (name, delta) = word.split_at(sign);
    let delta = delta.parse().map_err(|_| wrong())?;
    let anchor = ANCHORS.iter().find(|(n, _)| *n == name).map(|(_, a)| *a);
    let wild = || name.parse().map(Anchor::Wild).map_err(|_| wrong());
    Ok((anchor.map_or_else(wild, Ok)?, delta))
}

fn read_segment<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Peer, String> {
    let mut flags = Flags::default();
    for name in words
        .next()
        .ok_or("segment: control bits are missing")?
        .split(',')
    {
        let flag = FLAGS.iter().find(|(n, _)| *n == name);
        match flag {
            Some((_, flag)) => flags = flags.with(*flag),
            None if name == "none" => {}
            None => return Err(format!("{name} is no control bit")),
        }
    }
    let mut p = Peer {
        flags,
        seq: (Anchor::Next, 0),
        ack: (Anchor::Next, 0),
        wnd: 4,
        len: 0,
    };
    let mut given = Vec::new();
    for word in words {
        let part = word.split_once('=');
        if let Some((name, _)) = part {
            if given.contains(&name) {
                return Err(format!("{word}: {name}= is there twice"));
            }
            given.push(name);
        }
        match part {
            Some(("seq", n)) => p.seq = read_number(n)?,
            Some(("ack", n)) => p.ack = read_number(n)?,
            Some(("wnd", n)) => p.wnd = value(Some(n), "wnd")?,
            Some(("len", n)) => p.len = at_most(value(Some(n), "len")?, "len")?,
            _ => return Err(format!("{word}: write seq=, ack=, wnd= or len=")),
        }
    }
    Ok(p)
}

impl Step {
    fn read(line: &str) -> Result<Step, String> {
        let mut words = line.split_whitespace();
        let step = match (words.next().unwrap_or_default(), words.next()) {
            ("open", Some("active")) => Step::Call(OPEN_ACTIVE),
            ("open", Some("passive")) => Step::Call(OPEN_PASSIVE),
            ("send", n) => Step::Call(send(at_most(value(n, "send")?, "send")?)),
            ("receive", n) => Step::Call(Call::Receive(at_most(value(n, "receive")?, "receive")?)),
            ("shutdown", None) => Step::Call(Call::Shutdown),
            ("close", None) => Step::Call(Call::Close),
            ("abort", None) => Step::Call(Call::Abort),
            ("status", None) => Step::Call(Call::Status),
            ("segment", first) => Step::Segment(read_segment(first.into_iter().chain(&mut words))?),
            ("again", n) => Step::Again(value(n, "again")?),
            ("wait", n) => Step::Wait(value(n, "wait")?),
            _ => return Err(format!("{line}: no such step")),
        };
        match words.next() {
            None => Ok(step),
            Some(more) => Err(format!("{line}: the step ends before {more}")),
        }
    }
}

impl Script {
    /// How long it waits in all, in milliseconds.
    pub fn waits(&self) -> u32 {
        let wait = |s: &Step| match s {
            Step::Wait(ms) => *ms,
            _ => 0,
        };
        self.steps.iter().map(wait).fold(0, u32::saturating_add)
    }

    /// Whether no step is a call or a segment: then nothing happens that could be judged.
    pub fn is_idle(&self) -> bool {
        let acts = |s: &Step| matches!(s, Step::Call(_) | Step::Segment(_));
        !self.steps.iter().any(acts)
    }

    /// Reads a script. Lines that begin with `#`, or with `subject` or `mutation`, say how it is run and are passed over.
    ///
    /// # Errors
    ///
    /// The first line that is no step, or with which there are more than [`MOST_STEPS`] or more waiting than [`LONGEST_WAIT`];
    /// the last, if there is no call and no segment.
    pub fn read(text: &str) -> Result<Script, NoScript> {
        let mut script = Script::default();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            let wrong = |what: String| NoScript { line: n + 1, what };
            match line.split_once(' ') {
                _ if line.is_empty() || line.starts_with('#') => {}
                Some(("subject" | "mutation", _)) => {}
                Some(("peer-isn", v)) => {
                    script.peer_isn = value(Some(v), "peer-isn").map_err(wrong)?
                }
                Some(("isn", v)) => script.isn = value(Some(v), "isn").map_err(wrong)?,
                _ => script.steps.push(Step::read(line).map_err(wrong)?),
            }
            if script.steps.len() > MOST_STEPS {
                return Err(wrong(format!("more than {MOST_STEPS} steps")));
            }
            if script.waits() > LONGEST_WAIT {
                let all = "milliseconds of waiting in all";
                return Err(wrong(format!("more than {LONGEST_WAIT} {all}")));
            }
        }
        if script.is_idle() {
            return Err(NoScript {
                line: text.lines().count().max(1),
                what: "the script ends without a call or a segment".into(),
            });
        }
        Ok(script)
    }
}
