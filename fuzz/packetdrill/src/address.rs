//! Socket addresses as C has them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;

/// What a `struct sockaddr` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address {
    /// AF_UNSPEC: a connected socket is to be dissolved.
    Unspecified,
    /// An address and a port. An IPv4 address in IPv6's clothes is IPv4.
    Socket(SocketAddr),
}

/// Bytes of a `struct sockaddr_in6`, the longest that is read or written.
pub const LONGEST: usize = 28;
const V4_LEN: usize = 16;

/// Reads a `struct sockaddr` of these bytes.
///
/// # Errors
///
/// EINVAL: too short; EAFNOSUPPORT: of another family.
pub fn parse(bytes: &[u8]) -> Result<Address, Errno> {
    let family: [u8; 2] = field(bytes, 0)?;
    match i32::from(u16::from_ne_bytes(family)) {
        libc::AF_UNSPEC => Ok(Address::Unspecified),
        libc::AF_INET if bytes.len() >= V4_LEN => {
            let ip = Ipv4Addr::from(field::<4>(bytes, 4)?);
            Ok(Address::Socket(SocketAddr::new(ip.into(), port(bytes)?)))
        }
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(field::<16>(bytes, 8)?).to_canonical();
            Ok(Address::Socket(SocketAddr::new(ip, port(bytes)?)))
        }
        libc::AF_INET => Err(Errno::INVAL),
        _ => Err(Errno::AFNOSUPPORT),
    }
}

/// The bytes of a `struct sockaddr`, and how many count.
pub fn write(address: SocketAddr) -> ([u8; LONGEST], usize) {
    let mut bytes = [0; LONGEST];
    let (family, len) = match address.ip() {
        IpAddr::V4(ip) => {
            bytes[4..8].copy_from_slice(&ip.octets());
            (libc::AF_INET, V4_LEN)
        }
        IpAddr::V6(ip) => {
            bytes[8..24].copy_from_slice(&ip.octets());
            (libc::AF_INET6, LONGEST)
        }
    };
    bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    (bytes, len)
}

fn port(bytes: &[u8]) -> Result<u16, Errno> {
    field(bytes, 2).map(u16::from_be_bytes)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Errno> {
    let field = bytes.get(at..).and_then(|b| b.first_chunk());
    field.copied().ok_or(Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in ["192.0.2.1:8080", "[2001:db8::1]:443"] {
            let address: SocketAddr = text.parse().unwrap();
            let (bytes, len) = write(address);
            assert_eq!(parse(&bytes[..len]), Ok(Address::Socket(address)));
            assert_eq!(parse(&bytes[..len - 5]), Err(Errno::INVAL));
        }
        let (mapped, len) = write("[::ffff:192.0.2.1]:80".parse().unwrap());
        let plain = Address::Socket("192.0.2.1:80".parse().unwrap());
        assert_eq!(parse(&mapped[..len]), Ok(plain));
        assert_eq!(parse(&[0; 2]), Ok(Address::Unspecified));
        assert_eq!(parse(&[1, 0, 0, 0]), Err(Errno::AFNOSUPPORT));
        assert_eq!(parse(&[2]), Err(Errno::INVAL));
    }
}
