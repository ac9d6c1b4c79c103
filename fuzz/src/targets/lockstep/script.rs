//! Scripts: what happens to one host's TCP for one pair of sockets.

use arbitrary::{Result, Unstructured};
use farewell_model::endpoint::{Call, Flags, MAX_DATA, TcpState};
use farewell_model::rules::{Profile, Rule};
use farewell_model::seq::Seq;
use farewell_model::spec::choices::{AckWhen, Reopen, SendWhen};
use farewell_model::spec::{Choices, Config};

/// The most steps of a script.
const MOST: usize = 400;

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    /// Settings.
    pub setup: Setup,
    /// First it goes there, by the shortest way.
    pub goes_to: Place,
    /// And leaves at once.
    pub leaves_by: Option<Parting>,
    /// Then this happens.
    pub ops: Vec<Op>,
}

/// Settings of a script.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Of the specification; the engine's follow from it.
    pub config: Config,
    /// Our first ISN, and the peer's.
    pub isn: [u32; 2],
    /// Timestamps are offered.
    pub timestamps: bool,
    /// The engine is never saved, and time goes on by itself.
    pub live: bool,
}

/// Where a script begins in earnest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // as in RFC 9293
pub enum Place {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    SynReceivedActively,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Aborted,
    Reopened,
}

pub(super) const PLACES: [Place; 14] = [
    Place::Closed,
    Place::Listen,
    Place::SynSent,
    Place::SynReceived,
    Place::SynReceivedActively,
    Place::Established,
    Place::FinWait1,
    Place::FinWait2,
    Place::CloseWait,
    Place::Closing,
    Place::LastAck,
    Place::TimeWait,
    Place::Aborted,
    Place::Reopened,
];

/// A way to leave a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // as in RFC 9293
pub enum Parting {
    Ack,
    Reset,
    Syn,
    Close,
    Abort,
    /// What is outstanding is never acknowledged.
    GiveUp,
    /// TIME_WAIT's, or the orphan's in FIN_WAIT_2.
    Timeout,
}

/// Each way out of each state: half of the scripts take one of them.
const PARTINGS: [(Place, Parting); 37] = {
    use Parting::*;
    use Place::*;
    [
        (Listen, Close),
        (Listen, Abort),
        (SynSent, Close),
        (SynSent, Abort),
        (SynSent, Reset),
        (SynSent, GiveUp),
        (SynReceived, Close),
        (SynReceived, Abort),
        (SynReceived, Reset),
        (SynReceived, Syn),
        (SynReceived, GiveUp),
        (SynReceivedActively, Reset),
        (Reopened, Reset),
        (Reopened, Syn),
        (Reopened, GiveUp),
        // Twice, for what the ones above need is rarer.
        (Reopened, Syn),
        (Reopened, GiveUp),
        (Established, Reset),
        (Established, Abort),
        (Established, GiveUp),
        (FinWait1, Reset),
        (FinWait1, Abort),
        (FinWait1, GiveUp),
        (FinWait2, Reset),
        (FinWait2, Abort),
        (FinWait2, Timeout),
        (CloseWait, Reset),
        (CloseWait, Abort),
        (CloseWait, GiveUp),
        (Closing, Ack),
        (Closing, Reset),
        (Closing, Abort),
        (Closing, GiveUp),
        (LastAck, Abort),
        (LastAck, Reset),
        (LastAck, GiveUp),
        (TimeWait, Timeout),
    ]
};

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// A user call.
    Call(Call),
    /// A segment arrives.
    Segment(Shape),
    /// One of the last segments arrives again.
    Again(u8),
    /// Of the timers that are due the n-th fires.
    Timer(u8),
    /// A tick of the clock.
    Tick,
}

/// A segment, relative to the connection.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its sequence number.
    pub seq: (Anchor, i8),
    /// Its acknowledgment.
    pub ack: (Anchor, i8),
    /// Its control bits.
    pub flags: Flags,
    /// Its window.
    pub wnd: u8,
    /// Its text.
    pub text: [u8; MAX_DATA],
    /// How much of it.
    pub len: u8,
    /// The age of its timestamp; none for no option.
    pub age: Option<u8>,
    /// Whether a listener would take it: an ISN is at hand.
    pub listens: bool,
}

