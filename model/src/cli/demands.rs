//! What a complete default run must exercise over all its scenarios: a check that passes because nothing happened is
//! a defect.

use super::registry::Finding;
use crate::endpoint::TcpState;
use crate::rules::RULES;
use crate::spec::transition::TABLE;
use crate::world::Covered;

/// Everything that was exercised, and how much of it was about reuse.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exercised {
    pub(super) covered: Covered,
    pub(super) unique: u64,
}

impl Exercised {
    pub(super) fn add(&mut self, f: &Finding) {
        self.covered = self.covered.and(f.covered);
        self.unique += f.unique;
    }

    /// The share of states that hold two or more incarnations.
    pub(super) fn reused(&self) -> f64 {
        if self.unique == 0 {
            0.0
        } else {
            self.covered.reused as f64 / self.unique as f64
        }
    }

    pub(super) fn state_count(&self) -> usize {
        self.covered.state_names().count()
    }

    pub(super) fn rule_count(&self) -> usize {
        self.covered.rules.iter().count()
    }

    pub(super) fn missing_states(&self) -> Vec<&'static str> {
        TcpState::ALL
            .into_iter()
            .filter(|s| self.covered.states & 1 << *s as u8 == 0)
            .map(TcpState::name)
            .collect()
    }

    pub(super) fn missing_transitions(&self) -> Vec<String> {
        let missing = TABLE
            .iter()
            .enumerate()
            .filter(|(n, _)| self.covered.transitions & 1 << n == 0);
        missing
            .map(|(_, t)| format!("{} → {} ({})", t.from.name(), t.to.name(), t.cause.label()))
            .collect()
    }

    pub(super) fn missing_rules(&self) -> Vec<&'static str> {
        RULES
            .iter()
            .filter(|r| !self.covered.rules.has(r.rule))
            .map(|r| r.id)
            .collect()
    }

    /// What a complete default run lacks, in sentences.
    pub(super) fn lacks(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut demand = |what: &str, missing: Vec<String>| {
            if !missing.is_empty() {
                out.push(format!("{what} never exercised: {}", missing.join("; ")));
            }
        };
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        demand("states", owned(self.missing_states()));
        demand("transitions", self.missing_transitions());
        demand("rules", owned(self.missing_rules()));
        if self.reused() < 0.5 {
            out.push(format!(
                "only {:.0} % of the states hold two or more incarnations: at least half must",
                self.reused() * 100.0
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleSet;

    #[test]
    fn whatever_is_missing_is_named() {
        let all = Covered {
            states: (1 << TcpState::ALL.len()) - 1,
            transitions: u64::MAX >> (64 - TABLE.len()),
            rules: RuleSet::all(),
            reused: 5,
            ..Covered::default()
        };
        let full = Exercised {
            covered: all,
            unique: 10,
        };
        assert_eq!(full.lacks(), Vec::<String>::new());
        let lacks = |c: Covered, unique| Exercised { covered: c, unique }.lacks().join(" ");
        assert!(
            lacks(
                Covered {
                    states: all.states & !(1 << TcpState::Closing as u8),
                    ..all
                },
                10
            )
            .contains("CLOSING")
        );
        assert!(
            lacks(
                Covered {
                    transitions: all.transitions & !1,
                    ..all
                },
                10
            )
            .contains("CLOSED → LISTEN")
        );
        assert!(
            lacks(
                Covered {
                    rules: all.rules.without(crate::rules::Rule::Paws),
                    ..all
                },
                10
            )
            .contains("paws")
        );
        assert!(lacks(all, 11).contains("45 %"));
    }
}
