//! The engine as a [`Subject`]: packets in, packets out, time that goes on. Never saved and never restored.

use farewell::Instant;
use farewell::wire::{Addresses, Checksums, Packet, emit_packet};
use farewell_model::endpoint::{
    Call, Effects, Event, MAX_DATA, NOW, Observed, Segment, Timestamps,
};
use farewell_model::seq::Seq;
use std::net::Ipv4Addr;

use super::image::MOMENT;
use super::{EngineConfig, Tcp, act, from_wire, observed, to_wire};
use crate::subject::{Input, Micros, Output, Subject, SubjectError};

const THERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const ARRIVING: Addresses = Addresses::V4 {
    src: THERE,
    dst: HERE,
};
/// Headers, options and text of the model's longest segment.
const LONGEST: usize = 128;

/// The shipping code, alive.
#[derive(Clone, Debug)]
pub struct Live {
    config: EngineConfig,
    tcp: Tcp,
    now: Instant,
    waiting: Vec<Output>,
    /// Whether its user reads what a connection leaves unread, and that connection.
    keeps: bool,
    left: Option<Tcp>,
}

impl Live {
    /// CLOSED, at the moment 0.
    pub fn new(config: EngineConfig) -> Self {
        Live {
            config,
            tcp: Tcp::default(),
            now: MOMENT,
            waiting: Vec::new(),
            keeps: false,
            left: None,
        }
    }

    /// The user of a connection that is over goes on reading, as the engine allows, until the next OPEN. The specification
    /// forgets what is unread.
    #[must_use]
    pub fn keeping(self) -> Self {
        Live {
            keeps: true,
            ..self
        }
    }

    fn act(&mut self, e: Event, isn: Option<u32>) -> Result<(), SubjectError> {
        let mut out = Effects::default();
        let was_open = self.tcp.state() != farewell::State::Closed;
        let tcp = match (&mut self.left, e) {
            (Some(left), Event::Call(Call::Receive(_))) => left,
            _ => &mut self.tcp,
        };
        act(&self.config, self.now, tcp, e, isn.map(Seq::new), &mut out);
        for s in &out.segments {
            self.waiting
                .push(Output::Packet(packet(s, &ARRIVING.reversed())));
        }
        self.waiting
            .extend(out.told.iter().map(|t| Output::Told(*t)));
        if !out.read.is_empty() || out.end {
            self.waiting.push(Output::Read(out.read.to_vec(), out.end));
        }
        if self.tcp.state() == farewell::State::Closed {
            let over = std::mem::take(&mut self.tcp); // the user releases it, or keeps it to read on
            if was_open && self.keeps {
                self.left = Some(over);
            }
        } else {
            self.left = None;
        }
        if out.broken {
            return Err(SubjectError::Broken(
                "the engine said what the model cannot".into(),
            ));
        }
        out.error.map_or(Ok(()), |e| Err(e.into()))
    }

    /// How far the timestamp clock is ahead of the model's, which stands still.
    fn ahead(&self) -> u32 {
        ((self.now.0 - MOMENT.0) / 1_000) as u32
    }

    /// The segment on a clock that is `by` further.
    fn on_clock(s: &Segment, by: u32) -> Segment {
        let moved = |val: u32| if val == 0 { 0 } else { val.wrapping_add(by) };
        Segment {
            ts: s.ts.map(|ts| Timestamps {
                val: ts.val.wrapping_add(by),
                ecr: moved(ts.ecr),
            }),
            ..*s
        }
    }

    /// A packet for this host, from a segment on the model's clock.
    pub fn packet_for(&self, s: &Segment) -> Vec<u8> {
        packet(&Self::on_clock(s, self.ahead()), &ARRIVING)
    }

    /// The segment of a packet that came out now, on the model's clock.
    pub fn segment_in(&self, bytes: &[u8]) -> Option<Segment> {
        let s = segment(bytes)?;
        Some(Self::on_clock(&s, self.ahead().wrapping_neg()))
    }
}

/// The packet of a segment that arrives at this host, or that leaves it, on the model's clock.
pub(crate) fn packet_of(s: &Segment, arrives: bool) -> Vec<u8> {
    packet(
        s,
        &if arrives {
            ARRIVING
        } else {
            ARRIVING.reversed()
        },
    )
}

/// The packet of a segment: this host's port is 80, its peer's 4242.
fn packet(s: &Segment, addresses: &Addresses) -> Vec<u8> {
    let mut header = to_wire(s);
    (header.src_port, header.dst_port) = if *addresses == ARRIVING {
        (4_242, 80)
    } else {
        (80, 4_242)
    };
    let mut out = [0; LONGEST];
    let len = emit_packet(
        &header,
        addresses,
        (s.data(), &[]),
        &mut out,
        Checksums::Verify,
    );
    out[..len.unwrap_or(0)].to_vec()
}

fn segment(bytes: &[u8]) -> Option<Segment> {
    let p = Packet::parse(bytes).ok()?;
    from_wire(&p.segment.header, p.segment.payload)
}

impl Subject for Live {
    fn input(&mut self, at: Micros, input: Input) -> Result<(), SubjectError> {
        self.now = Instant(MOMENT.0 + at);
        match input {
            Input::Call(call, isn) => self.act(Event::Call(call), isn),
            Input::Packet(bytes, isn) => {
                let s = segment(&bytes);
                let s =
                    s.ok_or_else(|| SubjectError::Broken("not a packet of the model".into()))?;
                self.act(Event::Segment(s), isn)
            }
        }
    }

    fn advance(&mut self, to: Micros, out: &mut dyn FnMut(Micros, Output)) {
        let to = Instant(MOMENT.0 + to);
        if to > self.now {
            self.now = to;
            // Which timer is its own affair: the engine looks at the time.
            let any = Event::Timer(farewell_model::endpoint::Timer::User);
            if let Err(broken) = self.act(any, None) {
                self.waiting
                    .push(Output::Read(broken.to_string().into_bytes(), false));
            }
        }
        let at = self.now.0 - MOMENT.0;
        self.waiting.drain(..).for_each(|o| out(at, o));
    }

    fn observe(&self) -> Option<Observed> {
        let o = observed(&self.config, &self.tcp);
        let ts_recent = o.ts_recent.map(|ts| ts.wrapping_sub(self.ahead()));
        Some(Observed { ts_recent, ..o })
    }
}

const _: () = assert!(NOW as u64 * 1_000 == MOMENT.0 && MAX_DATA < LONGEST / 2);
