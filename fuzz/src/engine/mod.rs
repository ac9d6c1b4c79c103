//! The shipping code as an endpoint of the model's worlds: an [`Endpoint`](farewell::Endpoint) is restored at a fixed
//! moment, handles one event, is polled until there is nothing, and is saved. Only type parameters and settings differ
//! from what a product uses.

mod buffers;
mod image;
mod live;

use farewell::config::KeepAlive;
use farewell::connection::{self, Begin, Dropped, Outgoing, Received, Unlimited};
use farewell::endpoint::Phase;
use farewell::rto;
use farewell::seq::SeqNumber;
use farewell::timewait::TimeWait;
use farewell::wire;
use farewell::{Config, Instant, State};
use farewell_model::endpoint::{
    Armed, Call, CallError, Effects, Endpoint, Event, Flags, Indication, MAX_DATA, Observed,
    Segment, TcpState, Timer, TimerSet, Timestamps,
};
use farewell_model::rules::Rule;
use farewell_model::seq::Seq;
use farewell_model::spec;
use farewell_model::spec::choices::{AckWhen, Reopen};
use farewell_model::spec::transition::TABLE;

pub use buffers::Few;
pub use image::Image;
use image::{BY_TICKS, MOMENT, SOON, TICK};
pub use live::Live;
pub(crate) use live::packet_of;

/// The engine as it ships, with buffers of a few bytes and without congestion control.
pub type Tcp = farewell::Endpoint<Few, Unlimited>;
type Open = farewell::Connection<Few, Unlimited>;

/// Settings of the engine in a world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EngineConfig {
    /// The engine's own: the model profile.
    pub tcp: Config,
    /// The receive buffer in bytes.
    pub receive_buffer: u8,
    /// The user reads at once.
    pub fixed_window: bool,
}

impl EngineConfig {
    /// The engine that is to behave as a specification of these lengths and choices does; where it has a reading of its own
    /// ([`readings`]) it keeps it. A tick is a millisecond. `timestamps` says whether connections use them.
    pub fn like(c: &spec::Config, timestamps: bool) -> EngineConfig {
        // The model counts text alone.
        let options = if timestamps { 12 } else { 0 };
        let ticks = |n: Option<u8>| n.map(|n| TICK * n.into());
        EngineConfig {
            tcp: Config {
                time_wait: TICK * c.time_wait.into(),
                fin_wait_2: ticks(c.fin_wait_2),
                user_timeout: ticks(c.user_timeout),
                give_up: ticks(c.give_up),
                give_up_open: ticks(c.give_up),
                keep_alive: ticks(c.keep_alive).map(|idle| KeepAlive { idle, probes: None }),
                delayed_ack: (c.choices.ack == AckWhen::Delayed).then_some(SOON),
                nagle: false,
                avoid_silly_windows: false,
                mss: u16::from(c.choices.mss) + options,
                timestamps: true,
                window_scaling: false,
                reopen: c.choices.reopen == Reopen::Newer,
                abort_lingers: c.rules.has(Rule::AbortLingers),
                challenge_interval: core::time::Duration::ZERO,
                rto: rto::Limits {
                    min: SOON,
                    max: SOON,
                    granularity: SOON,
                },
            },
            receive_buffer: c.receive_buffer,
            fixed_window: c.fixed_window,
        }
    }

    fn buffers(&self) -> Few {
        Few {
            capacity: self.receive_buffer,
            fixed: self.fixed_window,
            ..Few::default()
        }
    }

    fn opening(&self, isn: Seq, timestamps: bool) -> (Begin, Few, Unlimited) {
        let begin = Begin {
            iss: SeqNumber(isn.raw()),
            ts_offset: 0,
            timestamps,
        };
        (begin, self.buffers(), Unlimited)
    }
}

/// The engine.
#[derive(Clone, Copy, Debug)]
pub struct Engine;

impl Endpoint for Engine {
    type Image = Image;
    type Config = EngineConfig;

    fn boot(_: &EngineConfig) -> Image {
        Image::default()
    }

    fn step(c: &EngineConfig, i: &mut Image, e: Event, isn: Option<Seq>, out: &mut Effects) {
        let before = state_of(i);
        match e {
            Event::Tick => return i.tick(),
            Event::Timer(t) if !Self::armed(c, i).due.has(t) => return,
            _ => {}
        }
        let fires = match e {
            Event::Timer(t) => Some(t),
            _ => None,
        };
        let mut tcp = i.tcp(c, fires);
        act(c, MOMENT, &mut tcp, e, isn, out);
        *i = Image::of(c, tcp);
        out.broken |= i.misfit != 0;
        let after = state_of(i);
        if before != after {
            let taken = TABLE.iter().position(|t| t.from == before && t.to == after);
            out.transitions = taken.map_or(0, |n| 1 << n);
        }
    }

