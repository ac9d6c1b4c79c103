//! What no state of the specification explains: its name, its weight, its ladder, and the shortest script that shows it.

use std::fmt::Write as _;

use farewell_model::endpoint::{Call, Event, TcpState};
use farewell_model::rules::Rule;

use super::drive::{End, Moment, Oddity, Run, drive, explained_by, first_rules};
use super::freedom::{Level, level};
use super::script::{Script, Step};
use super::set::Why;
use crate::subject::SubjectError;
use crate::subjects::Stack;
use crate::targets::lockstep::words;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// A MUST, or what section 3.10 prescribes.
    Must,
    /// A SHOULD.
    Should,
    /// What a user wrote or was sent is not what is read.
    DataLost,
    /// Nothing more happens though it must.
    Hang,
    /// It panicked, or what came out is no TCP.
    Broken,
}

impl Class {
    /// As it is printed.
    pub fn label(self) -> &'static str {
        match self {
            Class::Must => "MUST violated",
            Class::Should => "SHOULD not followed",
            Class::DataLost => "data lost or false",
            Class::Hang => "hang",
            Class::Broken => "broken",
        }
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
    /// What shows it.
    pub script: Script,
}

/// The section that a reason is about.
fn section(why: Why) -> (&'static str, Class) {
    match why {
        Why::Reset | Why::NoReset => ("RFC 9293 3.5.2, 3.10.7.1", Class::Must),
        Why::BareReset => ("RFC 9293 3.10.7.1", Class::Must),
        Why::AfterFin => ("RFC 9293 3.10.7.4, seventh", Class::DataLost),
        Why::EarlyProbe => ("RFC 9293 3.8.6.1, SHLD-29", Class::Should),
        Why::Syn | Why::NoSyn => ("RFC 9293 3.10.1, 3.10.7.2", Class::Must),
        Why::NoAck | Why::Sequence | Why::Acknowledgment => ("RFC 9293 3.10.7.4", Class::Must),
        Why::Silence => ("RFC 9293 3.10.7.1", Class::Must),
        Why::Window => ("RFC 9293 3.8.6.2.2, SHLD-14", Class::Should),
        Why::Unasked => ("RFC 9293 3.8.6.3", Class::Should),
        Why::Text => ("RFC 9293 3.7, 3.8.6", Class::Must),
        Why::Unsent => ("RFC 9293 3.10.2, 3.10.4", Class::Must),
        Why::Unanswered => ("RFC 9293 3.10.7.4, MUST-58", Class::Must),
        Why::NotRepeated => ("RFC 9293 3.8.1, 3.8.6.1, MUST-36", Class::Hang),
        Why::Overtime => ("RFC 9293 3.10.8", Class::Hang),
        Why::Reply => ("RFC 9293 3.9.1", Class::Must),
        Why::Told => ("RFC 9293 3.5.3, MUST-12", Class::Must),
        Why::Read => ("RFC 9293 3.10.3, 3.10.7.4", Class::DataLost),
    }
}

/// Clauses whose absence alone explains a divergence well; that of others explains too much.
const NAMED_BY_RULE: [Rule; 8] = [
    Rule::RstExact,
    Rule::SynChallenge,
    Rule::ResetUnread,
    Rule::ResetLateData,
    Rule::TimeWait,
    Rule::RetransmitFin,
    Rule::SynSentAck,
    Rule::TrimOverlap,
];

/// What happened, for the name: text or not makes no difference beside control bits.
fn trigger(m: &Moment) -> String {
    match m.input {
        None => "time".into(),
        Some((Event::Segment(s), _)) => {
            let mut name = format!("{:?}", s.flags).to_lowercase().replace(',', "-");
            if name.is_empty() {
                name += "no-flags";
            }
            name
        }
        Some((Event::Call(c), _)) => match c {
            Call::OpenActive { .. } => "connect".into(),
            Call::OpenPassive { .. } => "listen".into(),
            Call::Send { .. } => "send".into(),
            Call::Receive(_) => "receive".into(),
            c => format!("{c:?}").to_lowercase(),
        },
        Some(_) => "none".into(),
    }
}

