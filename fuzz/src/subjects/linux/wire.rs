//! The kernel's network: settings of the namespace, the TUN, its route, and packets between a script's addresses and those
//! of the port that it has.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use farewell_model::endpoint::MAX_DATA;
use farewell_tun::device::TunConfig;
use farewell_tun::diag::{Diag, KernelSocket};
use farewell_tun::{Device, Tun, namespace};

use super::broken;
use crate::oracle::packet::{self, PEER};
use crate::subject::SubjectError;

const INTERFACE: &str = "conform0";
pub(super) const HERE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(super) const THERE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const PREFIX: u8 = 24;

/// Below `/proc/sys/net/ipv4`; without those that say so in the last column there is nothing to judge.
const SETTINGS: [(&str, &str, bool); 15] = [
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
    ("tcp_syn_linear_timeouts", "0", false), // since 6.5; else SYNs do not back off at first
    ("tcp_fastopen", "0", false),
    ("tcp_max_tw_buckets", "100000", false),
];

/// The TUN, and what came out of it, by the kernel's port.
pub(super) struct Wire {
    pub(super) tun: Tun,
    diag: Diag,
    pub(super) came: HashMap<u16, VecDeque<Vec<u8>>>,
    buf: Vec<u8>,
}

/// Everybody's.
pub(super) fn wire() -> Result<MutexGuard<'static, Wire>, SubjectError> {
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
    pub(super) fn drain(&mut self) -> Result<(), SubjectError> {
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

    /// Whether the kernel still has a connection of an earlier script there. If not, what it sent is forgotten. Listeners are
    /// gone with their scripts.
    pub(super) fn has(&mut self, here: SocketAddrV4) -> Result<bool, SubjectError> {
        let has = self.between(here)?.is_some();
        if !has {
            self.drain()?;
            self.came.remove(&here.port());
        }
        Ok(has)
    }

    /// The kernel's socket between that port and the peer's.
    pub(super) fn between(
        &mut self,
        here: SocketAddrV4,
    ) -> Result<Option<KernelSocket>, SubjectError> {
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
pub(super) fn readdress(
    mut packet: Vec<u8>,
    from: packet::Socket,
    to: packet::Socket,
) -> Option<Vec<u8>> {
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