    fn armed(c: &EngineConfig, i: &Image) -> Armed {
        let mut armed = Armed::default();
        let o = Self::observe(c, i);
        let in_flight = o.snd_una != o.snd_nxt;
        let sending = if in_flight {
            Timer::Retransmit
        } else {
            Timer::Persist
        };
        for (bit, timer) in [(0, sending), (1, Timer::DelayedAck)] {
            armed.running.set(timer, i.soon & 1 << bit != 0);
        }
        armed.due = armed.running;
        let idle = !in_flight && o.unsent == 0;
        for (timer, left) in BY_TICKS.into_iter().zip(i.countdowns) {
            armed.running.set(timer, left > 0);
            armed
                .due
                .set(timer, left == 1 && (timer != Timer::KeepAlive || idle));
        }
        armed
    }

    fn observe(c: &EngineConfig, i: &Image) -> Observed {
        observed(c, &i.tcp(c, None))
    }
}

/// State and variables of an engine that has been polled.
pub(crate) fn observed(c: &EngineConfig, tcp: &Tcp) -> Observed {
    let room = Observed {
        state: TcpState::ALL[tcp.state() as usize],
        rcv_wnd: c.receive_buffer,
        ..Observed::default()
    };
    match tcp.phase() {
        Phase::Closed | Phase::Listen { .. } => room,
        Phase::TimeWait(record, _) => observe_time_wait(record, tcp.connection(), room),
        Phase::Open => tcp.connection().map_or(room, |o| Observed {
            iss: Seq::new(o.iss().0),
            snd_una: Seq::new(o.snd_una().0),
            snd_nxt: Seq::new(o.snd_nxt().0),
            snd_wnd: o.snd_wnd() as u8,
            rcv_nxt: Seq::new(o.rcv_nxt().0),
            rcv_wnd: o.rcv_wnd() as u8,
            close_called: o.close_called(),
            orphan: o.is_orphan(),
            fin_sent: o.fin_sent(),
            unsent: o.unsent() as u8,
            fin_received: o.fin_received(),
            fin_held: o.fin_held().map(|n| Seq::new(n.0)),
            readable: o.readable() as u8,
            lingering: o.is_reopening(),
            ts_recent: o.ts_recent(),
            ..room
        }),
    }
}

fn observe_time_wait(record: &TimeWait, connection: Option<&Open>, room: Observed) -> Observed {
    use farewell::timewait::TimeWaitFlags as F;
    let aborted = record.flags.has(F::ABORTED);
    let reader = connection.filter(|c| !c.is_orphan());
    Observed {
        snd_una: Seq::new(record.snd_nxt.0),
        snd_nxt: Seq::new(record.snd_nxt.0),
        // It answers by a segment's own numbers, so that RCV.NXT means nothing.
        rcv_nxt: if aborted {
            Seq::default()
        } else {
            Seq::new(record.rcv_nxt.0)
        },
        rcv_wnd: if aborted {
            room.rcv_wnd
        } else {
            record.window as u8
        },
        close_called: !aborted,
        orphan: !aborted && reader.is_none(),
        fin_sent: !aborted,
        fin_received: !aborted,
        readable: reader.map_or(0, |c| c.readable() as u8),
        lingering: aborted,
        ts_recent: record.flags.has(F::TIMESTAMPS).then_some(record.ts_recent),
        ..room
    }
}

fn state_of(i: &Image) -> TcpState {
    match i.phase {
        1 => TcpState::Listen,
        2 => TcpState::ALL[usize::from(i.state).min(10)],
        3 => TcpState::TimeWait,
        _ => TcpState::Closed,
    }
}

/// One event, and everything polled that follows from it.
pub(crate) fn act(
    c: &EngineConfig,
    now: Instant,
    tcp: &mut Tcp,
    e: Event,
    isn: Option<Seq>,
    out: &mut Effects,
) {
    match e {
        Event::Call(call) => out.error = make(c, now, tcp, call, isn, out).err(),
        Event::Segment(s) => arrives(c, now, tcp, &s, isn, out),
        Event::Timer(_) => tcp.handle_timeout(&c.tcp, now),
        Event::Tick => {}
    }
    poll(c, now, tcp, out);
}

