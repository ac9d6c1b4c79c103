//! The specification and the engine in lockstep, one connection after the other on one pair of sockets: long scripts of
//! calls, segments (that fit, old, repeated, overlapping, at the window's edges, across 2^32, wild) and timers, with real
//! sequence numbers. An eighth of the scripts have an engine that is never saved, to which packets go as bytes.

mod play;
mod script;

use std::rc::Rc;

use farewell_model::endpoint::TcpState;
use farewell_model::spec::transition::{IN_DEFAULT_PROFILE, TABLE};

use super::{Seeds, case};
pub use play::{Came, play, words};
pub use script::{Anchor, Op, Parting, Place, Script, Setup, Shape, has_connection};

/// Plays a script; panics at the first difference.
pub fn run(data: &[u8]) {
    let Some(script) = Script::read(data) else {
        return;
    };
    let script = Rc::new(script);
    let shown = Rc::clone(&script);
    let tell = move || {
        let came = play(&shown, true);
        format!("{shown:#?}\n\n{}", came.ladder.join("\n"))
    };
    case::run("lockstep", data, tell, || {
        if let Some(difference) = play(&script, false).differs {
            panic!("specification and engine differ\n{difference}");
        }
    });
}

/// Where many scripts got.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Scripts played.
    pub scripts: u64,
    /// How many reached each state.
    pub states: [u64; 11],
    /// How many took each transition of the specification's table.
    pub transitions: Vec<u64>,
}

impl Histogram {
    /// Adds a script.
    pub fn add(&mut self, came: &Came) {
        self.scripts += 1;
        self.transitions.resize(TABLE.len(), 0);
        for (n, count) in self.states.iter_mut().enumerate() {
            *count += came.states >> n & 1;
        }
        for (n, count) in self.transitions.iter_mut().enumerate() {
            *count += came.transitions >> n & 1;
        }
    }

    /// Transitions of the default profile that fewer than one script in a hundred took.
    pub fn rare(&self) -> Vec<String> {
        let all = TABLE.iter().zip(&self.transitions).take(IN_DEFAULT_PROFILE);
        all.filter(|(_, n)| **n * 100 < self.scripts)
            .map(|(t, n)| {
                format!(
                    "{} to {} by {}: {n}",
                    t.from.name(),
                    t.to.name(),
                    t.cause.label()
                )
            })
            .collect()
    }
}

impl std::fmt::Display for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |n: u64| 100.0 * n as f64 / self.scripts.max(1) as f64;
        writeln!(f, "{} scripts reached", self.scripts)?;
        for (s, n) in TcpState::ALL.into_iter().zip(self.states) {
            writeln!(f, "  {:<14}{:>6.1} %", s.name(), percent(n))?;
        }
        writeln!(f, "and took")?;
        for (t, n) in TABLE.iter().zip(&self.transitions) {
            let arrow = format!("{} → {}", t.from.name(), t.to.name());
            writeln!(
                f,
                "  {arrow:<30}{:<32}{:>6.1} %",
                t.cause.label(),
                percent(*n)
            )?;
        }
        Ok(())
    }
}

/// Inputs worth starting from: each place to begin at, with what a peer and a user mostly do there.
pub fn seeds() -> Seeds {
    const NAMES: [&str; 14] = [
        "from-closed",
        "from-listen",
        "from-syn-sent",
        "from-syn-received",
        "from-syn-received-actively",
        "from-established",
        "from-fin-wait-1",
        "from-fin-wait-2",
        "from-close-wait",
        "from-closing",
        "from-last-ack",
        "from-time-wait",
        "after-an-abort",
        "from-a-reopening",
    ];
    let mut x = 0x9e37_79b9u32;
    let mut seed = |place: usize, kind: u8| {
        let mut data = vec![kind];
        // Settings, then the place: found where it is read by trying.
        for _ in 0..160 {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            data.push(x as u8);
        }
        let wanted = script_place(place);
        for at in 1..40 {
            for value in 0..=255 {
                let mut tried = data.clone();
                tried[at] = value;
                if Script::read(&tried)
                    .is_some_and(|s| s.goes_to == wanted && s.leaves_by.is_none())
                {
                    return tried;
                }
            }
        }
        data
    };
    NAMES
        .iter()
        .enumerate()
        .map(|(n, name)| (*name, seed(n, [0x21, 0x29, 0x31, 0x20][n % 4])))
        .collect()
}

fn script_place(n: usize) -> Place {
    script::PLACES[n.min(script::PLACES.len() - 1)]
}
