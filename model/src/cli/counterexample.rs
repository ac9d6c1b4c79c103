//! What becomes of a counterexample: printed, saved.

use std::path::Path;

use super::output::{self, Out};
use super::registry::Setup;
use crate::properties;
use crate::report::saved::Saved;
use crate::report::{Story, ladder, text};

/// A story as it is saved.
pub(super) fn saved(scenario: &str, setup: &Setup, property: Option<&str>, story: &Story) -> Saved {
    Saved {
        scenario: scenario.to_owned(),
        size: setup.size,
        profile: setup.profile,
        off: setup.off,
        saturated: setup.saturated,
        property: property.map(str::to_owned),
        faults: story.faults,
        start: story.start,
        again_from: story.again_from,
        actions: story
            .moments
            .iter()
            .enumerate()
            .map(|(n, m)| (n + 1, m.action.clone()))
            .collect(),
    }
}

/// Saves it into a directory and says where; what cannot be saved is complained of, and the report goes on.
pub(super) fn save(saved: &Saved, dir: &Path) -> Option<String> {
    match saved.write(dir) {
        Ok(at) => Some(at.display().to_string()),
        Err(e) => {
            output::complain(&format!("cannot save into {}: {e}", dir.display()));
            None
        }
    }
}

/// Prints what is violated and the ladder.
pub(super) fn print(story: &Story, saved: Option<&str>, absolute: bool, out: &mut Out) {
    for p in properties::violated(story.faults) {
        out.lines(&text::wrap(&format!("property {}: {}", p.id, p.says), 108));
    }
    for f in properties::faults(story.faults) {
        out.line(&format!("violated: {}", f.text()));
    }
    out.line("");
    out.line(ladder::draw(story, absolute).trim_end());
    if let Some(at) = saved {
        out.line(&format!("Saved; plays again with: farewell replay {at}"));
    }
}
