//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::check;
use crate::frontier;
use crate::rules;
use crate::scenarios;

/// Model-checks how TCP closes. Without a command: checks every scenario.
#[derive(Parser, Debug)]
#[command(name = "farewell", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 verified, 1 violated or not as declared, 2 usage, 3 out of bounds or budget."
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Checks scenarios, all if none is named
    Check(Check),
    /// Lists the scenarios
    Scenarios(Listing),
    /// Lists the rules: the protocol's protective clauses
    Rules(Listing),
    /// Switches off each rule alone and shows what it protects
    Ablate(Ablate),
    /// Finds the least TIME_WAIT that is safe, for each combination of what else protects a connection
    Frontier(Frontier),
    /// Shows a scenario: bounds, properties, rules
    Show(Show),
    /// Plays a saved counterexample again
    Replay(Replay),
    /// Opens stateright's Explorer on a scenario, for a browser on this machine
    Explore(Explore),
    /// Lists the RFCs' requirements that the code cites, and what shows that they are met
    Requirements(Listing),
    /// Draws the state diagram from the specification's own table
    Diagram(Diagram),
}

/// For people or machines.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Size {
    /// For tests: MSL of 1 tick
    Smoke,
    /// MSL of 2 ticks
    #[default]
    Standard,
    /// MSL of 3 ticks: as far as memory goes
    Deep,
}

