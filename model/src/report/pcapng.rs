//! A story as a capture that Wireshark and tshark read: what each host sent and what reached it.
//!
//! Two interfaces, `A` and `B`: a packet stands in the capture of its sender when it is sent and in that of its receiver when
//! it arrives, so that what was lost, repeated or delayed is seen. What happens besides (calls, timers, states, users) is in
//! the comments of the packet that follows it; what happens at the end, in those of the last.
//!
//! The model's segments become IPv4 packets with right checksums. What the model leaves out is filled in: addresses
//! `192.0.2.1` (A) and `192.0.2.2` (B), one port each; the identification is the segment's number in the diagram; a tick
//! lasts a second, and what happens within it is a millisecond apart; TSval counts ticks from 1000, and TSecr is the latest
//! TSval that has reached the sender, 0 on a SYN without ACK. Windows are the model's, unscaled bytes.

use std::time::Duration;

use etherparse::{IpNumber, Ipv4Header, TcpHeader, TcpOptionElement};
use farewell_pcapng::{Capture, Heading};

use super::story::{Beat, Carried, Story};
use crate::endpoint::Flags;
use crate::world::action::NAMES;

/// Addresses for documentation (RFC 5737).
const ADDRESSES: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];
const PORTS: [u16; 2] = [49152, 80];
/// TSval in the first tick.
const CLOCK: u32 = 1000;
/// Milliseconds that a tick lasts.
const TICK: u64 = 1000;
const TTL: u8 = 64;

/// Why a story cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// A segment that is no packet.
    #[error("segment {0} cannot be written as a packet: {1}")]
    Packet(usize, String),
    /// The capture.
    #[error(transparent)]
    Capture(#[from] farewell_pcapng::CaptureError),
}

/// The bytes of a capture of a story.
///
/// # Errors
///
/// A segment that makes no packet.
pub fn capture(story: &Story) -> Result<Vec<u8>, CaptureError> {
    let mut w = Capture::new(Vec::new(), &NAMES)?;
    let how = story.notation(true);
    let mut views = Views::new(story);
    for beat in story.beats() {
        views.step(beat);
        let (segment, heading) = match *beat {
            Beat::Sent { segment } => (segment, Heading::Out),
            Beat::Arrives { segment, .. } => (segment, Heading::In),
            Beat::Tick { .. } => continue,
            Beat::Note { host, ref text } | Beat::User { host, ref text } => {
                w.comment(format!("{}: {text}", NAMES[host & 1]));
                continue;
            }
            Beat::Enters { host, state } => {
                w.comment(format!("{} → {}", NAMES[host & 1], state.name()));
                continue;
            }
        };
        let Some(carried) = story.segments.get(segment) else {
            continue;
        };
        let data = views.bytes(segment, carried, beat)?;
        let view = match heading {
            Heading::Out => carried.from,
            Heading::In => 1 - carried.from,
        };
        w.comment(story.label(segment, &how));
        if let Some(remark) = story.remark(beat, views.tick) {
            w.comment(remark);
        }
        w.packet(
            view as u32,
            heading,
            Duration::from_millis(views.time),
            &data,
        )?;
    }
    Ok(w.finish()?)
}

/// What the hosts' captures have come to.
struct Views {
    tick: u32,
    /// In milliseconds.
    time: u64,
    /// By segment: its bytes, from when it was first seen.
    packets: Vec<Option<Vec<u8>>>,
    /// The latest TSval that has reached each host.
    recent: [u32; 2],
}

impl Views {
    fn new(story: &Story) -> Views {
        Views {
            tick: 0,
            time: 0,
            packets: vec![None; story.segments.len()],
            recent: [0; 2],
        }
    }

    /// Time goes on.
    fn step(&mut self, beat: &Beat) {
        self.time += 1;
        if let Beat::Tick { now, .. } = *beat {
            self.tick = now;
        }
        self.time = self.time.max(u64::from(self.tick) * TICK);
    }

    /// The packet of a segment: always the same, however often it is sent.
    fn bytes(&mut self, n: usize, s: &Carried, beat: &Beat) -> Result<Vec<u8>, CaptureError> {
        let first = match *beat {
            Beat::Arrives { sent, .. } => sent,
            _ => self.tick,
        };
        let value = s.stamp.map(|age| (CLOCK + first).wrapping_sub(age));
        let data = match self.packets.get(n) {
            Some(Some(data)) => data.clone(),
            _ => {
                let opens = s.flags.has(Flags::SYN) && !s.flags.has(Flags::ACK);
                let echo = if opens { 0 } else { self.recent[s.from & 1] };
                packet(n, s, value.map(|v| (v, echo)))?
            }
        };
        if let (Beat::Arrives { .. }, Some(value)) = (beat, value) {
            let recent = &mut self.recent[1 - (s.from & 1)];
            *recent = value.max(*recent);
        }
        if let Some(place) = self.packets.get_mut(n) {
            *place = Some(data.clone());
        }
        Ok(data)
    }
}

fn packet(n: usize, s: &Carried, stamps: Option<(u32, u32)>) -> Result<Vec<u8>, CaptureError> {
    let cannot = |e: &dyn std::fmt::Display| CaptureError::Packet(n + 1, e.to_string());
    let (from, to) = (s.from & 1, 1 - (s.from & 1));
    let mut tcp = TcpHeader::new(PORTS[from], PORTS[to], s.seq, s.wnd.into());
    tcp.acknowledgment_number = s.ack;
    tcp.syn = s.flags.has(Flags::SYN);
    tcp.ack = s.flags.has(Flags::ACK);
    tcp.fin = s.flags.has(Flags::FIN);
    tcp.rst = s.flags.has(Flags::RST);
    if let Some((value, echo)) = stamps {
        let options = [
            TcpOptionElement::Noop,
            TcpOptionElement::Noop,
            TcpOptionElement::Timestamp(value, echo),
        ];
        tcp.set_options(&options).map_err(|e| cannot(&e))?;
    }
    let text = s.text.get(..s.len.into()).unwrap_or(&s.text);
    let length = u16::try_from(tcp.header_len() + text.len()).map_err(|e| cannot(&e))?;
    let (own, other) = (ADDRESSES[from], ADDRESSES[to]);
    let mut ip = Ipv4Header::new(length, TTL, IpNumber::TCP, own, other).map_err(|e| cannot(&e))?;
    ip.identification = n as u16 + 1;
    ip.header_checksum = ip.calc_header_checksum();
    tcp.checksum = tcp.calc_checksum_ipv4(&ip, text).map_err(|e| cannot(&e))?;
    Ok([&ip.to_bytes()[..], &tcp.to_bytes()[..], text].concat())
}
