//! What a run sends and receives, for a capture: kept only while [`record`] runs it.

use std::cell::RefCell;
use std::time::Duration;

use etherparse::{IpNumber, Ipv4Header, Ipv6Header};
use farewell::wire::Addresses;
use farewell_pcapng::{Capture, CaptureError, Heading};

const TTL: u8 = 64;

thread_local! {
    static TAPE: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

struct Tape {
    capture: Capture<Vec<u8>>,
    failed: Option<CaptureError>,
}

/// The hosts of the target `lockstep`.
pub const LOCKSTEP: [&str; 2] = ["farewell", "peer"];

/// The hosts of a target, in the order of their interfaces; none if nothing of it is sent.
pub fn hosts(target: &str) -> Option<[&'static str; 2]> {
    match target {
        "lockstep" => Some(LOCKSTEP),
        "network" => Some(["host 0", "host 1"]),
        "stack" => Some(["farewell", "peers"]),
        _ => None,
    }
}

/// Runs something with the tape on: what it returns, and the bytes of the capture.
///
/// # Errors
///
/// The format cannot say it.
pub fn record<T>(hosts: [&str; 2], run: impl FnOnce() -> T) -> Result<(T, Vec<u8>), CaptureError> {
    let capture = Capture::new(Vec::new(), &hosts)?;
    TAPE.set(Some(Tape {
        capture,
        failed: None,
    }));
    let came = run();
    let tape = TAPE.take();
    let bytes = match tape {
        Some(Tape {
            failed: Some(e), ..
        }) => return Err(e),
        Some(tape) => tape.capture.finish()?,
        None => Vec::new(),
    };
    Ok((came, bytes))
}

/// Runs something that is not part of the story.
pub(super) fn aside<T>(run: impl FnOnce() -> T) -> T {
    let tape = TAPE.take();
    let came = run();
    TAPE.set(tape);
    came
}

/// Does something with the capture, if there is one.
fn with(act: impl FnOnce(&mut Capture<Vec<u8>>) -> Result<(), CaptureError>) {
    TAPE.with_borrow_mut(|tape| {
        if let Some(tape) = tape
            && let Err(e) = act(&mut tape.capture)
        {
            tape.failed.get_or_insert(e);
        }
    });
}

/// A packet leaves a host or reaches it, so many microseconds after the beginning.
pub(super) fn packet(host: usize, heading: Heading, at: u64, bytes: impl FnOnce() -> Vec<u8>) {
    with(|capture| capture.packet(host as u32, heading, Duration::from_micros(at), &bytes()));
}

/// A packet leaves a host and reaches the other at once.
pub(super) fn both(from: usize, at: u64, bytes: impl FnOnce() -> Vec<u8>) {
    with(|capture| {
        let (bytes, at) = (bytes(), Duration::from_micros(at));
        capture.packet(from as u32, Heading::Out, at, &bytes)?;
        capture.packet(1 - from as u32, Heading::In, at, &bytes)
    });
}

/// What happens between packets.
pub fn comment(text: impl FnOnce() -> String) {
    with(|capture| {
        capture.comment(text());
        Ok(())
    });
}

/// The packet of a segment.
pub(super) fn in_ip(addresses: &Addresses, segment: &[u8]) -> Vec<u8> {
    let len = segment.len() as u16; // which an MSS bounds
    let head = match *addresses {
        Addresses::V4 { src, dst } => {
            let (src, dst) = (src.octets(), dst.octets());
            let head = Ipv4Header::new(len, TTL, IpNumber::TCP, src, dst);
            let mut head = head.unwrap_or_default();
            head.header_checksum = head.calc_header_checksum();
            head.to_bytes().to_vec()
        }
        Addresses::V6 { src, dst } => Ipv6Header {
            payload_length: len,
            next_header: IpNumber::TCP,
            hop_limit: TTL,
            source: src.octets(),
            destination: dst.octets(),
            ..Ipv6Header::default()
        }
        .to_bytes()
        .to_vec(),
    };
    [&head, segment].concat()
}
