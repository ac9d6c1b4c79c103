//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Lets the engine and the kernel's TCP open, talk and close in every way, through a link with faults.
///
/// It makes a network namespace of its own (by `unshare`) with a TUN in it, and touches nothing else.
#[derive(Parser, Clone, Debug)]
#[command(name = "farewell-lives", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 all is well, 1 something is not, 2 usage, 3 it cannot run on this machine, 130 Ctrl-C or SIGTERM."
)]
pub(crate) struct Args {
    /// How many lives: connections, and what follows on the same ends
    #[arg(long, default_value_t = 1080, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) lives: u32,
    /// How many at once: they close when all of them are open
    #[arg(long, default_value_t = 540, value_parser = clap::value_parser!(u32).range(1..=6_000))]
    pub(crate) at_once: u32,
    /// Decides everything but the time
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Only this one, as it is drawn among all
    #[arg(long)]
    pub(crate) life: Option<u32>,
    /// Wait until the kernel's TIME_WAIT is over, too: a minute, and nothing makes it shorter
    #[arg(long)]
    pub(crate) wait_for_kernel: bool,
    /// Seconds that a life may take
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) deadline: u64,
    /// Milliseconds that TIME_WAIT lasts at the engine
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(200..=240_000))]
    pub(crate) time_wait: u64,
    /// The kernel ignores a RST in TIME_WAIT (RFC 1337, F1); by default Linux does not
    #[arg(long)]
    pub(crate) rfc1337: bool,
    /// Writes every packet of both hosts into this file, for Wireshark
    #[arg(long, value_name = "FILE")]
    pub(crate) pcapng: Option<PathBuf>,
    /// It is in a namespace of its own already, and the one outside is this
    #[arg(long, hide = true, value_name = "DEVICE:INODE", num_args = 0..=1, default_missing_value = "")]
    pub(crate) inside: Option<String>,
}

impl Args {
    /// How long a life may take.
    pub(crate) fn life_may_take(&self) -> Duration {
        Duration::from_secs(self.deadline)
    }
}