/// What a number is relative to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// RCV.NXT, or SND.NXT for an acknowledgment.
    Next,
    /// The right edge of the window, or SND.UNA.
    Edge,
    /// The peer's next ISN, or our ISS.
    Initial,
    /// Half the circle away.
    Opposite,
    /// Anything.
    Wild(u32),
}

impl Anchor {
    /// The number that lies `delta` beyond, where these are `next`, `edge` and `initial`.
    pub fn number(self, delta: i8, [next, edge, initial]: [Seq; 3]) -> Seq {
        let from = match self {
            Anchor::Next => next,
            Anchor::Edge => edge,
            Anchor::Initial => initial,
            Anchor::Opposite => next + (1 << 31),
            Anchor::Wild(n) => Seq::new(n),
        };
        from + i32::from(delta) as u32
    }
}

/// Whether a TCP in this state knows the peer's numbers.
pub fn has_connection(s: TcpState) -> bool {
    !matches!(s, TcpState::Closed | TcpState::Listen | TcpState::SynSent)
}

fn ticks(u: &mut Unstructured<'_>) -> Result<Option<u8>> {
    let n = u.int_in_range(0..=7)?;
    Ok((n < 4).then_some(n))
}

impl Setup {
    fn read(u: &mut Unstructured<'_>) -> Result<Setup> {
        let kind: u8 = u.arbitrary()?;
        let live = kind & 7 == 0;
        let timestamps = kind & 8 != 0 && !live;
        let delayed = kind & 16 != 0 && !timestamps;
        let mut rules = Profile::Hardened.rules();
        if kind & 0xe0 == 0 {
            rules = rules.without(Rule::AbortLingers);
        }
        let mss = if timestamps {
            MAX_DATA as u8
        } else {
            u.int_in_range(2..=MAX_DATA as u8)?
        };
        let config = Config {
            rules,
            choices: Choices {
                ack: if delayed {
                    AckWhen::Delayed
                } else {
                    AckWhen::Now
                },
                send: SendWhen::AtTheEnd,
                mss,
                reopen: if kind & 32 != 0 {
                    Reopen::Newer
                } else {
                    Reopen::Never
                },
                ..Choices::default()
            },
            time_wait: u.int_in_range(1..=4)?,
            fin_wait_2: ticks(u)?,
            user_timeout: ticks(u)?,
            give_up: ticks(u)?,
            keep_alive: ticks(u)?.map(|n| n + 1),
            receive_buffer: u.int_in_range(1..=MAX_DATA as u8)?,
            fixed_window: false,
            no_timer_in: None,
        };
        Ok(Setup {
            config,
            isn: [number(u)?, number(u)?],
            timestamps,
            live,
        })
    }
}

impl Setup {
    /// What the way asks for.
    fn make_possible(&mut self, goes_to: Place, leaves_by: Option<Parting>) {
        if goes_to == Place::Reopened {
            self.config.choices.reopen = Reopen::Newer;
        }
        match leaves_by {
            Some(Parting::GiveUp) => self.config.give_up = Some(1),
            Some(Parting::Timeout) => self.config.fin_wait_2 = Some(1),
            Some(Parting::Abort) => self.config.rules = Profile::Hardened.rules(),
            _ => {}
        }
    }
}

/// A number, often near 2^32 or near 2^31.
fn number(u: &mut Unstructured<'_>) -> Result<u32> {
    let near = u.int_in_range(0..=9u32)?;
    Ok(match u.int_in_range(0..=3u8)? {
        0 => near.wrapping_neg(),
        1 => (1 << 31) - 5 + near,
        2 => 1_000,
        _ => u.arbitrary()?,
    })
}

