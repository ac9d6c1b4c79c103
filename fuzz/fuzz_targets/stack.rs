//! Fuzz target `stack`: thousands of connections on few ports against a naive reference. Without libFuzzer it replays the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| farewell_fuzz::targets::stack::run(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    farewell_fuzz::replay::main("stack")
}
