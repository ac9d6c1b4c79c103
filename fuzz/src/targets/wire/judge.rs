//! The crate `etherparse` reads the same bytes: another's understanding of the same formats.

use etherparse::checksum::Sum16BitWords;
use etherparse::err::ipv6_exts::HeaderError::HopByHopNotAtStart;
use etherparse::err::packet::SliceError;
use etherparse::{
    IpNumber, Ipv6ExtensionSlice, NetSlice, SlicedPacket, TcpHeaderSlice, TcpOptionElement,
    TcpOptionReadError, TcpOptionsIterator, TcpSlice, TransportSlice,
};
use farewell::wire::{
    Addresses, Flags, Header, IpError, Options, OptionsError, Packet, Segment, SegmentError,
    Timestamps,
};

/// Where one of the two accepts what the other does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disagreement {
    /// We refuse malformed options.
    Options,
    /// We refuse a fragment header that says "the whole packet".
    AtomicFragment,
    /// We refuse an authentication header.
    Authentication,
    /// We refuse more than eight extension headers.
    Extensions,
    /// We take an IPv6 payload length of zero for what it says.
    Jumbogram,
    /// We accept hop-by-hop options anywhere.
    HopByHop,
}

/// Every disagreement about acceptance, with its reason. Any other is a finding.
pub const DISAGREEMENTS: &[(Disagreement, &str)] = &[
    (
        Disagreement::Options,
        "etherparse reads options only when asked; a segment whose options are malformed is dropped here (MUST-7)",
    ),
    (
        Disagreement::AtomicFragment,
        "any fragment header is left to the IP layer, RFC 6946's too: no host sends them with TCP any more (RFC 8021)",
    ),
    (
        Disagreement::Authentication,
        "IPsec is not done here; to skip an authentication header unverified would be to trust it",
    ),
    (
        Disagreement::Extensions,
        "work per packet is bounded: eight extension headers are more than RFC 8200 section 4.1 recommends",
    ),
    (
        Disagreement::Jumbogram,
        "etherparse takes a length of zero for a jumbogram (RFC 2675), and the rest of the bytes for its payload; no jumbograms here",
    ),
    (
        Disagreement::HopByHop,
        "etherparse wants hop-by-hop options first (RFC 8200 section 4.1); they are routers' business and skipped here wherever they are",
    ),
];

/// A packet: `ours` is what we read with no checksum looked at, `verified` whether it also passes with them.
pub(super) fn packet(bytes: &[u8], ours: &Result<Packet<'_>, IpError>, verified: bool) {
    let theirs = SlicedPacket::from_ip(bytes);
    let tcp = match &theirs {
        Ok(SlicedPacket {
            net: Some(net),
            transport: Some(TransportSlice::Tcp(tcp)),
            ..
        }) => Some((net, tcp)),
        _ => None,
    };
    match (ours, tcp) {
        (Ok(ours), Some((net, tcp))) => {
            assert_eq!(ours.addresses, addresses(net), "addresses");
            let ip = match net {
                NetSlice::Ipv4(ip) => sum_is_right(ip.header().slice()),
                _ => true,
            };
            let sum = same_segment(&ours.addresses, tcp, &ours.segment);
            assert_eq!(verified, ip && sum, "checksums: theirs {ip} and {sum}");
        }
        (Ok(ours), None) => {
            let late = matches!(theirs, Err(SliceError::Ipv6Exts(HopByHopNotAtStart)));
            assert!(late, "only we accept {ours:?}: {theirs:?}");
        }
        (Err(ours), Some((net, tcp))) => {
            assert!(
                refused(bytes, *ours, net, tcp).is_some(),
                "only they accept it, we say: {ours:?}"
            );
        }
        (Err(_), None) => {}
    }
}

/// Why we refuse what they accept.
fn refused(
    bytes: &[u8],
    ours: IpError,
    net: &NetSlice<'_>,
    tcp: &TcpSlice<'_>,
) -> Option<Disagreement> {
    let has = |wanted: fn(&Ipv6ExtensionSlice<'_>) -> bool| match net {
        NetSlice::Ipv6(ip) => ip.extensions().clone().into_iter().any(|e| wanted(&e)),
        _ => false,
    };
    let authenticated = match net {
        NetSlice::Ipv4(ip) => ip.header().protocol() == IpNumber::AUTHENTICATION_HEADER,
        _ => has(|e| matches!(e, Ipv6ExtensionSlice::Authentication(_))),
    };
    let atomic = has(|e| matches!(e, Ipv6ExtensionSlice::Fragment(_)));
    let extensions = match net {
        NetSlice::Ipv6(ip) => ip.extensions().clone().into_iter().count(),
        _ => 0,
    };
    let jumbo = matches!(net, NetSlice::Ipv6(ip) if ip.header().payload_length() == 0);
    match ours {
        _ if jumbo && bytes.len() > 40 => Some(Disagreement::Jumbogram),
        IpError::Segment(SegmentError::Options(why)) => {
            options(tcp.options(), &Err(why));
            Some(Disagreement::Options)
        }
        IpError::Fragment if atomic => Some(Disagreement::AtomicFragment),
        IpError::Protocol(51) if authenticated => Some(Disagreement::Authentication),
        IpError::Extensions if extensions > 8 => Some(Disagreement::Extensions),
        _ => None,
    }
}

