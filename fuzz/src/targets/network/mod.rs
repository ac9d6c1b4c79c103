//! Two engines as they ship, a network that is hostile for a bounded number of packets and fair afterwards, and random
//! applications.
//!
//! What is read is what was written, in order; unless someone aborts or gives up, all of it, and the end of the stream.
//! Both ends reach CLOSED in bounded time. `script` is what a run is made of, `world` drives it from event to event
//! (`poll` is what an engine does of itself, `user` what its application does), `host` and `app` are an end each, `link` is
//! the network, and `ladder` tells the story of a failure.

mod app;
mod host;
mod ladder;
mod link;
mod poll;
mod script;
mod seeds;
mod user;
mod world;

use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};

use super::case;
pub use script::{AppPlan, Fate, Finish, HostPlan, Opening, Script};
pub use seeds::seeds;
pub use world::Outcome;

/// Runs a script.
pub fn run(data: &[u8]) {
    outcome(data);
}

/// Runs a script, and says what came of it.
pub fn outcome(data: &[u8]) -> Outcome {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else {
        return Outcome::default();
    };
    let script = Rc::new(script);
    let ladder = ladder::Ladder::default();
    let tell = {
        let (script, ladder) = (Rc::clone(&script), ladder.clone());
        move || {
            let head = "   seconds  host 0       host 1        segments, as they arrive";
            format!("{script:#?}\n{head}\n{ladder}")
        }
    };
    let mut came = Outcome::default();
    case::run("network", data, tell, || {
        came = world::World::new(&script, &ladder).run();
    });
    came
}
