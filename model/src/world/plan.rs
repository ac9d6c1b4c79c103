//! What a world is made of: two hosts, their applications' scripts, the clock and the network. Data only.

use crate::endpoint::{Endpoint, Flags, TcpState};
use crate::rules::RuleSet;
use crate::seq::Seq;

/// The most lives of one host.
pub const MAX_LIVES: usize = 3;

/// What an application waits for before it opens again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct When {
    /// The peer's TCP has finished the connection before: it is CLOSED or back in LISTEN.
    pub peer_finished: bool,
    /// The peer's TCP is in LISTEN.
    pub peer_listens: bool,
    /// The host's TCP has been CLOSED for longer than a lifetime: the connection's segments have drained.
    pub drained: bool,
    /// With `drained`: who has been in TIME_WAIT does not wait besides.
    pub or_lingered: bool,
}

impl When {
    /// As soon as the own TCP is CLOSED.
    pub const AT_ONCE: When = When {
        peer_finished: false,
        peer_listens: false,
        drained: false,
        or_lingered: false,
    };
    /// When the peer has finished.
    pub const PEER_FINISHED: When = When {
        peer_finished: true,
        ..When::AT_ONCE
    };
    /// When the peer listens.
    pub const PEER_LISTENS: When = When {
        peer_listens: true,
        ..When::AT_ONCE
    };
    /// When what the connection sent has drained from the network.
    pub const DRAINED: When = When {
        drained: true,
        ..When::AT_ONCE
    };
}

/// One step of an application. Steps are taken in order, each at any moment after it becomes possible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Passive OPEN.
    Listen(When),
    /// Active OPEN.
    Connect(When),
    /// OPEN, active, on the connection that listens: from passive to active.
    Activate,
    /// SEND that many bytes in one call.
    Send(u8),
    /// SEND that many bytes and close the sending side, with nothing in between.
    Finish(u8),
    /// RECEIVE that many bytes, as soon as there are as many (for a host that does not read at once).
    Receive(u8),
    /// RECEIVE until the end of the stream (for a host that does not read at once).
    ReceiveAll,
    /// Half close.
    Shutdown,
    /// Full close.
    Close,
    /// ABORT.
    Abort,
    /// Wait until the connection is synchronized.
    AwaitEstablished,
    /// Wait until that many bytes have been read.
    AwaitData(u8),
    /// Wait until the end of the stream has been read.
    AwaitEnd,
}

impl Step {
    /// Bytes that it writes.
    pub fn written(&self) -> u8 {
        match self {
            Step::Send(n) | Step::Finish(n) => *n,
            _ => 0,
        }
    }
}

/// The script of one life.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// Its steps; the first opens.
    pub steps: Vec<Step>,
    /// Offers the timestamp option.
    pub timestamps: bool,
}

/// How a host chooses initial sequence numbers after its first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IsnPolicy {
    /// The clock of MUST-8: that many numbers a tick since the incarnation before began. Fast data outruns it.
    Clock(u8),
    /// The first number above everything used before.
    Above,
    /// The number of the incarnation before.
    Equal,
    /// Any of these distances from the number of the incarnation before.
    Menu(&'static [i8]),
}

impl IsnPolicy {
    /// What a host is left with that has forgotten its numbers: anything, unless it says what.
    pub fn after_a_crash(self) -> IsnPolicy {
        match self {
            IsnPolicy::Menu(_) => self,
            _ => IsnPolicy::Menu(UNSAFE_MENU),
        }
    }

    /// A name to print.
    pub fn name(self) -> String {
        match self {
            IsnPolicy::Clock(n) => format!("clock, {n} a tick"),
            IsnPolicy::Above => "above the previous".into(),
            IsnPolicy::Equal => "equal to the previous".into(),
            IsnPolicy::Menu(m) => format!("any of previous {m:+?}"),
        }
    }
}

/// One host.
#[derive(Clone, Debug)]
pub struct HostPlan<C> {
    /// Its TCP.
    pub tcp: C,
    /// Its applications, one after the other; at most [`MAX_LIVES`].
    pub lives: Vec<Script>,
    /// Reads at once whatever arrives.
    pub reads: bool,
    /// ISN policy.
    pub isn: IsnPolicy,
    /// May ABORT at any moment, in any state, once a life.
    pub aborts: bool,
    /// May crash and forget everything, at any moment, that often.
    pub crashes: u8,
    /// Ticks of quiet time after a crash: it neither receives nor opens.
    pub quiet: u8,
    /// May vanish at any moment: it neither receives nor sends any more.
    pub vanishes: bool,
    /// FIN_WAIT_2 of an orphan is expected to have a timer.
    pub orphan_timer: bool,
    /// The first ISN.
    pub base: Seq,
}

/// How the hosts' clocks run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Clocks {
    /// Both tick at the same moments.
    #[default]
    Together,
    /// They tick in turn, either first, with any events in between: up to a tick apart. A segment's age is counted by its
    /// sender's clock. Not for timestamps, which one host stamps and the other ages.
    InTurn,
}

/// An old segment: numbers are distances from the hosts' first ISNs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stray {
    /// It turns up, once, when its receiver is in this state.
    pub meets: TcpState,
    /// Its sender.
    pub host: u8,
    /// SEG.SEQ.
    pub seq: i8,
    /// SEG.ACK, if it has one.
    pub ack: Option<i8>,
    /// SYN, FIN, RST; ACK goes with `ack`.
    pub flags: Flags,
    /// Bytes of text.
    pub len: u8,
    /// Ticks ago that its timestamp was taken, if it has one.
    pub age: Option<u8>,
}

/// The life that text of a stray is marked with: one that no host lives.
pub const LONG_AGO: u8 = MAX_LIVES as u8 - 1;

/// A whole world.
#[derive(Clone, Debug)]
pub struct Plan<E: Endpoint> {
    /// Host A and host B.
    pub hosts: [HostPlan<E::Config>; 2],
    /// Lifetime of a segment in ticks; deliverable through it.
    pub lifetime: u8,
    /// The clocks.
    pub clocks: Clocks,
    /// Rules that the world itself keeps: quiet time and ISN choice.
    pub rules: RuleSet,
    /// Sends that change no endpoint are added at once, to a fixpoint.
    pub saturated: bool,
    /// Segments of a life long ago that turn up; at most seven.
    pub strays: Vec<Stray>,
    /// Which faults are recorded: bits of [`crate::properties::Fault`].
    pub judged: u32,
}

impl<E: Endpoint> Plan<E> {
    /// Ticks that a host must count to be sure that what anyone sent before them is gone. A segment is deliverable through
    /// age MSL, and the host's first tick may come at once; with clocks in turn its sender's may come a tick later.
    pub fn surely_drained(&self) -> u8 {
        let apart = self.clocks == Clocks::InTurn;
        self.lifetime.saturating_add(1 + u8::from(apart))
    }
}

/// The ISN menu that takes the place of a safe policy when the rule is off.
pub const UNSAFE_MENU: &[i8] = &[-2, -1, 0, 2];
