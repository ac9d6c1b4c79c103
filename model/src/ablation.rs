//! Ablation: each rule switched off, alone, in the scenario that needs it. With all rules on the same scenario at the
//! same size is verified; without the rule the property it protects has a counterexample, or it is said why not.

use crate::rules::Rule;
use crate::scenarios::Size;

/// What switching a rule off does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Without {
    /// The property is violated; the shortest counterexample has that many steps.
    Violated(u32),
    /// The scenario stays verified, for this reason: a finding, explained in the README.
    Survives(&'static str),
}

/// One rule in the scenario that needs it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The rule that is switched off.
    pub rule: Rule,
    /// The scenario.
    pub scenario: &'static str,
    /// Its size.
    pub size: Size,
    /// The property that the rule protects; only it is judged.
    pub property: &'static str,
    /// What is expected.
    pub without: Without,
    /// Unique states of the scenario with all rules on, that property alone judged.
    pub with: u64,
}

/// Every rule that the model can express, once at least.
pub const CASES: &[Case] = &[];
