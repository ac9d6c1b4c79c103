//! From the command line to Ctrl-C or SIGTERM.

use std::collections::HashMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use farewell::config::KeepAlive;
use farewell::stack::{BindError, Heap, Limits, Reuse, Secrets, StackError};
use farewell::{Config, Instant, Stack, State};
use farewell_tun::capture::CaptureError;
use farewell_tun::device::{DeviceError, TunConfig};
use farewell_tun::driver::DriverError;
use farewell_tun::{Capture, Clock, Driver, Link, Monotonic, Tun};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::args::{AddressError, Args};
use crate::service::{Servants, Service, line};

const CONNECTIONS: u32 = 4_096;
const BUFFER: usize = 32 * 1024;
/// Between two looks at the census, and at whether it is to end.
const LOOK: Duration = Duration::from_millis(200);
const SECOND: Duration = Duration::from_secs(1);
/// Connections are given this long to end after Ctrl-C.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
enum EchoError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Driver(#[from] DriverError),
    #[error("the stack: {0}")]
    Stack(#[from] StackError),
    #[error("the stack cannot listen: {0}")]
    Listen(#[from] BindError),
    #[error("no random numbers: {0}")]
    Random(Errno),
    #[error("nobody reads the output: {0}")]
    Output(#[from] io::Error),
    #[error("Ctrl-C cannot be caught: {0}")]
    Signal(#[from] ctrlc::Error),
}

impl From<DeviceError> for EchoError {
    fn from(e: DeviceError) -> Self {
        EchoError::Driver(e.into())
    }
}

impl From<CaptureError> for EchoError {
    fn from(e: CaptureError) -> Self {
        EchoError::Driver(e.into())
    }
}

/// Serves until Ctrl-C or SIGTERM.
pub(crate) fn main() -> ExitCode {
    match serve(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("farewell-echo: {e}");
            ExitCode::from(match e {
                EchoError::Address(_) => 2,
                EchoError::Driver(DriverError::Device(
                    DeviceError::NoTun | DeviceError::NotAllowed,
                )) => 3,
                _ => 1,
            })
        }
    }
}

fn serve(args: &Args) -> Result<(), EchoError> {
    let clock = Monotonic::new();
    let kernels = args.kernels()?;
    // One network may have several addresses of ours, and one of the kernel's.
    let mut addresses = kernels.clone();
    addresses.sort_unstable();
    addresses.dedup();
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    ctrlc::set_handler(move || end.store(true, Ordering::Relaxed))?;

    let mut stack = stack(args, clock.now())?;
    let mut listeners = HashMap::new();
    for network in &args.address {
        stack.add_address(network.ip)?;
        for service in Service::ALL {
            let at = (network.ip, service.port()).into();
            listeners.insert(stack.listen(at, 1024, Reuse::No)?, service);
        }
    }
    let ids: Vec<_> = listeners.keys().copied().collect();
    // Before the interface, so that a file that cannot be written leaves nothing behind.
    let capture = match &args.pcapng {
        Some(path) => Some(Capture::create(path, clock.now())?),
        None => None,
    };
    let tun = Tun::open(&TunConfig {
        name: args.tun.clone(),
        addresses,
        mtu: 1500,
        queue: 1_000,
    })?;
    let mut driver = Driver::new(stack, tun, Link::new(args.seed, args.faults()));
    if let Some(capture) = capture {
        driver.set_capture(capture);
    }
    for (network, (kernel, _)) in args.address.iter().zip(&kernels) {
        let (name, ip) = (driver.device().name(), network.ip);
        say(&format!(
            "{name}: {ip} serves echo on port 7 and HTTP on port 80; the kernel is {kernel}"
        ))?;
    }

    let mut servants = Servants::new(listeners);
    let mut census = Census::new(clock.now(), args.census);
    while !ended.load(Ordering::Relaxed) {
        turn(&mut driver, &clock, &mut servants)?;
        servants.lose_patience(driver.stack_mut(), clock.now());
        if census.look(driver.stack(), clock.now())? {
            driver.flush()?; // whoever looks at the capture, or kills us, has all but the last second
        }
        driver.wait(clock.now(), LOOK)?;
    }
    // Nobody new; whoever is there hears a FIN or a RST.
    for id in ids {
        let _ = driver.stack_mut().unlisten(clock.now(), id); // it is there
    }
    servants.dismiss(driver.stack_mut(), clock.now());
    let until = clock.now() + FAREWELL;
    loop {
        turn(&mut driver, &clock, &mut servants)?;
        let now = clock.now();
        if driver.stack().is_empty() && driver.link().is_empty() || now >= until {
            break;
        }
        driver.wait(now, until.since(now))?;
    }
    driver.flush()?;
    let waits = driver.stack().count(State::TimeWait);
    let open = driver.stack().len();
    say(&format!("ended, with {waits} in TIME_WAIT and {open} open"))?;
    Ok(())
}

/// A line for whoever reads the output.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn turn(
    driver: &mut Driver<Tun>,
    clock: &impl Clock,
    servants: &mut Servants,
) -> Result<(), DriverError> {
    loop {
        let now = clock.now();
        let more = driver.turn(now)?;
        // What the servants call for goes out in another turn.
        let served = servants.serve(driver.stack_mut(), now);
        if !more && !served {
            return Ok(());
        }
    }
}

fn stack(args: &Args, now: Instant) -> Result<Stack<Heap>, EchoError> {
    let mut random = [0; 64];
    let flags = GetRandomFlags::empty();
    getrandom(&mut random, flags).map_err(EchoError::Random)?;
    let config = Config {
        time_wait: Duration::from_secs(args.time_wait),
        // A peer that is gone does not hold its place for ever.
        keep_alive: Some(KeepAlive {
            idle: Duration::from_secs(60),
            probes: Some(5),
        }),
        ..Config::default()
    };
    let heap = Heap::new(BUFFER, BUFFER, 2 * BUFFER * CONNECTIONS as usize);
    let limits = Limits::for_connections(CONNECTIONS);
    Ok(Stack::new(config, limits, Secrets::new(random), heap, now)?)
}

/// The live census: a line when it has changed, once a second at most, or all of it each second.
struct Census {
    next: Instant,
    full: bool,
    last: String,
}

impl Census {
    fn new(now: Instant, full: bool) -> Census {
        let last = String::new();
        Census {
            next: now,
            full,
            last,
        }
    }

    /// Says whether a second was over.
    fn look(&mut self, stack: &Stack<Heap>, now: Instant) -> io::Result<bool> {
        if now < self.next {
            return Ok(false);
        }
        self.next = now + SECOND;
        if self.full {
            say(&format!("{}\n", stack.census(now)))?;
            return Ok(true);
        }
        let line = line(stack);
        if line != self.last {
            say(&line)?;
            self.last = line;
        }
        Ok(true)
    }
}
