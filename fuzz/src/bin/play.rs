//! Runs a fuzz target on its seeds and on seeded inputs, without libFuzzer: what `fuzz/coverage.sh` measures.

use std::process::ExitCode;

use farewell_fuzz::scripts::play_many;
use farewell_fuzz::targets::{body, corpus, seeded};

const USAGE: &str = "usage: play TARGET COUNT SEED";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [target, count, seed] = &args[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let (Some(run), Ok(count), Ok(seed)) = (body(target), count.parse(), seed.parse()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let seeds = match corpus(target) {
        Ok(seeds) => seeds,
        Err(why) => {
            eprintln!("play: corpus of {target}: {why}");
            return ExitCode::from(2);
        }
    };
    seeds.iter().for_each(|(_, data)| run(data));
    if target != "lockstep" {
        seeded(target, seed, count);
    } else if let Err(difference) = play_many(seed, count as u64) {
        println!("{difference}");
        return ExitCode::FAILURE;
    }
    println!("{target}: {} seeds, {count} inputs", seeds.len());
    ExitCode::SUCCESS
}
