//! Packets in and out: a TUN, or anything that behaves like one.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::io::Errno;
use tun_rs::{DeviceBuilder, SyncDevice};

/// Whole IP packets, one a call, never waiting.
pub trait Device {
    /// Reads the next packet into `buf`; `None` if there is none now. What does not fit is cut off.
    ///
    /// # Errors
    ///
    /// The device is gone, or something that no packet explains.
    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<usize>, DeviceError>;

    /// Sends a packet.
    ///
    /// # Errors
    ///
    /// The device is gone, or something that no packet explains.
    fn send(&mut self, packet: &[u8]) -> Result<Sent, DeviceError>;
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// It went.
    Done,
    /// No room now: later.
    Later,
    /// It is lost, as a network may lose it: the device is down, or has no memory.
    Lost,
}

/// Why there is no device, or no longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The kernel has no TUN.
    #[error("there is no /dev/net/tun: load the module `tun`, or let the container have it")]
    NoTun,
    /// It may not be opened.
    #[error("a TUN needs CAP_NET_ADMIN and a /dev/net/tun that may be opened: be root")]
    NotAllowed,
    /// Another program has it.
    #[error("{0} is in use by another program: choose another name")]
    Taken(String),
    /// A name that no interface can have.
    #[error("{0:?} is no name of an interface: 1 to 15 characters, no slash and no space")]
    BadName(String),
    /// The interface is there, and the kernel does not give it an address.
    #[error("{name} cannot have the address {address}: {error}{}", hint(address))]
    Address {
        /// The interface.
        name: String,
        /// The address.
        address: IpAddr,
        /// What the kernel says.
        error: io::Error,
    },
    /// The interface was deleted.
    #[error("{0} is gone: it was deleted")]
    Gone(String),
    /// Only a part of a packet went.
    #[error("{name} took {sent} of {len} bytes of a packet")]
    Cut {
        /// The interface.
        name: String,
        /// Bytes taken.
        sent: usize,
        /// Bytes given.
        len: usize,
    },
    /// Something else.
    #[error("{name}: {error}")]
    Io {
        /// The interface.
        name: String,
        /// What the kernel says.
        error: io::Error,
    },
}

fn hint(address: &IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => ": choose another",
        IpAddr::V6(_) => {
            ": is IPv6 off (sysctl net.ipv6.conf.default.disable_ipv6, or ipv6.disable at boot)?"
        }
    }
}

/// How a TUN is made.
#[derive(Clone, Debug)]
pub struct TunConfig {
    /// The interface's name.
    pub name: String,
    /// The kernel's addresses there, each with the length of its prefix: of IPv4 one at most.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Its MTU in bytes.
    pub mtu: u16,
    /// Packets that wait for this program; beyond, the kernel loses them.
    pub queue: u32,
}

/// A TUN of Linux; the interface goes when it is dropped.
pub struct Tun {
    name: String,
    device: SyncDevice,
}

impl Tun {
    /// Makes the interface, gives it addresses, and takes it up.
    ///
    /// # Errors
    ///
    /// No such device, no right to it, a name that is taken or cannot be, an address that the kernel refuses.
    pub fn open(config: &TunConfig) -> Result<Tun, DeviceError> {
        let name = config.name.clone();
        let named = (1..=15).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'/' && b != b':')
            && !name.contains('%')
            && name != "."
            && name != "..";
        if !named {
            return Err(DeviceError::BadName(name));
        }
        if !Path::new("/dev/net/tun").exists() {
            return Err(DeviceError::NoTun);
        }
        let refused = |address: IpAddr, error| DeviceError::Address {
            name: config.name.clone(),
            address,
            error,
        };
        // The first of IPv4 comes with the interface, in which another would replace it.
        let (v4, v6): (Vec<_>, Vec<_>) = config
            .addresses
            .iter()
            .copied()
            .partition(|a| a.0.is_ipv4());
        if let Some((second, _)) = v4.get(1) {
            let why = "it has another of IPv4, and can have one";
            return Err(refused(*second, io::Error::other(why)));
        }
        let build = |v4: Option<&(IpAddr, u8)>| {
            let mut builder = DeviceBuilder::new()
                .name(name.as_str())
                .mtu(config.mtu)
                .tx_queue_len(config.queue);
            if let Some((IpAddr::V4(ip), prefix)) = v4 {
                builder = builder.ipv4(*ip, *prefix, None);
            }
            builder.build_sync()
        };
        let device = build(v4.first()).map_err(|error| match v4.first() {
            // Without the address it can be made: that is what is refused.
            Some((address, _)) if build(None).is_ok() => refused(*address, error),
            _ => opening(&name, error),
        })?;
        let tun = Tun { name, device };
        for (address, prefix) in v6 {
            if let IpAddr::V6(ip) = address {
                let added = tun.device.add_address_v6(ip, prefix);
                added.map_err(|error| refused(address, error))?;
            }
        }
        tun.device.set_nonblocking(true).map_err(|e| tun.error(e))?;
        Ok(tun)
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn error(&self, error: io::Error) -> DeviceError {
        let name = self.name.clone();
        match Errno::from_io_error(&error) {
            Some(Errno::BADFD | Errno::NODEV | Errno::NXIO) => DeviceError::Gone(name),
            _ => DeviceError::Io { name, error },
        }
    }
}

fn opening(name: &str, error: io::Error) -> DeviceError {
    let name = name.to_owned();
    match Errno::from_io_error(&error) {
        Some(Errno::PERM | Errno::ACCESS) => DeviceError::NotAllowed,
        Some(Errno::BUSY | Errno::EXIST) => DeviceError::Taken(name),
        // Another kind of interface has the name.
        Some(Errno::INVAL) if Path::new("/proc/self/net/dev_snmp6").join(&name).exists() => {
            DeviceError::Taken(name)
        }
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => DeviceError::NoTun,
        _ => DeviceError::Io { name, error },
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl Device for Tun {
    fn receive(&mut self, buf: &mut [u8]) -> Result<Option<usize>, DeviceError> {
        loop {
            match self.device.recv(buf) {
                Ok(n) => return Ok(Some(n)),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(e) => return Err(self.error(e)),
            }
        }
    }

    fn send(&mut self, packet: &[u8]) -> Result<Sent, DeviceError> {
        loop {
            return match self.device.send(packet) {
                Ok(n) if n == packet.len() => Ok(Sent::Done),
                Ok(sent) => Err(DeviceError::Cut {
                    name: self.name.clone(),
                    sent,
                    len: packet.len(),
                }),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(Sent::Later),
                Err(e) => match Errno::from_io_error(&e) {
                    // Down (EIO), or no memory for it: a cable that is pulled and put back, as far as TCP can tell.
                    Some(Errno::IO | Errno::NOBUFS | Errno::NOMEM) => Ok(Sent::Lost),
                    _ => Err(self.error(e)),
                },
            };
        }
    }
}
