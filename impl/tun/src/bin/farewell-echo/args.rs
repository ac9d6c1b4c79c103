//! The command line.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use farewell_tun::Faults;

/// A TCP echo on port 7 and a small HTTP server on port 80, by Farewell's engine on a TUN.
///
/// The kernel gets another address of the same network, so that its programs (`nc`, `curl`) reach the server. It needs
/// CAP_NET_ADMIN and /dev/net/tun.
#[derive(Parser, Debug)]
#[command(name = "farewell-echo", version, about, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 ended by Ctrl-C or SIGTERM, 1 failed, 2 usage, 3 no TUN, or no right to it."
)]
pub(crate) struct Args {
    /// The interface that is made, and goes when the program ends
    #[arg(long, default_value = "farewell0")]
    pub(crate) tun: String,
    /// An address of the server with its network, as in 10.99.0.2/24 or fd00:99::2/64; several if repeated
    #[arg(long, value_name = "ADDRESS/PREFIX", default_values = ["10.99.0.2/24"])]
    pub(crate) address: Vec<Network>,
    /// The kernel's address there, instead of the first that is free; as many as there are networks
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) kernel: Vec<IpAddr>,
    /// Seconds that TIME_WAIT lasts
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=240))]
    pub(crate) time_wait: u64,
    /// Prints the whole census each second, not only a line when it changes
    #[arg(long)]
    pub(crate) census: bool,
    /// Writes every packet of both ends of the link into this file, for Wireshark
    #[arg(long, value_name = "FILE")]
    pub(crate) pcapng: Option<PathBuf>,
    /// So many packets of a thousand are lost
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(crate) lose: u16,
    /// So many come twice
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(crate) duplicate: u16,
    /// So many are overtaken
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(crate) reorder: u16,
    /// So many are late, and those behind them
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub(crate) delay: u16,
    /// By so many milliseconds at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) longest: u64,
    /// Decides which
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl Args {
    /// What the link does.
    pub(crate) fn faults(&self) -> Faults {
        Faults {
            lose: self.lose,
            duplicate: self.duplicate,
            reorder: self.reorder,
            delay: self.delay,
            longest: Duration::from_millis(self.longest),
        }
    }

    /// The kernel's addresses, each with its prefix.
    pub(crate) fn kernels(&self) -> Result<Vec<(IpAddr, u8)>, AddressError> {
        if self.kernel.len() > self.address.len() {
            return Err(AddressError::Many(self.kernel.len(), self.address.len()));
        }
        let ours: Vec<IpAddr> = self.address.iter().map(|n| n.ip).collect();
        for (n, ip) in ours.iter().enumerate() {
            if ours.iter().take(n).any(|o| o == ip) {
                return Err(AddressError::Twice(*ip));
            }
        }
        let given = self.kernel.iter().map(Some).chain(std::iter::repeat(None));
        let each = self.address.iter().zip(given).map(|(network, given)| {
            let kernel = match given {
                Some(ip) => *ip,
                None => network
                    .neighbour(&ours)
                    .ok_or(AddressError::Full(*network))?,
            };
            if kernel.is_multicast() || kernel.is_loopback() {
                return Err(AddressError::NoHost(kernel));
            }
            if !network.has(kernel) || ours.contains(&kernel) {
                return Err(AddressError::Elsewhere(kernel, *network));
            }
            Ok((kernel, network.prefix))
        });
        let kernels = each.collect::<Result<Vec<_>, _>>()?;
        let mut v4 = kernels.iter().filter(|k| k.0.is_ipv4());
        if let Some(first) = v4.next()
            && let Some(other) = v4.find(|k| *k != first)
        {
            return Err(AddressError::SecondV4(first.0, other.0));
        }
        Ok(kernels)
    }
}

/// An address and the length of its network's prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Network {
    pub(crate) ip: IpAddr,
    pub(crate) prefix: u8,
}

/// Why addresses cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("{0:?} is no address with a prefix, such as 10.99.0.2/24")]
    Form(String),
    #[error("/{0} leaves no room for two hosts: take at most /{1}")]
    Prefix(u8, u8),
    #[error("{0} is the network itself, its broadcast address, or no address of a host")]
    NoHost(IpAddr),
    #[error("{0} is given twice: each --address is another one")]
    Twice(IpAddr),
    #[error("the network of {0} has no address left for the kernel")]
    Full(Network),
    #[error("--kernel {0} is not another address of the network of {1}")]
    Elsewhere(IpAddr, Network),
    #[error(
        "the kernel would have {0} and {1}: the interface can have one address of IPv4, so take one network of it (of IPv6 several)"
    )]
    SecondV4(IpAddr, IpAddr),
    #[error("{0} times --kernel for {1} networks")]
    Many(usize, usize),
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl FromStr for Network {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Network, AddressError> {
        let form = || AddressError::Form(text.into());
        let (ip, prefix) = text.split_once('/').ok_or_else(form)?;
        let ip: IpAddr = ip.parse().map_err(|_| form())?;
        let prefix: u8 = prefix.parse().map_err(|_| form())?;
        let most = if ip.is_ipv4() { 30 } else { 126 };
        if prefix > most || prefix == 0 {
            return Err(AddressError::Prefix(prefix, most));
        }
        let network = Network { ip, prefix };
        let host = network.bits() & network.hosts();
        let broadcast = ip.is_ipv4() && host == network.hosts();
        if host == 0 || broadcast || ip.is_multicast() || ip.is_loopback() {
            return Err(AddressError::NoHost(ip));
        }
        Ok(network)
    }
}

