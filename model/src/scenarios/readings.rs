//! The contradictions of the RFCs, in both readings.

use super::Scenario;

pub(super) const SCENARIOS: &[Scenario] = &[];
