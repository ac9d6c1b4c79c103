//! A run as lines: what went in, what came out, and which states explain it.

use std::fmt::Write as _;

use farewell_model::endpoint::{Call, Event};

use super::drive::{End, Moment, Run};
use crate::targets::lockstep::words;

pub(super) fn input_words(m: &Moment) -> String {
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

/// What came out: with segments or without.
pub(super) fn came(m: &Moment, segments: bool) -> Vec<String> {
    let sent = m.seen.segments.iter().filter(|_| segments);
    let mut came: Vec<String> = sent.map(|s| format!("◀── {}", words(s))).collect();
    came.extend(m.seen.told.iter().map(|i| format!("told: {}", i.name())));
    if !m.seen.read.is_empty() || m.seen.end {
        let end = if m.seen.end { ", end of stream" } else { "" };
        let text = String::from_utf8_lossy(&m.seen.read);
        came.push(format!("read {text:?}{end}"));
    }
    came
}

/// Which states explain it.
pub(super) fn states(m: &Moment) -> String {
    let names: Vec<&str> = m.states.iter().map(|s| s.name()).collect();
    if names.is_empty() {
        "NO STATE EXPLAINS THIS".into()
    } else {
        names.join("|")
    }
}

/// What happened, a line a moment; ticks in which nothing did are left out.
pub fn ladder(run: &Run) -> String {
    let mut out = String::new();
    let count = run.moments.len();
    for (n, m) in run.moments.iter().enumerate() {
        let came = came(m, true);
        if m.input.is_none() && came.is_empty() && n + 1 < count {
            continue;
        }
        let states = states(m);
        let _ = writeln!(
            out,
            "{:>9.3} s  {:<48} {:<52} {states}",
            m.at as f64 / 1e6,
            input_words(m),
            came.join("; ")
        );
    }
    if let End::Diverges(d) = &run.end {
        let u = &d.unexplained;
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