fn state_id(s: TcpState) -> String {
    s.name().to_lowercase().replace('_', "-")
}

/// The finding of a run that did not conform; none if it did or is undecided.
pub fn finding(stack: &dyn Stack, script: &Script, run: &Run) -> Option<Finding> {
    let last = run.moments.last()?;
    let named = |id: String, class, section: &str, what: String| {
        Some(Finding {
            id,
            class,
            section: section.to_owned(),
            what,
            script: script.clone(),
        })
    };
    let before = run.moments.iter().rev().nth(1);
    let state = before
        .and_then(|m| m.states.first())
        .copied()
        .unwrap_or_default();
    let u = match &run.end {
        End::Conforms | End::Undecided => return None,
        End::Broken(why) => {
            let id = format!("broken/{}/{}", state_id(state), trigger(last));
            return named(id, Class::Broken, "RFC 9293 3.1", why.clone());
        }
        End::Diverges(u) => u,
    };
    let (first_state, first_why) = *u.against.first()?;
    // If one segment was treated oddly, that is its name.
    for (n, m) in run.moments.iter().enumerate().rev() {
        let Some((Event::Segment(_), _)) = m.input else {
            continue;
        };
        let state = n
            .checked_sub(1)
            .and_then(|n| run.moments[n].states.first())
            .copied()
            .unwrap_or_default();
        for odd in [Oddity::Ignores, Oddity::Overfills] {
            if explained_by(&run.moments, stack.terms(), first_rules(), Some((n, odd))) {
                let (word, what) = match odd {
                    Oddity::Ignores => (
                        "ignored",
                        "a segment is dropped without an answer and without effect",
                    ),
                    Oddity::Overfills => {
                        ("overfilled", "what does not fit into the window is taken")
                    }
                };
                let id = format!("{word}/{}/{}", state_id(state), trigger(m));
                let what = format!("{what}: {} in {}", input_words(m), state.name());
                return named(id, Class::Must, "RFC 9293 3.10.7", what);
            }
        }
    }
    // If it is one clause that is missing, that is its name.
    for rule in NAMED_BY_RULE {
        let rules = first_rules().without(rule);
        let plain = !matches!(first_why, Why::Unanswered | Why::Read);
        if plain && explained_by(&run.moments, stack.terms(), rules, None) {
            let (class, rule) = (level(rule), rule.info());
            let class = match class {
                Level::Must => Class::Must,
                Level::Should => Class::Should,
            };
            let what = format!(
                "as without the clause \"{}\": {}",
                rule.clause, rule.without
            );
            return named(format!("without-{}", rule.id), class, rule.source, what);
        }
    }
    if matches!(first_why, Why::BareReset | Why::AfterFin | Why::EarlyProbe) {
        let (section, class) = section(first_why);
        return named(
            first_why.id(),
            class,
            section,
            format!("{first_why} ({})", first_state.name()),
        );
    }
    // The reason of the state that got furthest would be best; the most frequent reading is near enough.
    let (state, why) = *u.against.first()?;
    let (section, class) = section(why);
    let id = format!("{}/{}/{}", why.id(), state_id(state), trigger(last));
    named(id, class, section, format!("{why} ({})", state.name()))
}

/// The shortest script found that shows the same: steps left out, numbers made simple.
///
/// # Errors
///
/// The stack cannot be had.
pub fn minimised(stack: &dyn Stack, found: &Finding) -> Result<Finding, SubjectError> {
    let mut best = found.clone();
    let same = |script: &Script| -> Result<Option<Finding>, SubjectError> {
        let run = drive(stack, script)?;
        Ok(finding(stack, script, &run).filter(|f| f.id == found.id))
    };
    // Delta debugging: halves, then quarters, down to single steps, until nothing more goes.
    let mut size = best.script.steps.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < best.script.steps.len() {
            let mut tried = best.script.clone();
            tried.steps.drain(at..(at + size).min(tried.steps.len()));
            match same(&tried)? {
                Some(f) => {
                    best = f;
                    shorter = true;
                }
                None => at += size,
            }
        }
        if !shorter || size > 1 {
            size = if size == 1 { 0 } else { size / 2 };
        }
    }
    for simpler in simplifications(&best.script) {
        let mut tried = best.script.clone();
        simpler(&mut tried);
        if tried != best.script
            && let Some(f) = same(&tried)?
        {
            best = f;
        }
    }
    Ok(best)
}

