//! Many random scripts, and what was found.

use std::collections::BTreeMap;

use farewell_model::endpoint::TcpState;

use super::drive::{End, Run, drive};
use super::expectations::Expectation;
use super::finding::{Finding, findings};
use super::minimise::minimised;
use super::random;
use super::script::Script;
use super::together::together;
use crate::subject::SubjectError;
use crate::subjects::Stack;

/// What many scripts came to.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// Scripts done.
    pub scripts: u64,
    /// For which everything is explained.
    pub conform: u64,
    /// With a divergence, known or not.
    pub diverge: u64,
    /// For which too much is.
    pub undecided: u64,
    /// Scripts in which some explanation was in each state.
    pub states: [u64; 11],
    /// Segments in and out.
    pub segments: [u64; 2],
    /// The most states that were followed at a time.
    pub largest: usize,
    /// Found, but not again by the same script: that is for stacks in real time.
    pub once: Vec<String>,
    /// How often each was found, the shortest script of each.
    pub findings: BTreeMap<String, (u64, Finding)>,
}

impl Campaign {
    /// Does `count` scripts of a seed to a stack.
    ///
    /// # Errors
    ///
    /// The stack cannot be had.
    pub fn run(
        stack: &dyn Stack,
        known: &[Expectation],
        seed: u64,
        count: u64,
    ) -> Result<Campaign, SubjectError> {
        Campaign::run_brief(stack, known, seed, count, u32::MAX)
    }

    /// Does `count` scripts of a seed that wait for so many milliseconds at most.
    ///
    /// # Errors
    ///
    /// The stack cannot be had.
    pub fn run_brief(
        stack: &dyn Stack,
        known: &[Expectation],
        seed: u64,
        count: u64,
        most: u32,
    ) -> Result<Campaign, SubjectError> {
        let mut all = Campaign::default();
        let full_close = stack.terms().full_close;
        let at_once = stack.at_once().max(1) as u64;
        let mut scripts = (0..)
            .map(|n| random::script(script_seed(seed, n), full_close))
            .filter(|script| script.waits() <= most);
        let mut left = count;
        while left > 0 {
            let some = left.min(at_once);
            left -= some;
            let some: Vec<Script> = scripts.by_ref().take(some as usize).collect();
            let runs = together(stack, &some, |script| drive(stack, script, known))?;
            for (script, run) in some.iter().zip(&runs) {
                all.count(known, script, run);
            }
        }
        Ok(all)
    }

    /// Does one more.
    ///
    /// # Errors
    ///
    /// The stack cannot be had.
    pub fn add(
        &mut self,
        stack: &dyn Stack,
        known: &[Expectation],
        script: &Script,
    ) -> Result<(), SubjectError> {
        let run = drive(stack, script, known)?;
        self.count(known, script, &run);
        Ok(())
    }

    /// One more was done.
    fn count(&mut self, known: &[Expectation], script: &Script, run: &Run) {
        self.scripts += 1;
        self.largest = self.largest.max(run.largest);
        let mut reached = [false; 11];
        for s in run.moments.iter().flat_map(|m| &m.states) {
            reached[*s as usize] = true;
        }
        for (count, reached) in self.states.iter_mut().zip(reached) {
            *count += u64::from(reached);
        }
        for (_, out, _) in &run.packets {
            self.segments[usize::from(*out)] += 1;
        }
        let found = findings(known, script, run);
        self.undecided += u64::from(run.end == End::Undecided);
        self.diverge += u64::from(!found.is_empty());
        self.conform += u64::from(found.is_empty() && run.end == End::Conforms);
        for f in found {
            let known = self
                .findings
                .entry(f.id.clone())
                .or_insert_with(|| (0, f.clone()));
            known.0 += 1;
            if f.script.steps.len() < known.1.script.steps.len() {
                known.1 = f;
            }
        }
    }

    /// Makes every script as short as can be.
    ///
    /// # Errors
    ///
    /// The stack cannot be had.
    pub fn minimise(
        &mut self,
        stack: &dyn Stack,
        known: &[Expectation],
    ) -> Result<(), SubjectError> {
        let found: Vec<Finding> = self.findings.values().map(|(_, f)| f.clone()).collect();
        let shorter = together(stack, &found, |f| minimised(stack, known, f))?;
        for ((id, (count, _)), shorter) in
            std::mem::take(&mut self.findings).into_iter().zip(shorter)
        {
            match shorter {
                Some(f) => drop(self.findings.insert(id, (count, f))),
                None => self.once.push(id),
            }
        }
        Ok(())
    }
}

/// The seed of the n-th script.
fn script_seed(seed: u64, n: u64) -> u64 {
    seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(n.wrapping_mul(0xd134_2543_de82_ef95))
}

impl std::fmt::Display for Campaign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [arrived, left] = self.segments;
        writeln!(
            f,
            "{} scripts: {} conform, {} diverge, {} undecided; {arrived} segments in, {left} out; at most {} states of the specification at a time",
            self.scripts, self.conform, self.diverge, self.undecided, self.largest
        )?;
        write!(f, "scripts that came to")?;
        for (s, n) in TcpState::ALL.into_iter().zip(self.states) {
            write!(
                f,
                "  {} {:.1} %",
                s.name(),
                100.0 * n as f64 / self.scripts.max(1) as f64
            )?;
        }
        writeln!(f)
    }
}