fn arrives(
    c: &EngineConfig,
    now: Instant,
    tcp: &mut Tcp,
    s: &Segment,
    isn: Option<Seq>,
    out: &mut Effects,
) {
    let header = to_wire(s);
    let segment = wire::Segment {
        header,
        payload: s.data(),
    };
    let mut used = false;
    // A dropped segment shows in what comes out, or does not: the reason is for counters.
    let _: Result<(), Dropped> = tcp.handle_segment(&c.tcp, now, &segment, || {
        let opening = c.opening(isn?, false);
        used = true;
        Some(opening)
    });
    out.isn_used |= used;
}

/// The model's segment as the engine reads it from the wire.
pub fn to_wire(s: &Segment) -> wire::Header {
    let mut flags = wire::Flags::default();
    for (model, wire) in FLAGS {
        if s.is(model) {
            flags = flags.with(wire);
        }
    }
    let timestamps = s.ts.map(|ts| wire::Timestamps {
        val: ts.val,
        ecr: ts.ecr,
    });
    wire::Header {
        seq: SeqNumber(s.seq.raw()),
        ack: SeqNumber(s.ack.raw()),
        flags,
        window: s.wnd.into(),
        options: wire::Options {
            timestamps,
            ..wire::Options::default()
        },
        ..wire::Header::default()
    }
}

const FLAGS: [(Flags, wire::Flags); 4] = [
    (Flags::SYN, wire::Flags::SYN),
    (Flags::FIN, wire::Flags::FIN),
    (Flags::RST, wire::Flags::RST),
    (Flags::ACK, wire::Flags::ACK),
];

/// The engine's segment as the model has it. Left out: PSH, and the MSS option of a SYN, of which the model has no notion.
/// None if it says what the model cannot.
pub fn from_wire(h: &wire::Header, text: &[u8]) -> Option<Segment> {
    let mut flags = Flags::default();
    let mut rest = h.flags.0 & !wire::Flags::PSH.0;
    for (model, wire) in FLAGS {
        if h.flags.has(wire) {
            flags = flags.with(model);
            rest &= !wire.0;
        }
    }
    let mut data = [0; MAX_DATA];
    data.get_mut(..text.len())?.copy_from_slice(text);
    if rest != 0 || h.options.window_scale.is_some() || h.urgent != 0 {
        return None;
    }
    Some(Segment {
        seq: Seq::new(h.seq.0),
        ack: Seq::new(h.ack.0),
        flags,
        wnd: u8::try_from(h.window).ok()?,
        len: text.len() as u8,
        text: data,
        ts: h.options.timestamps.map(|ts| Timestamps {
            val: ts.val,
            ecr: ts.ecr,
        }),
    })
}

/// Polls in the documented order, until there is nothing.
fn poll(c: &EngineConfig, now: Instant, tcp: &mut Tcp, out: &mut Effects) {
    while let Some(segment) = tcp.poll_transmit(&c.tcp, now) {
        match model_segment(tcp, &segment) {
            Some(s) => out.send(s),
            None => out.broken = true,
        }
        if out.broken {
            return; // more segments than an event can mean
        }
    }
    while let Some(i) = tcp.poll_event() {
        use connection::Indication as I;
        match i {
            // The model's users see these by looking.
            I::Connected | I::Readable | I::Writable => {}
            I::Reset => out.tell(Indication::Reset),
            I::Refused => out.tell(Indication::Refused),
            I::UserTimeout => out.tell(Indication::UserTimeout),
            I::GaveUp => out.tell(Indication::GaveUp),
            I::Closed => out.tell(Indication::Closed),
        }
    }
}

fn model_segment(tcp: &Tcp, out: &Outgoing) -> Option<Segment> {
    let (head, tail) = tcp.text(out);
    from_wire(&out.header, &[head, tail].concat())
}

fn failed(e: connection::CallError) -> CallError {
    use connection::CallError as E;
    match e {
        E::DoesNotExist => CallError::DoesNotExist,
        E::Closing => CallError::Closing,
        E::InsufficientResources => CallError::InsufficientResources,
        E::AlreadyExists => CallError::AlreadyExists,
    }
}

