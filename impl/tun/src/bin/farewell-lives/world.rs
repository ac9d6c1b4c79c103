//! Both hosts: the stack on its TUN, the kernel's sockets, and what tells that something happened to either.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farewell::stack::{BindError, Event, Handle, Heap, Limits, ListenerId, Reuse, Secrets};
use farewell::tuple::Tuple;
use farewell::{Config, Instant, Stack, State, rto, timewait};
use farewell_tun::device::TunConfig;
use farewell_tun::diag::{Diag, DiagError, KernelSocket};
use farewell_tun::driver::{DriverError, timespec};
use farewell_tun::{Capture, Clock, Driver, Faults, Link, Monotonic, Tun};
use fastrand::Rng;
use rustix::event::epoll;
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::args::Args;

/// The interface.
pub(crate) const INTERFACE: &str = "farewell0";
/// The kernel's addresses.
const KERNEL: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x99, 0, 0, 0, 0, 0, 1)),
];
/// The stack's.
const OURS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 99, 0, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x99, 0, 0, 0, 0, 0, 2)),
];
const PREFIXES: [u8; 2] = [24, 64];
/// Where either host listens.
const SERVER: u16 = 7000;
/// The ports of clients begin here.
const CLIENTS: u16 = 10_000;
/// So many lives have ports of their own.
pub(crate) const MOST_LIVES: u32 = 50_000;
/// Bytes of a send queue, and of a receive buffer, of the stack.
const BUFFER: usize = 16_384;
/// Connections that the stack has room for.
const CONNECTIONS: u32 = 16_384;
const BACKLOG: i32 = 16_384;

/// How long the stack tries to open. A late SYN that finds it listening again opens an embryo which nothing else ends: the
/// kernel's TIME_WAIT acknowledges its SYN,ACK, and starts again with each answer.
pub(crate) const EMBRYO: Duration = Duration::from_secs(60);