type Simpler = Box<dyn Fn(&mut Script)>;

fn simplifications(script: &Script) -> Vec<Simpler> {
    let mut all: Vec<Simpler> = vec![
        Box::new(|s| s.peer_isn = 1_000),
        Box::new(|s| s.isn = 1_000),
    ];
    for n in 0..script.steps.len() {
        let segment = move |s: &mut Script, change: &dyn Fn(&mut super::script::Peer)| {
            if let Some(Step::Segment(p)) = s.steps.get_mut(n) {
                change(p);
            }
        };
        all.push(Box::new(move |s| segment(s, &|p| p.len = 0)));
        all.push(Box::new(move |s| segment(s, &|p| p.len = p.len.min(1))));
        all.push(Box::new(move |s| segment(s, &|p| p.wnd = 4)));
        all.push(Box::new(move |s| {
            segment(s, &|p| p.ack = (crate::targets::lockstep::Anchor::Next, 0))
        }));
        all.push(Box::new(move |s| segment(s, &|p| p.seq.1 = 0)));
    }
    all
}

fn input_words(m: &Moment) -> String {
    match m.input {
        None => "time goes on".into(),
        Some((Event::Segment(s), _)) => format!("──▶ {}", words(&s)),
        Some((Event::Call(Call::Send { len, .. }), reply)) => {
            format!("SEND {len}{}", replied(reply.is_some()))
        }
        Some((Event::Call(c), reply)) => format!("{c:?}{}", replied(reply.is_some())),
        Some(_) => String::new(),
    }
}

fn replied(refused: bool) -> &'static str {
    if refused { ": refused" } else { "" }
}

/// What happened, a line a moment; ticks in which nothing did are left out.
pub fn ladder(run: &Run) -> String {
    let mut out = String::new();
    let count = run.moments.len();
    for (n, m) in run.moments.iter().enumerate() {
        let mut came: Vec<String> = m
            .seen
            .segments
            .iter()
            .map(|s| format!("◀── {}", words(s)))
            .collect();
        came.extend(m.seen.told.iter().map(|i| format!("told: {}", i.name())));
        if !m.seen.read.is_empty() || m.seen.end {
            let end = if m.seen.end { ", end of stream" } else { "" };
            came.push(format!(
                "read {:?}{end}",
                String::from_utf8_lossy(&m.seen.read)
            ));
        }
        if m.input.is_none() && came.is_empty() && n + 1 < count {
            continue;
        }
        let states: Vec<&str> = m.states.iter().map(|s| s.name()).collect();
        let states = if states.is_empty() {
            "NO STATE EXPLAINS THIS".into()
        } else {
            states.join("|")
        };
        let _ = writeln!(
            out,
            "{:>9.3} s  {:<48} {:<52} {states}",
            m.at as f64 / 1e6,
            input_words(m),
            came.join("; ")
        );
    }
    if let End::Diverges(u) = &run.end {
        let o = &u.observed;
        let _ = writeln!(
            out,
            "the last state's variables: {} iss={} snd_una={} snd_nxt={} snd_wnd={} rcv_nxt={} rcv_wnd={}",
            o.state.name(),
            o.iss.raw(),
            o.snd_una.raw(),
            o.snd_nxt.raw(),
            o.snd_wnd,
            o.rcv_nxt.raw(),
            o.rcv_wnd
        );
        for (state, why) in &u.against {
            let _ = writeln!(out, "  not {}: {why}", state.name());
        }
    }
    out
}
