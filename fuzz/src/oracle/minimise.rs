//! The shortest script that shows the same.

use super::drive::drive;
use super::expectations::Expectation;
use super::finding::{Finding, findings};
use super::script::{Script, Step};
use crate::subject::SubjectError;
use crate::subjects::Stack;

/// The shortest script found that shows the same: steps left out, numbers made simple.
///
/// # Errors
///
/// The stack cannot be had.
pub fn minimised(
    stack: &dyn Stack,
    known: &[Expectation],
    found: &Finding,
) -> Result<Finding, SubjectError> {
    let mut best = found.clone();
    let same = |script: &Script| -> Result<Option<Finding>, SubjectError> {
        let run = drive(stack, script, known)?;
        let all = findings(known, script, &run);
        Ok(all.into_iter().find(|f| f.id == found.id))
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
