//! From the command line to the report.

use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use farewell::State;
use farewell_tun::device::DeviceError;
use farewell_tun::driver::DriverError;
use farewell_tun::namespace::{NamespaceError, enter, require_inside};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args::Args;
use crate::namespace;
use crate::plan::{Cell, Plan};
use crate::report::{Report, states};
use crate::wave;
use crate::world::{INTERFACE, World, WorldError};

/// TIME_WAIT of Linux (`TCP_TIMEWAIT_LEN`), and some.
const KERNELS_TIME_WAIT: Duration = Duration::from_secs(75);
const USAGE: u8 = 2;
const CANNOT_RUN: u8 = 3;
const INTERRUPTED: u8 = 130;

/// Runs it, in a namespace of its own.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let inside = match &args.inside {
        Some(outside) => require_inside(outside),
        None => enter(&env::args_os().skip(1).collect::<Vec<_>>()).map(|never| match never {}),
    };
    if let Err(e) = inside {
        let status = match e {
            NamespaceError::NoTun | NamespaceError::NoUnshare | NamespaceError::NotAllowed => {
                CANNOT_RUN
            }
            NamespaceError::NotInside => USAGE,
            _ => 1,
        };
        return fail(status, &e.to_string());
    }
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(WorldError::Driver(DriverError::Device(
            // Its addresses are its own: one that is refused is a machine without that family.
            e @ (DeviceError::NoTun | DeviceError::NotAllowed | DeviceError::Address { .. }),
        ))) => fail(CANNOT_RUN, &e.to_string()),
        Err(e @ WorldError::Interrupted) => fail(INTERRUPTED, &e.to_string()),
        Err(e) => fail(1, &e.to_string()),
    }
}

fn fail(status: u8, why: &str) -> ExitCode {
    eprintln!("farewell-lives: {why}");
    ExitCode::from(status)
}

fn run(args: &Args) -> Result<bool, WorldError> {
    let refused = namespace::configure(args.rfc1337);
    // Two descriptors a life at most, and some.
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let current = maximum.or(current);
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    if current.is_some_and(|most| most < u64::from(args.at_once) + 64) {
        eprintln!(
            "farewell-lives: no more than {current:?} files may be open: --at-once is too high"
        );
    }

    let mut world = World::new(args)?;
    let mut report = Report::default();
    let indices: Vec<usize> = match args.life {
        Some(n) => vec![n as usize],
        None => (0..args.lives as usize).collect(),
    };
    for wave in indices.chunks(args.at_once as usize) {
        let plans = wave.iter().map(|n| Plan::new(args.seed, *n)).collect();
        wave::run(
            &mut world,
            args.seed,
            plans,
            args.life_may_take(),
            &mut report,
        )?;
    }
    if indices.len() >= Cell::COUNT {
        report.require_coverage();
    }
    let left = leave(&mut world, args, &mut report)?;
    world.driver.flush()?;

    let mut text = format!("seed {}, {} at once\n", args.seed, args.at_once);
    if !refused.is_empty() {
        let _ = writeln!(text, "not set on this kernel: {}", refused.join(", "));
    }
    let _ = writeln!(text, "\n{}\n\n{}", report.table(), report.sums());
    let peak = world.peak;
    let _ = writeln!(
        text,
        "at most {peak} connections of farewell in ESTABLISHED at once"
    );
    for (name, seen) in ["kernel", "farewell"].iter().zip(&world.seen) {
        let _ = writeln!(text, "states of {name}: {}", states(seen));
    }
    let dropped = namespace::dropped_by(INTERFACE).unwrap_or(0);
    let lost = world.driver.counts().lost;
    let _ = writeln!(
        text,
        "lost besides: {dropped} packets by the TUN's queue, {lost} by the TUN\n{left}"
    );
    text.push_str(&match report.is_well() {
        true => "All is well.\n".into(),
        false => format!("\n{}", report.failures(args.seed)),
    });
    // Nobody reads it: the exit status says it all.
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(report.is_well())
}

/// Waits until TIME_WAIT is over, and says what is left.
fn leave(world: &mut World, args: &Args, report: &mut Report) -> Result<String, WorldError> {
    let time_wait = Duration::from_millis(args.time_wait);
    let deadline = world.now() + time_wait * 2 + Duration::from_secs(2);
    while world.driver.stack().count(State::TimeWait) > 0 && world.now() < deadline {
        world.turn(Duration::from_millis(100))?;
    }
    world.unlisten();
    world.turn(Duration::ZERO)?;
    let now = world.now();
    let census = world.driver.stack().census(now);
    let used = world.driver.stack().provider().used();
    let ours = census.total();
    if ours + u64::from(census.unreleased) > 0 || used > 0 || census.sockets > 0 {
        report.strange(format!(
            "farewell has something left; {used} bytes of buffers\n{census}"
        ));
    }
    let deadline = world.now() + KERNELS_TIME_WAIT;
    let mut kernel = world.kernel_sockets()?;
    while args.wait_for_kernel && !kernel.is_empty() && world.now() < deadline {
        world.turn(Duration::from_millis(200))?;
        kernel = world.kernel_sockets()?;
    }
    let waiting = kernel.iter().filter(|s| s.state == State::TimeWait).count();
    let open = kernel.len() - waiting;
    if open > 0 || (args.wait_for_kernel && waiting > 0) {
        report.strange(format!(
            "the kernel has {open} connections left, and {waiting} in TIME_WAIT"
        ));
    }
    let accepted = match args.wait_for_kernel {
        true => "",
        false => " (it lasts a minute there, and is not waited for)",
    };
    Ok(format!(
        "left when TIME_WAIT is over: {ours} connections and {used} bytes of farewell; {open} connections of the kernel, {waiting} in TIME_WAIT{accepted}"
    ))
}
