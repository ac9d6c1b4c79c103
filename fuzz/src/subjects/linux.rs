//! The TCP of the Linux kernel as a [`Stack`], in real time: through a TUN, in a network namespace of its own. Each script
//! has a port of its own, so that many run at once. Wherever the user's interface cannot do what RFC 9293's calls do, the
//! call is refused and nothing happens: between SYN and the end of the handshake a passive open has no socket yet.
//!
//! The window is four bytes by the route's metric. Linux offers it whatever has not been read, see [`Terms::steady_window`].

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use farewell_model::endpoint::{Call, CallError, Flags, MAX_DATA};
use farewell_tun::device::{Sent, TunConfig};
use farewell_tun::diag::{Diag, KernelSocket};
use farewell_tun::namespace::{self, NamespaceError};
use farewell_tun::{Device, Tun};
use socket2::{Domain, Socket, Type};

use super::{Stack, Terms};
use crate::oracle::packet::{self, PEER, SUBJECT};
use crate::subject::{Input, Micros, Output, Subject, SubjectError};

const INTERFACE: &str = "conform0";
const HERE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const PREFIX: u8 = 24;
/// An answer that is given at once has come by then.
const AT_ONCE: Duration = Duration::from_millis(10);
const FIRST_PORT: u16 = 1_024;
/// `tcp_fin_timeout`.
const FIN_WAIT_2: u64 = 20;
/// TCP_TIMEWAIT_LEN: nothing makes it shorter.
const TIME_WAIT: u64 = 60;

/// Below `/proc/sys/net/ipv4`; without those that say so in the last column there is nothing to judge.
const SETTINGS: [(&str, &str, bool); 14] = [
    ("tcp_timestamps", "0", true),
    ("tcp_sack", "0", true),
    ("tcp_window_scaling", "0", true),
    ("tcp_ecn", "0", true),
    ("tcp_syncookies", "0", true),
    ("tcp_fin_timeout", "20", true),
    ("tcp_invalid_ratelimit", "0", true), // every unacceptable segment is answered
    ("tcp_challenge_ack_limit", "2147483647", false),
    ("tcp_retries2", "100", true), // nothing gives up
    ("tcp_orphan_retries", "100", true),
    ("tcp_syn_retries", "100", true),
    ("tcp_synack_retries", "100", true),
    ("tcp_fastopen", "0", false),
    ("tcp_max_tw_buckets", "100000", false),
];

/// The kernel.
#[derive(Clone, Copy, Debug)]
pub struct Linux;

impl Stack for Linux {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn terms(&self) -> Terms {
        Terms {
            buffer: MAX_DATA as u8,
            time_wait: TIME_WAIT * 1_000_000,
            fin_wait_2: Some(FIN_WAIT_2 * 1_000_000),
            tells: false,
            full_close: true,
            steady_window: true,
            whole_windows: true,
            watched: 28,
        }
    }

    fn at_once(&self) -> usize {
        1_000
    }

    fn elsewhere(&self) -> Result<Option<ExitCode>, SubjectError> {
        let first = std::env::args_os().nth(1).unwrap_or_default();
        let Some(outside) = namespace::outside(&first) else {
            let Err(why) = namespace::enter();
            return Err(broken(&why));
        };
        match namespace::require_inside(outside) {
            Ok(()) => Ok(None),
            Err(why @ NamespaceError::NotInside) => {
                eprintln!("conform: linux: {why}");
                Ok(Some(ExitCode::from(2)))
            }
            Err(why) => Err(broken(&why)),
        }
    }

    fn start(&self) -> Result<Box<dyn Subject>, SubjectError> {
        static PORTS: AtomicU16 = AtomicU16::new(FIRST_PORT);
        drop(wire()?);
        let port = PORTS.fetch_add(1, Ordering::Relaxed).max(FIRST_PORT);
        Ok(Box::new(Host {
            here: SocketAddrV4::new(HERE, port),
            began: Instant::now(),
            user: User::None,
            read: Vec::new(),
            sent: None,
            repeats: false,
        }))
    }
}

fn broken(why: &dyn std::fmt::Display) -> SubjectError {
    SubjectError::Broken(why.to_string())
}

