//! `farewell replay`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use farewell_pcapng::write_whole;

use super::args;
use super::output::Out;
use super::registry::{Registry, Setup};
use super::{Failure, Status, counterexample, names};
use crate::properties;
use crate::report::pcapng;
use crate::report::saved::Saved;
use crate::rules::Rule;

/// The largest file that is read: far more than any trace needs.
const LARGEST: u64 = 10_000_000;
/// The line of a file that names the scenario.
const SCENARIO_LINE: usize = 2;

fn read(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|f| f.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|e| Failure::usage(format!("cannot read {name}: {e}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::usage(format!(
            "{name} has more than {LARGEST} bytes: no counterexample is that large"
        )));
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        Failure::usage(format!("{name}: line {line}: not text"))
    })
}

pub(super) fn run(
    a: &args::Replay,
    registry: &Registry,
    text: Option<String>,
    out: &mut Out,
) -> Result<Status, Failure> {
    let name = a.file.display();
    let text = text.map_or_else(|| read(&a.file), Ok)?;
    let saved = Saved::parse(&text).map_err(|e| Failure::usage(format!("{name}: {e}")))?;
    let subject = names::scenario(registry, &saved.scenario)
        .map_err(|e| Failure::usage(format!("{name}: line {SCENARIO_LINE}: {e}")))?;
    let judged = saved
        .property
        .as_deref()
        .map(names::property)
        .transpose()?
        .map(|p| p.faults);
    let setup = Setup {
        size: saved.size,
        profile: saved.profile,
        off: saved.off,
        saturated: saved.saturated,
        liveness: saved.again_from.is_some(),
        judged,
    };
    let story = subject
        .replay(&setup, saved.start, &saved.actions, saved.again_from)
        .map_err(|e| Failure::usage(format!("{name}: {e}")))?;
    if let Some(path) = &a.pcapng {
        let to = path.display();
        let bytes = pcapng::capture(&story).map_err(|e| Failure::usage(e.to_string()))?;
        write_whole(path, &bytes).map_err(|e| Failure::usage(format!("cannot write {to}: {e}")))?;
    }
    let off: Vec<&str> = saved.off.iter().map(Rule::id).collect();
    let without = if off.is_empty() {
        String::new()
    } else {
        format!(", without {}", off.join(", "))
    };
    out.line(&format!(
        "{}, size {}, profile {}{without}",
        saved.scenario,
        saved.size.name(),
        saved.profile.name()
    ));
    counterexample::print(&story, None, a.absolute, out);
    if let Some(from) = saved.again_from {
        out.line(if from < saved.actions.len() {
            "The run repeats itself for ever and is fair, as the file says."
        } else {
            "The run is possible. That nothing leads to a clean end any more, `farewell check --liveness` decides."
        });
        return Ok(Status::Violated);
    }
    let words = |bits: u32| {
        properties::faults(bits)
            .map(|f| f.text())
            .collect::<Vec<_>>()
            .join("; ")
    };
    if story.faults == 0 {
        out.line(&format!(
            "The violation does NOT occur any more: {}.",
            words(saved.faults)
        ));
        return Ok(Status::Fine);
    }
    if story.faults == saved.faults {
        out.line("The violation occurs, as the file says.");
    } else {
        out.line(&format!(
            "Another violation than the file says, which was: {}.",
            words(saved.faults)
        ));
    }
    Ok(Status::Violated)
}