/// A user call, in the model's words.
fn make(
    c: &EngineConfig,
    now: Instant,
    tcp: &mut Tcp,
    call: Call,
    isn: Option<Seq>,
    out: &mut Effects,
) -> Result<(), CallError> {
    let open = |tcp: &mut Tcp, timestamps: bool, out: &mut Effects| {
        let free = matches!(tcp.state(), State::Closed | State::Listen);
        if free && isn.is_none() {
            return Err(CallError::RemoteUnspecified);
        }
        // Where there is a connection the engine has to say so.
        let opening = c.opening(isn.unwrap_or_default(), timestamps);
        tcp.connect(&c.tcp, now, opening).map_err(failed)?;
        out.isn_used = true;
        Ok(())
    };
    match call {
        Call::OpenPassive { timestamps } => tcp.listen(timestamps).map_err(failed),
        Call::OpenActive { timestamps } => open(tcp, timestamps, out),
        Call::Send { len, text } => {
            // SEND in LISTEN opens actively: here its caller does.
            if let Phase::Listen { timestamps } = *tcp.phase() {
                open(tcp, timestamps, out)?;
            }
            let data = &text[..usize::from(len).min(MAX_DATA)];
            tcp.send(&c.tcp, now, &[]).map_err(failed)?;
            let room = tcp
                .connection()
                .map_or(0, |c| connection::Buffers::send_room(c.buffers()));
            if data.len() > room as usize {
                return Err(CallError::InsufficientResources); // all or nothing
            }
            tcp.send(&c.tcp, now, data).map_err(failed).map(|_| ())
        }
        Call::Receive(most) => {
            let mut to = [0; MAX_DATA];
            let to = &mut to[..usize::from(most).min(MAX_DATA)];
            match tcp.receive(&c.tcp, to).map_err(failed)? {
                Received::Data(n) => {
                    out.broken |= out.read.try_extend_from_slice(&to[..n]).is_err();
                    Ok(())
                }
                Received::Nothing => Ok(()),
                Received::End => {
                    out.end = true;
                    Err(CallError::Closing)
                }
            }
        }
        Call::Shutdown => tcp.shutdown(&c.tcp, now).map_err(failed),
        Call::Close => tcp.close(&c.tcp, now).map_err(failed),
        Call::Abort => tcp.abort(&c.tcp).map_err(failed),
        Call::Status if tcp.state() == State::Closed => Err(CallError::DoesNotExist),
        Call::Status => Ok(()),
    }
}

/// The timers that a set names.
pub fn timers(set: TimerSet) -> impl Iterator<Item = Timer> {
    Timer::ALL.into_iter().filter(move |t| set.has(*t))
}

/// The specification's configuration with the engine's readings in place of its own, so that the two can be the same
/// machine. Says which it had to change.
pub fn readings(c: &spec::Config) -> (spec::Config, Vec<&'static str>) {
    use spec::choices::{Answers, OldSyn, Restart, SendWhen, SynSentRst};
    let mut like = *c;
    let mut changed = Vec::new();
    let mut keep = |same: bool, what| {
        if !same {
            changed.push(what);
        }
    };
    let engine = spec::Choices {
        ack: c.choices.ack,
        mss: c.choices.mss,
        reopen: c.choices.reopen,
        send: SendWhen::AtTheEnd,
        ..spec::Choices::default()
    };
    let spec::Choices {
        ack: _,
        mss: _,
        reopen: _,
        send: _, // not a reading: either is the RFC's, and the engine sends last
        fin_rides,
        fin_into_zero_window,
        reassembly,
        restart,
        ack_check_first,
        rst_tells_when_closing,
        old_syn,
        syn_sent_rst,
        answers,
        stamp_before_window,
    } = c.choices;
    keep(fin_rides, "the FIN rides on the last data");
    keep(
        !fin_into_zero_window,
        "no FIN into a zero window but as a probe",
    );
    keep(reassembly, "segments ahead are held");
    keep(
        restart == Restart::RepeatedFin,
        "a repeated FIN restarts 2 MSL",
    );
    keep(ack_check_first, "RFC 5961's ACK check comes first");
    keep(
        rst_tells_when_closing,
        "a RST is told in CLOSING and LAST_ACK",
    );
    keep(old_syn == OldSyn::Challenge, "a refused SYN is answered");
    keep(
        syn_sent_rst == SynSentRst::AckOnly,
        "a RST in SYN_SENT is judged by its ACK",
    );
    keep(
        answers == Answers::Every,
        "TIME_WAIT answers every old segment",
    );
    keep(!stamp_before_window, "TS.Recent is taken within the window");
    let all = farewell_model::rules::Profile::Hardened.rules();
    let mut rules = all;
    if !c.rules.has(Rule::AbortLingers) {
        rules = rules.without(Rule::AbortLingers);
    }
    keep(rules == c.rules, "all rules are on");
    like.choices = engine;
    like.rules = rules;
    (like, changed)
}