/// The TUN, and what came out of it, by the kernel's port.
struct Wire {
    tun: Tun,
    diag: Diag,
    came: HashMap<u16, VecDeque<Vec<u8>>>,
    buf: Vec<u8>,
}

/// Everybody's.
fn wire() -> Result<MutexGuard<'static, Wire>, SubjectError> {
    static WIRE: OnceLock<Result<Mutex<Wire>, String>> = OnceLock::new();
    match WIRE.get_or_init(|| Wire::open().map(Mutex::new).map_err(|e| e.to_string())) {
        Ok(wire) => Ok(wire.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(why) => Err(SubjectError::Broken(why.clone())),
    }
}

impl Wire {
    fn open() -> Result<Wire, SubjectError> {
        // What follows is for this network alone.
        if !namespace::is_new().map_err(|e| broken(&e))? {
            return Err(broken(&"the network namespace is not a new one"));
        }
        for (name, value, needed) in SETTINGS {
            let set = fs::write(Path::new("/proc/sys/net/ipv4").join(name), value);
            if let (Err(why), true) = (set, needed) {
                return Err(broken(&format_args!("{name} cannot be set: {why}")));
            }
        }
        let tun = Tun::open(&TunConfig {
            name: INTERFACE.into(),
            addresses: vec![(IpAddr::V4(HERE), PREFIX)],
            mtu: 1_500,
            queue: 50_000,
        })
        .map_err(|e| broken(&e))?;
        // A window that the model can say.
        let route = Command::new("ip")
            .args(["route", "change", "10.77.0.0/24", "dev", INTERFACE])
            .args(["window", &MAX_DATA.to_string()])
            .output();
        match route {
            Ok(o) if o.status.success() => {}
            Ok(o) => {
                let why = String::from_utf8_lossy(&o.stderr).into_owned();
                return Err(broken(&format_args!("ip route: {}", why.trim())));
            }
            Err(why) => return Err(broken(&format_args!("ip (iproute2): {why}"))),
        }
        Ok(Wire {
            tun,
            diag: Diag::open().map_err(|e| broken(&e))?,
            came: HashMap::new(),
            buf: vec![0; 1 << 16],
        })
    }

    /// Sorts what has come out of the kernel.
    fn drain(&mut self) -> Result<(), SubjectError> {
        while let Some(len) = self.tun.receive(&mut self.buf).map_err(|e| broken(&e))? {
            let packet = self.buf.get(..len).unwrap_or_default();
            if let Some(port) = ports(packet).map(|p| p.0) {
                self.came
                    .entry(port)
                    .or_default()
                    .push_back(packet.to_vec());
            }
        }
        Ok(())
    }

    fn between(&mut self, here: SocketAddrV4) -> Result<Option<KernelSocket>, SubjectError> {
        let peer = SocketAddr::from((THERE, PEER.1));
        self.diag.between(here.into(), peer).map_err(|e| broken(&e))
    }
}

/// Source and destination port of TCP in IPv4.
fn ports(packet: &[u8]) -> Option<(u16, u16)> {
    let first = *packet.first()?;
    let tcp = packet.get(usize::from(first & 15) * 4..)?;
    let port = |at: usize| Some(u16::from_be_bytes([*tcp.get(at)?, *tcp.get(at + 1)?]));
    (first >> 4 == 4 && packet.get(9) == Some(&6)).then_some((port(0)?, port(2)?))
}

/// The same packet between other ends, with checksums that are as right or wrong as they were (RFC 1624).
fn readdress(mut packet: Vec<u8>, from: packet::Socket, to: packet::Socket) -> Option<Vec<u8>> {
    let header = usize::from(packet.first()? & 15) * 4;
    let mut addresses = [0; 8];
    addresses[..4].copy_from_slice(&from.0);
    addresses[4..].copy_from_slice(&to.0);
    let mut ports = [0; 4];
    ports[..2].copy_from_slice(&from.1.to_be_bytes());
    ports[2..].copy_from_slice(&to.1.to_be_bytes());
    let changes = [(12, &addresses[..]), (header, &ports[..])];
    for (at, new) in changes {
        for (n, new) in (0..).zip(new.chunks_exact(2)) {
            let at = at + 2 * n;
            let old = packet.get(at..at + 2)?.to_vec();
            let is_address = at < header;
            packet.get_mut(at..at + 2)?.copy_from_slice(new);
            if is_address {
                adjust(packet.get_mut(10..12)?, &old, new);
            }
            adjust(packet.get_mut(header + 16..header + 18)?, &old, new);
        }
    }
    Some(packet)
}

