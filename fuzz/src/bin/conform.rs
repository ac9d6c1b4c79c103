//! The command `conform`: the engine in the model's worlds.

use std::process::ExitCode;

fn main() -> ExitCode {
    farewell_fuzz::worlds::conform(std::env::args_os())
}