fn anchor(u: &mut Unstructured<'_>) -> Result<(Anchor, i8)> {
    let kind = u.int_in_range(0..=15u8)?;
    let near = u.int_in_range(-6..=6i8)?;
    Ok(match kind {
        0..=5 => (Anchor::Next, 0),
        6..=9 => (Anchor::Next, near),
        10..=12 => (Anchor::Edge, near),
        13 => (Anchor::Initial, near),
        14 => (Anchor::Opposite, near),
        _ => (Anchor::Wild(u.arbitrary()?), 0),
    })
}

/// What peers mostly send.
const USUAL: [Flags; 8] = [
    Flags::ACK,
    Flags::ACK,
    Flags::ACK,
    Flags(Flags::ACK.0 | Flags::FIN.0),
    Flags(Flags::ACK.0 | Flags::FIN.0),
    Flags::SYN,
    Flags(Flags::SYN.0 | Flags::ACK.0),
    Flags::RST,
];

fn shape(u: &mut Unstructured<'_>, fits: bool) -> Result<Shape> {
    let flags = if u.ratio(15, 16)? {
        USUAL[usize::from(u.int_in_range(0..=7u8)?)]
    } else {
        Flags(u.arbitrary::<u8>()? & 15)
    };
    let syn = flags.has(Flags::SYN);
    let at = if syn { Anchor::Initial } else { Anchor::Next };
    let (seq, ack) = if fits {
        ((at, 0), (Anchor::Next, 0))
    } else {
        (anchor(u)?, anchor(u)?)
    };
    let len = u.int_in_range(0..=2 * MAX_DATA as u8)?;
    let age = u.int_in_range(0..=11u8)?;
    Ok(Shape {
        seq,
        ack,
        flags,
        wnd: if u.ratio(1, 4)? {
            u.int_in_range(0..=3)?
        } else {
            4
        },
        text: u.arbitrary()?,
        len: if len > MAX_DATA as u8 || syn && fits {
            0
        } else {
            len
        },
        age: match age {
            0..=7 => Some(0),
            8..=10 => Some(u.int_in_range(0..=5)?),
            _ => None,
        },
        listens: !u.ratio(1, 8)?,
    })
}

fn call(u: &mut Unstructured<'_>, timestamps: bool) -> Result<Call> {
    let n = u.int_in_range(0..=MAX_DATA as u8)?;
    Ok(match u.int_in_range(0..=19u8)? {
        0..=1 => Call::OpenPassive { timestamps },
        2..=3 => Call::OpenActive { timestamps },
        4..=8 => Call::Send {
            len: n,
            text: u.arbitrary()?,
        },
        9..=13 => Call::Receive(n),
        14..=15 => Call::Shutdown,
        16..=17 => Call::Close,
        18 => Call::Abort,
        _ => Call::Status,
    })
}

impl Op {
    fn read(u: &mut Unstructured<'_>, timestamps: bool) -> Result<Op> {
        Ok(match u.int_in_range(0..=99u8)? {
            0..=34 => Op::Segment(shape(u, true)?),
            35..=49 => Op::Segment(shape(u, false)?),
            50..=56 => Op::Again(u.arbitrary()?),
            57..=77 => Op::Call(call(u, timestamps)?),
            78..=89 => Op::Timer(u.arbitrary()?),
            _ => Op::Tick,
        })
    }
}

impl Script {
    /// Any bytes are a script; when they are used up it is over.
    pub fn read(data: &[u8]) -> Option<Script> {
        let mut u = Unstructured::new(data);
        let mut setup = Setup::read(&mut u).ok()?;
        let route = usize::from(u.arbitrary::<u8>().ok()?);
        let (goes_to, leaves_by) = match route.checked_sub(128) {
            Some(n) => {
                let (place, parting) = PARTINGS[n % PARTINGS.len()];
                (place, Some(parting))
            }
            None => (PLACES[route % PLACES.len()], None),
        };
        setup.make_possible(goes_to, leaves_by);
        let mut ops = Vec::new();
        while !u.is_empty() && ops.len() < MOST {
            ops.push(Op::read(&mut u, setup.timestamps).ok()?);
        }
        Some(Script {
            setup,
            goes_to,
            leaves_by,
            ops,
        })
    }
}