/// A segment by itself, which we have read; `verified` says whether its checksum is right for us.
pub(super) fn segment(addresses: &Addresses, bytes: &[u8], ours: &Segment<'_>, verified: bool) {
    let theirs = TcpSlice::from_slice(bytes).expect("they read what we read");
    let sum = same_segment(addresses, &theirs, ours);
    assert_eq!(verified, sum, "checksum");
}

/// Compares field by field; returns whether the checksum is right for them.
fn same_segment(addresses: &Addresses, theirs: &TcpSlice<'_>, ours: &Segment<'_>) -> bool {
    let Header {
        src_port,
        dst_port,
        seq,
        ack,
        flags,
        window,
        urgent,
        options: read,
    } = ours.header;
    let t = theirs;
    assert_eq!(
        (src_port, dst_port),
        (t.source_port(), t.destination_port())
    );
    assert_eq!(seq.0, t.sequence_number());
    // Without the bit the field says nothing, and is read as zero.
    let number = if t.ack() {
        t.acknowledgment_number()
    } else {
        0
    };
    assert_eq!(ack.0, number);
    let bits = [
        t.fin(),
        t.syn(),
        t.rst(),
        t.psh(),
        t.ack(),
        t.urg(),
        t.ece(),
        t.cwr(),
    ];
    for (n, bit) in bits.into_iter().enumerate() {
        assert_eq!(flags.has(Flags(1 << n)), bit, "bit {n} of {flags:?}");
    }
    assert_eq!((window, urgent), (t.window_size(), t.urgent_pointer()));
    assert_eq!(ours.payload, t.payload());
    options(t.options(), &Ok(read));

    let header = TcpHeaderSlice::from_slice(t.slice()).expect("it was read as a whole");
    let sum = match addresses {
        Addresses::V4 { src, dst } => {
            header.calc_checksum_ipv4_raw(src.octets(), dst.octets(), t.payload())
        }
        Addresses::V6 { src, dst } => {
            header.calc_checksum_ipv6_raw(src.octets(), dst.octets(), t.payload())
        }
    };
    // A segment too long for IPv4 has no sum for them.
    sum.map_or_else(
        |_| t.slice().len() > 65_535,
        |sum| same_sum(sum, t.checksum()),
    )
}

/// Ones' complement has two zeros.
fn same_sum(a: u16, b: u16) -> bool {
    a == b || (a == 0 && b == 0xffff) || (a == 0xffff && b == 0)
}

fn sum_is_right(header: &[u8]) -> bool {
    Sum16BitWords::new().add_slice(header).ones_complement() == 0
}

fn addresses(net: &NetSlice<'_>) -> Addresses {
    match net {
        NetSlice::Ipv4(ip) => Addresses::V4 {
            src: ip.header().source_addr(),
            dst: ip.header().destination_addr(),
        },
        NetSlice::Ipv6(ip) => Addresses::V6 {
            src: ip.header().source_addr(),
            dst: ip.header().destination_addr(),
        },
        NetSlice::Arp(_) => unreachable!("not in an IP packet"),
    }
}

/// Options, which they read one by one.
pub(super) fn options(bytes: &[u8], ours: &Result<Options, OptionsError>) {
    let theirs = their_options(bytes);
    assert_eq!(theirs, ours.ok(), "options {bytes:02x?}: {ours:?}");
}

/// What they make of all options; none if one is malformed. Those that they do not know, and a selective acknowledgment of
/// a shape that they do not know, are skipped by their length as RFC 9293 MUST-6 says: they themselves stop there.
fn their_options(mut bytes: &[u8]) -> Option<Options> {
    use TcpOptionElement::{MaximumSegmentSize, Timestamp, WindowScale};
    let mut found = Options::default();
    while let [kind, ..] = *bytes {
        let mut reader = TcpOptionsIterator::from_slice(bytes);
        match reader.next() {
            None => return Some(found),
            Some(Ok(MaximumSegmentSize(mss))) => found.mss = Some(mss),
            // RFC 7323 section 2.3: above 14 it counts as 14.
            Some(Ok(WindowScale(shift))) => found.window_scale = Some(shift.min(14)),
            Some(Ok(Timestamp(val, ecr))) => found.timestamps = Some(Timestamps { val, ecr }),
            Some(Ok(_)) => {}
            Some(Err(why)) => {
                let skipped =
                    matches!(why, TcpOptionReadError::UnknownId(_)) || [4, 5].contains(&kind);
                let len = usize::from(*bytes.get(1)?);
                if !skipped || len < 2 {
                    return None;
                }
                bytes = bytes.get(len..)?;
                continue;
            }
        }
        bytes = reader.rest();
    }
    Some(found)
}