/// RFC 1624, equation 3.
fn adjust(checksum: &mut [u8], old: &[u8], new: &[u8]) {
    let word = |b: &[u8]| u32::from(b[0]) << 8 | u32::from(b[1]);
    let mut sum = (!word(checksum) & 0xffff) + (!word(old) & 0xffff) + word(new);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    checksum.copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// What the user has.
enum User {
    None,
    Listens(Socket),
    Has(Socket),
}

struct Host {
    here: SocketAddrV4,
    began: Instant,
    user: User,
    read: Vec<Output>,
    /// The number behind all that was sent.
    sent: Option<u32>,
    /// Something was sent again, and is not acknowledged yet: the congestion window is a segment.
    repeats: bool,
}

impl Host {
    fn between(&self) -> Result<Option<KernelSocket>, SubjectError> {
        wire()?.between(self.here)
    }

    fn socket(&self) -> Result<Socket, SubjectError> {
        let make = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            socket.set_reuse_address(true)?;
            socket.set_tcp_nodelay(true)?;
            socket.bind(&self.here.into())?;
            Ok(socket)
        };
        make().map_err(|e: io::Error| broken(&format_args!("a socket: {e}")))
    }

    fn call(&mut self, call: Call) -> Result<(), SubjectError> {
        match call {
            Call::OpenActive { .. } | Call::OpenPassive { .. } => self.open(call),
            Call::Send { len, text } => self.send(&text[..usize::from(len)]),
            Call::Receive(most) => self.receive(most.into()),
            Call::Shutdown | Call::Close | Call::Abort => self.end(call),
            Call::Status => Ok(()),
        }
    }

    fn open(&mut self, call: Call) -> Result<(), SubjectError> {
        // A listener is no obstacle to Linux, nor TIME_WAIT to a listener: there may be several. Here there is one.
        if matches!(self.user, User::Listens(_)) || self.between()?.is_some() {
            return Err(CallError::AlreadyExists.into());
        }
        self.user = User::None;
        (self.sent, self.repeats) = (None, false);
        let socket = self.socket()?;
        if matches!(call, Call::OpenPassive { .. }) {
            socket
                .listen(1)
                .map_err(|e| broken(&format_args!("listen: {e}")))?;
            self.user = User::Listens(socket);
            return Ok(());
        }
        match socket.connect(&SocketAddrV4::new(THERE, PEER.1).into()) {
            // EINPROGRESS has no kind of its own.
            Err(e) if !matches!(e.kind(), ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse) => {}
            Err(_) => return Err(CallError::AlreadyExists.into()),
            Ok(()) => {}
        }
        self.user = User::Has(socket);
        Ok(())
    }

    fn send(&mut self, text: &[u8]) -> Result<(), SubjectError> {
        let waits = self.between()?.map_or(0, |s| s.unacknowledged);
        let User::Has(socket) = &mut self.user else {
            return Err(match self.user {
                User::Listens(_) => CallError::InsufficientResources,
                _ => CallError::DoesNotExist,
            }
            .into());
        };
        self.repeats &= waits > 0;
        // The model's queue has four bytes, and its network no congestion.
        if waits as usize + text.len() > MAX_DATA || self.repeats {
            // What is over or closing must say so all the same.
            return Err(match socket.write(&[]) {
                Ok(_) => CallError::InsufficientResources,
                Err(e) if e.kind() == ErrorKind::WouldBlock => CallError::InsufficientResources,
                Err(_) => CallError::Closing,
            }
            .into());
        }
        match socket.write(text) {
            Ok(n) if n == text.len() => Ok(()),
            Ok(n) => Err(broken(&format_args!("it took {n} of {} bytes", text.len()))),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                Err(CallError::InsufficientResources.into())
            }
            Err(_) => Err(CallError::Closing.into()),
        }
    }

    fn receive(&mut self, most: usize) -> Result<(), SubjectError> {
        let User::Has(socket) = &mut self.user else {
            return Err(CallError::InsufficientResources.into());
        };
        let mut to = [0; MAX_DATA];
        let to = to.get_mut(..most).unwrap_or_default();
        match socket.read(to) {
            Ok(0) if most == 0 => Ok(()),
            Ok(0) => {
                self.read.push(Output::Read(Vec::new(), true));
                Err(CallError::Closing.into())
            }
            Ok(n) => {
                let text = to.get(..n).unwrap_or_default().to_vec();
                self.read.push(Output::Read(text, false));
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(CallError::DoesNotExist.into()),
        }
    }

    fn end(&mut self, call: Call) -> Result<(), SubjectError> {
        if let User::Listens(_) = self.user
            && self.between()?.is_some()
        {
            return Err(CallError::InsufficientResources.into());
        }
        // A FIN waits for the congestion window, of which the model knows nothing.
        if self.repeats
            && call != Call::Abort
            && self.between()?.is_some_and(|s| s.unacknowledged > 0)
        {
            return Err(CallError::InsufficientResources.into());
        }
        match (&self.user, call) {
            // The descriptor is gone, perhaps not the connection.
            (User::None, _) => return Err(CallError::InsufficientResources.into()),
            (User::Has(socket), Call::Shutdown) => {
                let done = socket.shutdown(Shutdown::Write);
                return done.map_err(|_| CallError::DoesNotExist.into());
            }
            (User::Has(socket), Call::Abort) => {
                let lingers = socket.set_linger(Some(Duration::ZERO));
                lingers.map_err(|e| broken(&format_args!("SO_LINGER: {e}")))?;
            }
            _ => {}
        }
        self.user = User::None;
        // A descriptor does not reach TIME_WAIT.
        if call == Call::Abort && self.between()?.is_some() {
            return Err(CallError::InsufficientResources.into());
        }
        Ok(())
    }

    /// A listener accepts one connection, and is gone.
    fn accept(&mut self) -> Result<(), SubjectError> {
        let User::Listens(listener) = &self.user else {
            return Ok(());
        };
        match listener.accept() {
            Ok((socket, _)) => {
                let set = socket.set_nonblocking(true);
                set.map_err(|e| broken(&format_args!("accept: {e}")))?;
                self.user = User::Has(socket);
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(e) => Err(broken(&format_args!("accept: {e}"))),
        }
    }

    fn ends(&self) -> (packet::Socket, packet::Socket) {
        ((HERE.octets(), self.here.port()), (THERE.octets(), PEER.1))
    }

    /// Notes whether text or FIN is sent again.
    fn note(&mut self, bytes: &[u8]) {
        let Ok(s) = packet::read(bytes, SUBJECT, PEER) else {
            return;
        };
        if s.seq_len() == 0 || s.is(Flags::RST) {
            return;
        }
        let end = (s.seq + s.seq_len()).raw();
        match self.sent {
            Some(sent) if end.wrapping_sub(sent) as i32 <= 0 => self.repeats = true,
            _ => self.sent = Some(end),
        }
    }
}

impl Subject for Host {
    fn input(&mut self, _: Micros, input: Input) -> Result<(), SubjectError> {
        let reply = match input {
            Input::Call(call, _) => self.call(call),
            Input::Packet(bytes, _) => {
                let (here, there) = self.ends();
                let packet = readdress(bytes, there, here).ok_or_else(|| broken(&"no packet"))?;
                match wire()?.tun.send(&packet).map_err(|e| broken(&e))? {
                    Sent::Done => Ok(()),
                    Sent::Later | Sent::Lost => Err(broken(&"the TUN lost a packet")),
                }
            }
        };
        sleep(AT_ONCE);
        self.accept()?;
        reply
    }

    fn advance(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        if let Some(rest) = Duration::from_micros(to).checked_sub(self.began.elapsed()) {
            sleep(rest);
        }
        self.read.drain(..).for_each(|read| out(to, read));
        let came = wire().and_then(|mut wire| {
            wire.drain()?;
            Ok(wire.came.remove(&self.here.port()).unwrap_or_default())
        });
        // Who cannot say it here will with the next input.
        for packet in came.unwrap_or_default() {
            if let Some(packet) = readdress(packet, SUBJECT, PEER) {
                self.note(&packet);
                out(to, Output::Packet(packet));
            }
        }
    }
}
