//! Many random scripts, and what was found.

use std::collections::BTreeMap;

use farewell_model::endpoint::TcpState;

use super::drive::{End, Run, drive};
use super::expectations::Expectation;
use super::finding::{Finding, findings};
use super::freedom::CHOICES;
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
    /// Their steps, and how many of them were judged.
    pub steps: [u64; 2],
    /// Scripts in which some explanation was in each state.
    pub states: [u64; 11],
    /// Segments in and out.
    pub segments: [u64; 2],
    /// The most states that were followed at a time.
    pub largest: usize,
    /// Scripts in which it was seen to choose, by [`CHOICES`]: as the specification does by itself, or the other way.
    pub chosen: [[u64; 2]; CHOICES.len()],
    /// What was found, by name.
    pub findings: BTreeMap<String, Found>,
}

/// A divergence, of the scripts that showed it the shortest.
#[derive(Clone, Debug)]
pub struct Found {
    /// Scripts that showed it.
    pub times: u64,
    /// What it is.
    pub finding: Finding,
    /// The run that showed it.
    pub run: Run,
    /// If the script was done again: in how many of [`AGAIN`] times it showed the same.
    pub again: Option<usize>,
}

/// How often the script of a divergence that is not expected is done again.
pub const AGAIN: usize = 5;

impl Found {
    /// The same script shows it less often than not: for stacks in real time, and others that are not the same every time.
    pub fn is_unsteady(&self) -> bool {
        self.again.is_some_and(|n| 2 * n < AGAIN)
    }
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
        self.steps[0] += script.steps.len() as u64;
        self.steps[1] += run.judged;
        self.largest = self.largest.max(run.largest);
        let mut reached = [false; 11];
        for s in run.moments.iter().flat_map(|m| &m.states) {
            reached[*s as usize] = true;
        }
        for (count, reached) in self.states.iter_mut().zip(reached) {
            *count += u64::from(reached);
        }
        for ((choice, ..), counts) in CHOICES.iter().zip(&mut self.chosen) {
            for (other, count) in [false, true].into_iter().zip(counts) {
                *count += u64::from(run.chosen.has(*choice, other));
            }
        }
        for (_, out, _) in &run.packets {
            self.segments[usize::from(*out)] += 1;
        }
        let found = findings(known, script, run);
        self.undecided += u64::from(run.end == End::Undecided);
        self.diverge += u64::from(!found.is_empty());
        self.conform += u64::from(found.is_empty() && run.end == End::Conforms);
        for f in found {
            let found = self.findings.entry(f.id.clone());
            let found = found.or_insert_with(|| Found {
                times: 0,
                finding: f.clone(),
                run: run.clone(),
                again: None,
            });
            found.times += 1;
            if f.script.steps.len() < found.finding.script.steps.len() {
                (found.finding, found.run) = (f, run.clone());
            }
        }
    }

    /// Does the scripts of what is not expected again, [`AGAIN`] times, together if the stack bears it.
    ///
    /// # Errors
    ///
    /// The stack cannot be had.
    pub fn again(&mut self, stack: &dyn Stack, known: &[Expectation]) -> Result<(), SubjectError> {
        let unexpected = self.findings.values_mut().filter(|f| !f.finding.expected);
        let mut unexpected: Vec<&mut Found> = unexpected.collect();
        let scripts: Vec<&Finding> = unexpected
            .iter()
            .flat_map(|f| [&f.finding; AGAIN])
            .collect();
        let same = together(stack, &scripts, |f| {
            let run = drive(stack, &f.script, known)?;
            let all = findings(known, &f.script, &run);
            Ok(all.iter().any(|other| other.id == f.id))
        })?;
        for (f, same) in unexpected.iter_mut().zip(same.chunks(AGAIN)) {
            f.again = Some(same.iter().filter(|same| **same).count());
        }
        Ok(())
    }

    /// Makes every script as short as can be; those that do not show it again stay as they are.
    ///
    /// # Errors
    ///
    /// The stack cannot be had.
    pub fn minimise(
        &mut self,
        stack: &dyn Stack,
        known: &[Expectation],
    ) -> Result<(), SubjectError> {
        let steady = self.findings.values_mut().filter(|f| !f.is_unsteady());
        let steady: Vec<&mut Found> = steady.collect();
        let scripts: Vec<&Finding> = steady.iter().map(|f| &f.finding).collect();
        let shorter = together(stack, &scripts, |f| minimised(stack, known, f))?;
        for (found, shorter) in steady.into_iter().zip(shorter) {
            if let Some((finding, run)) = shorter {
                (found.finding, found.run) = (finding, run);
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
        let [steps, judged] = self.steps;
        writeln!(
            f,
            "{} scripts: {} conform, {} diverge, {} undecided; of {steps} steps {judged} judged; {arrived} segments in, {left} out; at most {} states of the specification at a time",
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
        writeln!(f)?;
        let shown = CHOICES.iter().zip(&self.chosen);
        let mut shown = shown.filter(|(_, n)| **n != [0, 0]).peekable();
        if shown.peek().is_some() {
            writeln!(f, "of what the RFCs leave open, scripts that show it:")?;
        }
        for ((_, about, does), [by_itself, other]) in shown {
            writeln!(
                f,
                "  {about:64}  {} {by_itself}, {} {other}",
                does[0], does[1]
            )?;
        }
        Ok(())
    }
}
