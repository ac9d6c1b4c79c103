//! Fuzz target `network`: two engines, a hostile network, random applications. Without libFuzzer it replays the files it is given.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| farewell_fuzz::targets::network::run(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    farewell_fuzz::replay::main("network")
}