impl From<Size> for scenarios::Size {
    fn from(s: Size) -> Self {
        match s {
            Size::Smoke => scenarios::Size::Smoke,
            Size::Standard => scenarios::Size::Standard,
            Size::Deep => scenarios::Size::Deep,
        }
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Profile {
    /// RFC 9293 alone
    Rfc9293,
    /// With RFC 5961, RFC 6191, RFC 7323 and RFC 1337
    #[default]
    Hardened,
    /// As Linux does it
    Linux,
    /// Before all of that
    Rfc793,
}

impl From<Profile> for rules::Profile {
    fn from(p: Profile) -> Self {
        match p {
            Profile::Rfc9293 => rules::Profile::Rfc9293,
            Profile::Hardened => rules::Profile::Hardened,
            Profile::Linux => rules::Profile::Linux,
            Profile::Rfc793 => rules::Profile::Rfc793,
        }
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Engine {
    /// Breadth first on timely dataflow
    #[default]
    Timely,
    /// Stateright's own checker, the reference
    Stateright,
}

impl From<Engine> for check::Engine {
    fn from(e: Engine) -> Self {
        match e {
            Engine::Timely => check::Engine::Timely,
            Engine::Stateright => check::Engine::Stateright,
        }
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reduction {
    /// Every state stands for itself
    None,
    /// One of two mirror images for both, where the hosts do the same
    Symmetry,
    /// A state for all that differ by less in the network
    Network,
    /// Both
    All,
}

impl From<Reduction> for check::Reduction {
    fn from(r: Reduction) -> Self {
        match r {
            Reduction::None => check::Reduction::None,
            Reduction::Symmetry => check::Reduction::Symmetry,
            Reduction::Network => check::Reduction::Network,
            Reduction::All => check::Reduction::All,
        }
    }
}

/// What a run may use.
#[derive(Args, Debug, Default)]
pub(super) struct Budget {
    /// The engine that explores
    #[arg(long, value_enum, default_value_t)]
    pub(super) engine: Engine,
    /// Worker threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(super) threads: Option<usize>,
    /// Memory the process may use, such as 500M or 4G [default: most of what is free]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(super) memory_limit: Option<u64>,
    /// Where counterexamples are saved
    #[arg(long, value_name = "DIR", default_value = "counterexamples")]
    pub(super) save: PathBuf,
}

/// Several processes that explore together, and runs that can go on when they were killed.
#[derive(Args, Debug, Default)]
pub(super) struct Cluster {
    /// Keep each run in files there, level by level; in memory only fingerprints stay
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    pub(super) checkpoint: Option<PathBuf>,
    /// Go on with the runs that are kept there, from their last complete levels
    #[arg(long, value_name = "DIR")]
    pub(super) resume: Option<PathBuf>,
    /// The processes that explore together, one HOST:PORT a line; start each with the same arguments and its --process.
    /// Nothing is authenticated or encrypted: a trusted network only
    #[arg(long, value_name = "FILE", requires = "process")]
    pub(super) hosts: Option<PathBuf>,
    /// Which of them this one is, from 0; process 0 prints the report
    #[arg(long, value_name = "K", requires = "hosts")]
    pub(super) process: Option<usize>,
    /// How long to wait for the others, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "hosts", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(super) join_timeout: u64,
}

#[derive(Args, Debug, Default)]
pub(super) struct Check {
    /// Scenarios by name, all if there are none
    #[arg(value_name = "SCENARIO")]
    pub(super) scenarios: Vec<String>,
    /// How large
    #[arg(long, value_enum, default_value_t)]
    pub(super) size: Size,
    /// Switch a rule off; may be repeated
    #[arg(long, value_name = "RULE")]
    pub(super) without: Vec<String>,
    /// The rules to begin with
    #[arg(long, value_enum, default_value_t)]
    pub(super) profile: Profile,
    /// Judge this property alone
    #[arg(long, value_name = "PROPERTY")]
    pub(super) property: Option<String>,
    /// Every send is a step of its own: no saturation
    #[arg(long)]
    pub(super) plain: bool,
    /// Which states stand for others [default: all at deep size, none at the others]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(super) reduction: Option<Reduction>,
    /// Whether every fair run ends, instead of what must never happen: all liveness scenarios if none is named
    #[arg(long, conflicts_with_all = ["property", "plain", "engine", "threads", "reduction", "hosts", "checkpoint", "resume"])]
    pub(super) liveness: bool,
    #[command(flatten)]
    pub(super) budget: Budget,
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// For people or machines
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// Real sequence numbers in ladders
    #[arg(long)]
    pub(super) absolute: bool,
}

impl Check {
    /// What `farewell` does without a command.
    pub(super) fn by_default() -> Result<Check, clap::Error> {
        match Cli::try_parse_from(["farewell", "check"])?.command {
            Some(Command::Check(check)) => Ok(check),
            _ => Ok(Check::default()),
        }
    }
}

#[derive(Args, Debug)]
pub(super) struct Listing {
    /// For people or machines
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Args, Debug)]
pub(super) struct Ablate {
    /// Rules by name, all if there are none
    #[arg(value_name = "RULE")]
    pub(super) rules: Vec<String>,
    /// Write the matrix as pages into a directory: a table, and each counterexample's ladder
    #[arg(long, value_name = "DIR")]
    pub(super) html: Option<PathBuf>,
    #[command(flatten)]
    pub(super) budget: Budget,
    /// For people or machines
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

/// Text that each side writes in each connection.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Bytes {
    /// SYN and FIN only
    #[default]
    #[value(name = "0")]
    None,
    /// A byte each way
    #[value(name = "1")]
    One,
}

impl From<Bytes> for frontier::Bytes {
    fn from(b: Bytes) -> Self {
        match b {
            Bytes::None => frontier::Bytes::None,
            Bytes::One => frontier::Bytes::One,
        }
    }
}

#[derive(Args, Debug)]
pub(super) struct Frontier {
    /// MSL in ticks, 1 to 3; several with commas
    #[arg(long, value_name = "TICKS", value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u8).range(1..=3))]
    pub(super) msl: Vec<u8>,
    /// Text that each side writes in each connection
    #[arg(long, value_enum, default_value_t)]
    pub(super) bytes: Bytes,
    /// Only cells with these values, such as `above,client`
    #[arg(long, value_name = "VALUES", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Every cell on a line of its own
    #[arg(long)]
    pub(super) every: bool,
    /// Where answers are kept, so that a run that was ended goes on
    #[arg(long, value_name = "DIR", default_value = "frontier-cache")]
    pub(super) cache: PathBuf,
    #[command(flatten)]
    pub(super) budget: Budget,
    /// For people or machines
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Args, Debug)]
pub(super) struct Show {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub(super) scenario: String,
    /// How large
    #[arg(long, value_enum, default_value_t)]
    pub(super) size: Size,
    /// For people or machines
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Args, Debug)]
pub(super) struct Replay {
    /// A file that `check` or `ablate` saved
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Real sequence numbers
    #[arg(long)]
    pub(super) absolute: bool,
    /// Write it as a capture for Wireshark as well: what each host sent and what reached it
    #[arg(long, value_name = "FILE")]
    pub(super) pcapng: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Explore {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub(super) scenario: String,
    /// How large
    #[arg(long, value_enum, default_value = "smoke")]
    pub(super) size: Size,
    /// Switch a rule off; may be repeated
    #[arg(long, value_name = "RULE")]
    pub(super) without: Vec<String>,
    /// Every send is a step of its own: no saturation
    #[arg(long)]
    pub(super) plain: bool,
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 3000)]
    pub(super) port: u16,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Drawing {
    #[default]
    Text,
    Dot,
    Svg,
}

#[derive(Args, Debug)]
pub(super) struct Diagram {
    /// Text table, Graphviz or picture
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Drawing,
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=256) => Ok(n),
        _ => Err("a number from 1 to 256".into()),
    }
}

/// `4G`, `500M`, `64KiB`, `1000000`.
fn bytes(text: &str) -> Result<u64, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(format!("`{unit}` is no unit: K, M, G or T")),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "a number of bytes such as 500M or 4G".to_owned())?;
    number
        .checked_mul(1 << shift)
        .filter(|n| *n > 0)
        .ok_or_else(|| "too large or zero".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_of_memory() {
        assert_eq!(
            ["4G", "500M", "64KiB", "7"].map(bytes),
            [Ok(4 << 30), Ok(500 << 20), Ok(64 << 10), Ok(7)]
        );
        assert!(
            ["", "G", "4X", "-1", "0", "99999999999T"]
                .iter()
                .all(|t| bytes(t).is_err())
        );
    }
}
