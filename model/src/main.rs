//! The command `farewell` over the specification's worlds.

use std::process::ExitCode;

use farewell_model::cli::{self, Registry};

fn main() -> ExitCode {
    cli::run(std::env::args_os(), &Registry::of_the_specification())
}
