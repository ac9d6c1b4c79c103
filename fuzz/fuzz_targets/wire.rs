//! Fuzz target `wire`: packets read and written, beside the crate etherparse. Without libFuzzer it replays the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| farewell_fuzz::targets::wire::run(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    farewell_fuzz::replay::main("wire")
}