/// Why nothing can go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    /// The TUN, the capture.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The stack.
    #[error("the stack: {0}")]
    Stack(#[from] farewell::stack::StackError),
    /// The stack's listeners.
    #[error("the stack cannot listen: {0}")]
    Listen(#[from] BindError),
    /// The kernel's listeners.
    #[error("the kernel cannot listen: {0}")]
    Kernel(io::Error),
    /// The kernel's states.
    #[error(transparent)]
    Diag(#[from] DiagError),
    /// Ctrl-C or SIGTERM.
    #[error("interrupted: there is no report")]
    Interrupted,
    /// Signals.
    #[error("Ctrl-C cannot be caught: {0}")]
    Signal(#[from] ctrlc::Error),
    /// Waiting.
    #[error("epoll: {0}")]
    Wait(#[from] Errno),
}

impl From<farewell_tun::device::DeviceError> for WorldError {
    fn from(e: farewell_tun::device::DeviceError) -> Self {
        WorldError::Driver(e.into())
    }
}

impl From<farewell_tun::capture::CaptureError> for WorldError {
    fn from(e: farewell_tun::capture::CaptureError) -> Self {
        WorldError::Driver(e.into())
    }
}

/// Something happened.
pub(crate) enum Happened {
    /// To a socket of the kernel, by its token.
    Kernel(u64),
    /// The stack's user is told.
    Ours(Handle, farewell::connection::Indication),
    /// The stack has accepted.
    Accepted(Handle, Tuple),
    /// The kernel has accepted; the tuple is the stack's view.
    KernelAccepted(Socket, Tuple),
}

/// Why a connection cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Opening {
    /// The same ends are in use: again, later.
    #[error("the ends are in use")]
    Later,
    /// They are in the stack's own TIME_WAIT: again, later.
    #[error("the ends are in TIME_WAIT")]
    Waits,
    /// Never.
    #[error("{0}")]
    Never(String),
}

/// Both hosts.
pub(crate) struct World {
    pub(crate) driver: Driver<Tun>,
    clock: Monotonic,
    epoll: OwnedFd,
    pub(crate) diag: Diag,
    listeners: [Socket; 2],
    our_listeners: [ListenerId; 2],
    /// States in which each host was seen, kernel first.
    pub(crate) seen: [[bool; State::ALL.len()]; 2],
    /// The most connections in ESTABLISHED at once.
    pub(crate) peak: usize,
    events: Vec<epoll::Event>,
    interrupted: Arc<AtomicBool>,
}

/// Tokens of the device and of the listeners; sockets come after.
const DEVICE: u64 = 0;
const TOKENS: u64 = 3;

impl World {
    /// Makes the TUN, the stack, and listeners on both.
    pub(crate) fn new(args: &Args) -> Result<World, WorldError> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&interrupted);
        ctrlc::set_handler(move || seen.store(true, Ordering::Relaxed))?;
        let clock = Monotonic::new();
        let tun = Tun::open(&TunConfig {
            name: INTERFACE.into(),
            addresses: KERNEL.into_iter().zip(PREFIXES).collect(),
            mtu: 1500,
            queue: 50_000,
        })?;
        let mut stack = stack(args, clock.now())?;
        let our_listeners = [
            stack.listen((OURS[0], SERVER).into(), BACKLOG as u32, Reuse::No)?,
            stack.listen((OURS[1], SERVER).into(), BACKLOG as u32, Reuse::No)?,
        ];
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let listeners = [listen(KERNEL[0])?, listen(KERNEL[1])?];
        let token = epoll::EventData::new_u64;
        epoll::add(&epoll, &tun, token(DEVICE), epoll::EventFlags::IN)?;
        for (n, listener) in listeners.iter().enumerate() {
            let which = DEVICE + 1 + n as u64;
            epoll::add(&epoll, listener, token(which), epoll::EventFlags::IN)?;
        }
        let mut driver = Driver::new(stack, tun, Link::new(args.seed, Faults::NONE));
        if let Some(path) = &args.pcapng {
            driver.set_capture(Capture::create(path, clock.now())?);
        }
        Ok(World {
            driver,
            clock,
            epoll,
            diag: Diag::open()?,
            listeners,
            our_listeners,
            seen: [[false; State::ALL.len()]; 2],
            peak: 0,
            events: Vec::with_capacity(1024),
            interrupted,
        })
    }

    /// Now.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The stack.
    pub(crate) fn stack(&mut self) -> &mut Stack<Heap> {
        self.driver.stack_mut()
    }

    /// The ends of a life, as the stack sees them. `opens`: the kernel, the stack.
    pub(crate) fn tuple(index: usize, v6: bool, opens: [bool; 2]) -> Option<Tuple> {
        let client = CLIENTS + (index % MOST_LIVES as usize) as u16;
        let [kernel_port, our_port] = opens.map(|opens| if opens { client } else { SERVER });
        let family = usize::from(v6);
        let local = SocketAddr::new(*OURS.get(family)?, our_port);
        Tuple::new(local, SocketAddr::new(*KERNEL.get(family)?, kernel_port))
    }

    /// The stack opens actively.
    pub(crate) fn connect(&mut self, tuple: &Tuple) -> Result<Handle, Opening> {
        let now = self.now();
        let (local, remote) = (tuple.local(), tuple.remote());
        let opened = self
            .stack()
            .connect(now, Some(local), remote, Reuse::Address);
        opened.map_err(|e| match e {
            BindError::AlreadyExists | BindError::InUse(..) => Opening::Later,
            BindError::ExistsInTimeWait => Opening::Waits,
            e => Opening::Never(format!("the stack cannot connect: {e}")),
        })
    }

    /// The kernel opens actively.
    pub(crate) fn kernel_connect(&mut self, tuple: &Tuple, small: bool) -> Result<Socket, Opening> {
        let open = || {
            let socket = socket(tuple.remote().ip())?;
            if small {
                socket.set_recv_buffer_size(4_096)?;
            }
            socket.bind(&tuple.remote().into())?;
            match socket.connect(&tuple.local().into()) {
                Err(e) if Errno::from_io_error(&e) == Some(Errno::INPROGRESS) => Ok(socket),
                Err(e) => Err(e),
                Ok(()) => Ok(socket),
            }
        };
        open().map_err(|e| match Errno::from_io_error(&e) {
            Some(Errno::ADDRINUSE | Errno::ADDRNOTAVAIL) => Opening::Later,
            _ => Opening::Never(format!("the kernel cannot connect: {e}")),
        })
    }

    /// Events of this socket will carry the token.
    pub(crate) fn register(&self, socket: &Socket, token: u64) -> Result<(), Errno> {
        use epoll::EventFlags;
        let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        let data = epoll::EventData::new_u64(TOKENS + token);
        epoll::add(&self.epoll, socket, data, edges)
    }

    /// Moves packets, and collects what happened, waiting so long at most if nothing has.
    pub(crate) fn turn(&mut self, at_most: Duration) -> Result<Vec<Happened>, WorldError> {
        if self.interrupted.load(Ordering::Relaxed) {
            self.driver.flush()?;
            return Err(WorldError::Interrupted);
        }
        let mut happened = Vec::new();
        let mut more = false;
        for _ in 0..8 {
            let now = self.now();
            more = self.driver.turn(now)?;
            self.look();
            self.hear(&mut happened);
            if !more {
                break;
            }
        }
        let idle = happened.is_empty() && !more;
        let wait = match self.driver.next().filter(|_| idle) {
            _ if !idle => Duration::ZERO,
            _ if self.driver.waits_for_room() => Duration::from_millis(1),
            Some(due) => due.since(self.now()).min(at_most),
            None => at_most,
        };
        self.poll(wait, &mut happened)?;
        Ok(happened)
    }

    /// What the stack tells.
    fn hear(&mut self, happened: &mut Vec<Happened>) {
        let stack = self.driver.stack_mut();
        while let Some(event) = stack.poll_event() {
            match event {
                Event::Connection(handle, told) => happened.push(Happened::Ours(handle, told)),
                Event::Incoming(listener) => {
                    while let Some(handle) = stack.accept(listener) {
                        if let Ok(tuple) = stack.tuple(handle) {
                            happened.push(Happened::Accepted(handle, tuple));
                        }
                    }
                }
            }
        }
    }

    /// What the kernel tells.
    fn poll(&mut self, wait: Duration, happened: &mut Vec<Happened>) -> Result<(), WorldError> {
        let mut room = [MaybeUninit::uninit(); 1024];
        let events = match epoll::wait(&self.epoll, &mut room[..], Some(&timespec(wait))) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        self.events.clear();
        self.events.extend_from_slice(events);
        for event in &self.events {
            let token = event.data.u64();
            if let Some(socket) = token.checked_sub(TOKENS) {
                happened.push(Happened::Kernel(socket));
            } else if let Some(n) = token.checked_sub(DEVICE + 1)
                && let Some(listener) = self.listeners.get(n as usize)
            {
                while let Ok((socket, peer)) = listener.accept() {
                    let local = socket.local_addr().ok().and_then(|a| a.as_socket());
                    let tuple = peer.as_socket().zip(local);
                    let tuple = tuple.and_then(|(peer, local)| Tuple::new(peer, local));
                    if socket.set_nonblocking(true).is_ok()
                        && let Some(tuple) = tuple
                    {
                        happened.push(Happened::KernelAccepted(socket, tuple));
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes the stack's states.
    fn look(&mut self) {
        let stack = self.driver.stack();
        self.peak = self.peak.max(stack.count(State::Established));
        for (seen, state) in self.seen[1].iter_mut().zip(State::ALL) {
            *seen |= stack.count(state) > 0;
        }
    }

    /// The kernel's sockets but for its listeners; notes their states.
    pub(crate) fn kernel_sockets(&mut self) -> Result<Vec<KernelSocket>, WorldError> {
        let mut sockets = self.diag.sockets()?;
        for socket in &sockets {
            if let Some(seen) = self.seen[0].get_mut(socket.state as usize) {
                *seen = true;
            }
        }
        sockets.retain(|s| s.state != State::Listen);
        Ok(sockets)
    }

    /// The stack's listeners end.
    pub(crate) fn unlisten(&mut self) {
        let now = self.now();
        for listener in self.our_listeners {
            let _ = self.driver.stack_mut().unlisten(now, listener); // they are there
        }
    }
}

/// The stack, with short times: packets live 60 ms on the link at most.
fn stack(args: &Args, now: Instant) -> Result<Stack<Heap>, WorldError> {
    let config = Config {
        time_wait: Duration::from_millis(args.time_wait),
        fin_wait_2: Some(Duration::from_secs(5)),
        give_up_open: Some(EMBRYO),
        rto: rto::Limits {
            min: Duration::from_millis(50),
            max: Duration::from_secs(2),
            ..rto::Limits::default()
        },
        ..Config::default()
    };
    let limits = Limits {
        half_open: CONNECTIONS,
        backlog: CONNECTIONS,
        orphans: CONNECTIONS,
        time_waits: timewait::Limits {
            v4: 4 * CONNECTIONS,
            v6: 4 * CONNECTIONS,
        },
        replies: 4 * 1024,
        ephemeral: (CLIENTS, u16::MAX),
        ..Limits::for_connections(CONNECTIONS)
    };
    let mut rng = Rng::with_seed(args.seed);
    let secrets = Secrets::new(std::array::from_fn(|_| rng.u8(..)));
    let heap = Heap::new(BUFFER, BUFFER, 2 * BUFFER * CONNECTIONS as usize);
    let mut stack = Stack::new(config, limits, secrets, heap, now)?;
    for ip in OURS {
        stack.add_address(ip)?;
    }
    Ok(stack)
}

fn socket(ip: IpAddr) -> io::Result<Socket> {
    let domain = if ip.is_ipv4() {
        Domain::IPV4
    } else {
        Domain::IPV6
    };
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// An address of IPv6 that is new may not be bound at once.
const ADDRESSES_READY: Duration = Duration::from_secs(5);

fn listen(ip: IpAddr) -> Result<Socket, WorldError> {
    let began = std::time::Instant::now();
    let listen = || -> io::Result<Socket> {
        let socket = socket(ip)?;
        socket.bind(&SocketAddr::new(ip, SERVER).into())?;
        socket.listen(BACKLOG)?;
        Ok(socket)
    };
    loop {
        match listen() {
            Err(e)
                if e.kind() == io::ErrorKind::AddrNotAvailable
                    && began.elapsed() < ADDRESSES_READY =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result.map_err(WorldError::Kernel),
        }
    }
}
