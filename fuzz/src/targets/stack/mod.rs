//! A [`farewell::Stack`] against a naive host: an [`farewell::Endpoint`] for each pair of sockets in a map, and a list of
//! listeners. Thousands of connections, on few ports.
//!
//! Both get the same secrets and settings, and buffers of the same size, so that they must send the same segments. After
//! every step they are compared: what is sent between any two ends, in order (which ends have their turn first is free);
//! what users are told; what calls return; counters; states; and, if there are not too many, every variable of every
//! connection, the census, the sockets in use.
//!
//! `script` is what a run is made of, `shots` makes its packets, `world` does each step to both, `compare` compares. The
//! reference is `naive` and, for its users' calls, `calls`.

mod calls;
mod compare;
mod ladder;
mod naive;
mod script;
mod seeds;
mod shots;
mod world;

use std::rc::Rc;

use arbitrary::{Arbitrary, Unstructured};

use super::case;
pub use script::{Family, Op, Script, Shot};
pub use seeds::seeds;

/// Runs a script.
pub fn run(data: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else {
        return;
    };
    let script = Rc::new(script);
    let ladder = ladder::Ladder::default();
    let tell = {
        let (script, ladder) = (Rc::clone(&script), ladder.clone());
        move || {
            format!("{script:#?}\n      seconds  host and peer, state of the reference\n{ladder}")
        }
    };
    case::run("stack", data, tell, || {
        world::World::new(&script, &ladder).run();
    });
}
