//! The shortest script that shows the same.

use std::ops::Range;

use super::drive::{Run, drive};
use super::expectations::Expectation;
use super::finding::{Finding, findings};
use super::script::{Script, Step};
use super::together::together;
use crate::subject::SubjectError;
use crate::subjects::Stack;

/// The shortest script found that shows the same, and its run: steps left out, numbers made simple. None if not even the same
/// script shows it again.
///
/// # Errors
///
/// The stack cannot be had.
pub fn minimised(
    stack: &dyn Stack,
    known: &[Expectation],
    found: &Finding,
) -> Result<Option<(Finding, Run)>, SubjectError> {
    let same = |script: &Script| -> Result<Option<(Finding, Run)>, SubjectError> {
        // A script in which nothing happens is none.
        if script.is_idle() {
            return Ok(None);
        }
        let run = drive(stack, script, known)?;
        let all = findings(known, script, &run);
        let same = all.into_iter().find(|f| f.id == found.id);
        Ok(same.map(|f| (f, run)))
    };
    let Some(mut best) = same(&found.script)? else {
        return Ok(None);
    };
    // Delta debugging: halves, then quarters, down to single steps, until nothing more goes. What goes by itself is then
    // tried together.
    let mut size = best.0.script.steps.len().div_ceil(2);
    while size > 0 {
        let steps = best.0.script.steps.clone();
        let parts: Vec<Range<usize>> = (0..steps.len())
            .step_by(size)
            .map(|at| at..(at + size).min(steps.len()))
            .collect();
        let without = |parts: &[Range<usize>]| Script {
            steps: (0..)
                .zip(&steps)
                .filter(|(n, _)| !parts.iter().any(|p| p.contains(n)))
                .map(|(_, step)| *step)
                .collect(),
            ..best.0.script
        };
        let tried = together(stack, &parts, |p| same(&without(std::slice::from_ref(p))))?;
        let go: Vec<_> = parts
            .iter()
            .zip(&tried)
            .filter(|(_, f)| f.is_some())
            .map(|(p, _)| p.clone())
            .collect();
        let one = tried.into_iter().flatten().next();
        let all = match go.len() {
            0 | 1 => None,
            _ => same(&without(&go))?,
        };
        match all.or(one) {
            Some(f) => {
                best = f;
                size = size.min(best.0.script.steps.len());
            }
            None => size /= 2,
        }
    }
    let simpler = simplifications(&best.0.script);
    let changed: Vec<Script> = simpler
        .iter()
        .map(|change| {
            let mut tried = best.0.script.clone();
            change(&mut tried);
            tried
        })
        .collect();
    let tried = together(stack, &changed, |script| match *script == best.0.script {
        true => Ok(None),
        false => same(script),
    })?;
    let mut all = best.0.script.clone();
    for (change, f) in simpler.iter().zip(&tried) {
        if f.is_some() {
            change(&mut all);
        }
    }
    let one = tried.into_iter().flatten().next();
    Ok(Some(same(&all)?.or(one).unwrap_or(best)))
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