impl Network {
    fn bits(&self) -> u128 {
        match self.ip {
            IpAddr::V4(ip) => ip.to_bits().into(),
            IpAddr::V6(ip) => ip.to_bits(),
        }
    }

    /// The bits that tell hosts apart.
    fn hosts(&self) -> u128 {
        let width = if self.ip.is_ipv4() { 32 } else { 128 };
        (1 << (width - u32::from(self.prefix))) - 1
    }

    fn has(&self, ip: IpAddr) -> bool {
        let same = Network { ip, ..*self };
        let host = same.bits() & self.hosts();
        let broadcast = ip.is_ipv4() && host == self.hosts();
        let family = ip.is_ipv4() == self.ip.is_ipv4();
        family
            && host != 0
            && !broadcast
            && same.bits() | self.hosts() == self.bits() | self.hosts()
    }

    /// The first host of the network that is none of these, if there is one.
    fn neighbour(&self, taken: &[IpAddr]) -> Option<IpAddr> {
        let network = self.bits() & !self.hosts();
        let host = |n: u128| -> IpAddr {
            match self.ip {
                IpAddr::V4(_) => Ipv4Addr::from_bits((network + n) as u32).into(),
                IpAddr::V6(_) => Ipv6Addr::from_bits(network + n).into(),
            }
        };
        let mut hosts = (1..=self.hosts()).map(host);
        hosts
            .find(|ip| !taken.contains(ip))
            .filter(|ip| self.has(*ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::parse_from(["farewell-echo"].iter().chain(words))
    }

    #[test]
    fn the_kernel_gets_the_neighbouring_address() {
        for (ours, kernel) in [
            ("10.99.0.2/24", "10.99.0.1"),
            ("10.99.0.1/24", "10.99.0.2"),
            ("10.99.0.77/30", "10.99.0.78"),
            ("fd00:99::2/64", "fd00:99::1"),
            ("fd00:99::1/64", "fd00:99::2"),
        ] {
            let kernels = args(&["--address", ours]).kernels().unwrap();
            assert_eq!(kernels[0].0, kernel.parse::<IpAddr>().unwrap(), "{ours}");
        }
        let given = args(&["--kernel", "10.99.0.9"]).kernels();
        assert_eq!(given.unwrap()[0], ("10.99.0.9".parse().unwrap(), 24));
    }

    /// No address of the server's is the kernel's, whichever comes first.
    #[test]
    fn the_kernel_gets_an_address_that_is_free() {
        let kernels = |words: &[&str]| {
            let kernels = args(words).kernels()?;
            Ok(kernels.iter().map(|k| k.0.to_string()).collect())
        };
        let two = ["--address", "10.99.0.1/24", "--address", "10.99.0.2/24"];
        let free: Vec<String> = vec!["10.99.0.3".into(); 2];
        assert_eq!(kernels(&two), Ok(free));
        let [one, other]: [IpAddr; 2] = ["10.99.0.1", "10.99.0.2"].map(|a| a.parse().unwrap());
        let full = ["--address", "10.99.0.1/30", "--address", "10.99.0.2/30"];
        let network = Network {
            ip: one,
            prefix: 30,
        };
        assert_eq!(kernels(&full), Err(AddressError::Full(network)));
        let twice = ["--address", "10.99.0.2/24", "--address", "10.99.0.2/16"];
        assert_eq!(kernels(&twice), Err(AddressError::Twice(other)));
        let [a, b, c, d] = two;
        let given = kernels(&[a, b, c, d, "--kernel", "10.99.0.2"]);
        assert!(
            matches!(given, Err(AddressError::Elsewhere(..))),
            "{given:?}"
        );
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (text, why) in [
            ("10.99.0.2", "no address with a prefix"),
            ("10.99.0/24", "no address with a prefix"),
            ("10.99.0.2/x", "no address with a prefix"),
            ("10.99.0.2/31", "at most /30"),
            ("10.99.0.2/0", "at most /30"),
            ("fd00::1/127", "at most /126"),
            ("10.99.0.0/24", "the network itself"),
            ("10.99.0.255/24", "the network itself"),
            ("127.0.0.1/8", "no address of a host"),
            ("224.0.0.1/24", "no address of a host"),
        ] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        for kernel in [
            "10.99.0.2",
            "10.98.0.1",
            "10.99.0.255",
            "10.99.0.0",
            "fd00::1",
        ] {
            assert!(args(&["--kernel", kernel]).kernels().is_err(), "{kernel}");
        }
        let multicast = args(&["--address", "192.0.0.2/2", "--kernel", "224.0.0.1"]);
        let address = "224.0.0.1".parse().unwrap();
        assert_eq!(multicast.kernels(), Err(AddressError::NoHost(address)));
        let two = args(&["--address", "10.99.0.2/24", "--address", "10.98.0.2/24"]);
        let [one, other]: [IpAddr; 2] = ["10.99.0.1", "10.98.0.1"].map(|a| a.parse().unwrap());
        assert_eq!(two.kernels(), Err(AddressError::SecondV4(one, other)));
        let both = args(&["--address", "10.99.0.2/24", "--address", "fd00::2/64"]);
        assert_eq!(both.kernels().map(|k| k.len()), Ok(2));
        let two = args(&["--kernel", "10.99.0.1", "--kernel", "10.99.0.3"]);
        assert_eq!(two.kernels(), Err(AddressError::Many(2, 1)));
    }
}
