//! Fuzz target `lockstep`: the specification and the engine, fed the same. Without libFuzzer it replays the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| farewell_fuzz::targets::lockstep::run(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    farewell_fuzz::replay::main("lockstep")
}
