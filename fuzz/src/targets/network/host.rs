//! One end: the engine, its application, and what is to be true of both.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use farewell::config::KeepAlive;
use farewell::connection::{Begin, Dropped, Indication, Owned, Reno};
use farewell::endpoint::{Opening, Phase};
use farewell::seq::SeqNumber;
use farewell::timewait::{TimeWait, TimeWaitFlags};
use farewell::wire::Segment;
use farewell::{Config, Endpoint, Instant, State};

use super::app::App;
use super::script::{AppPlan, HostPlan};

/// What can go wrong in a life without anyone being to blame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mishap {
    /// Its user aborted, or closed before there was a connection.
    Left,
    /// Its user closed, and text was unread or came later (SHLD-3).
    LeftUnread,
    /// Nothing was acknowledged for too long.
    GaveUp,
    /// Nobody would have read, and the peer did not finish in time.
    LeftFinWait2,
    /// A segment came when it was not open yet.
    NobodyHome,
    /// It was told "reset" or "refused".
    Reset,
}

/// One end.
pub(super) struct Host {
    pub(super) number: usize,
    pub(super) plan: HostPlan,
    pub(super) config: Config,
    pub(super) tcp: Endpoint<Owned, Reno>,
    pub(super) life: usize,
    pub(super) app: App,
    /// It takes connections.
    pub(super) listens: bool,
    /// The connection of this life has begun.
    pub(super) open: bool,
    /// It began by reopening a TIME_WAIT that had used the numbers below this.
    pub(super) above: Option<SeqNumber>,
    /// The connection has received the peer's FIN.
    pub(super) got_fin: bool,
    /// Bytes that the connection has received in order.
    pub(super) received: u32,
    /// ISS of the connection that sent last.
    pub(super) iss: SeqNumber,
    pub(super) mishaps: Vec<Mishap>,
    seen_in: State,
}

impl Host {
    pub(super) fn new(number: usize, plan: &HostPlan) -> Self {
        let config = Config {
            delayed_ack: plan.delayed_ack.then_some(Duration::from_millis(40)),
            nagle: plan.nagle,
            mss: plan.mss,
            timestamps: plan.timestamps,
            window_scaling: plan.window_scaling,
            reopen: plan.reopen,
            keep_alive: plan.keep_alive.then_some(KeepAlive {
                idle: Duration::from_secs(10),
                probes: Some(2),
            }),
            ..Config::default()
        };
        Host {
            number,
            plan: plan.clone(),
            config: config.validated().expect("settings that make sense"),
            tcp: Endpoint::default(),
            life: 0,
            app: App::new(plan.apps[0], Instant::default()),
            listens: false,
            open: false,
            above: None,
            got_fin: false,
            received: 0,
            iss: SeqNumber(plan.isn[0]),
            mishaps: Vec::new(),
            seen_in: State::Closed,
        }
    }

    /// A life begins.
    pub(super) fn live(&mut self, life: usize, now: Instant, connects: bool) {
        let plan: AppPlan = self.plan.apps[life];
        self.life = life;
        self.app = App::new(plan, now);
        self.listens = !connects;
        self.open = false;
        self.above = None;
        self.got_fin = false;
        self.received = 0;
        self.mishaps.clear();
    }

    fn opening(&self) -> Opening<Owned, Reno> {
        let begin = Begin {
            iss: SeqNumber(self.plan.isn[self.life]),
            ts_offset: self.plan.ts_offset,
            timestamps: self.plan.timestamps,
        };
        let buffers = Owned::new(self.plan.send as usize, self.plan.receive as usize);
        (begin, buffers, Reno::default())
    }

    /// An active OPEN.
    pub(super) fn connect(&mut self, now: Instant) {
        let opening = self.opening();
        let connected = self.tcp.connect(&self.config, now, opening);
        assert_eq!(connected, Ok(()), "host {} connects", self.number);
        self.open = true;
        self.listens = false;
        self.app.early = self.plan.early;
    }

    /// Its user goes before there is a connection in this life. A TIME_WAIT of the last one is not the user's any more.
    pub(super) fn leave(&mut self) {
        self.listens = false;
        self.app.over = true;
        self.mishaps.push(Mishap::Left);
        if self.tcp.state() == State::Listen {
            let closed = self.tcp.close(&self.config, Instant::default());
            assert_eq!(closed, Ok(()), "a listener can be closed");
        }
    }

    /// A segment arrives.
    pub(super) fn arrives(&mut self, now: Instant, s: &Segment<'_>) {
        if self.tcp.state() == State::Closed && !self.open && !self.app.over {
            self.mishaps.push(Mishap::NobodyHome);
        }
        let old = self.time_wait().map(|record| record.snd_nxt);
        let opening = self.opening();
        let begun = Cell::new(false);
        let listens = self.listens;
        let open = || {
            begun.set(listens);
            listens.then_some(opening)
        };
        // Why a segment is dropped is for counters; what follows from it shows.
        let _: Result<(), Dropped> = self.tcp.handle_segment(&self.config, now, s, open);
        if begun.get() {
            self.open = true;
            self.above = old;
        }
    }

    /// Time has come.
    pub(super) fn time(&mut self, now: Instant) {
        let before = self.tcp.state();
        self.tcp.handle_timeout(&self.config, now);
        if before == State::FinWait2 && self.tcp.state() == State::Closed {
            // Unless the peer answers no keep-alive, of which its user is told.
            let told = self.tcp.connection().is_some_and(|c| c.has_event());
            assert!(
                self.app.orphaned || (self.plan.keep_alive && told),
                "FIN_WAIT_2 ends although somebody reads"
            );
            self.mishaps.push(Mishap::LeftFinWait2);
        }
        if before == State::SynReceived && self.tcp.state() == State::TimeWait {
            self.mishaps.push(Mishap::GaveUp); // back to the TIME_WAIT that it had reopened, and nobody is told
        }
        let next = self.tcp.poll_timeout();
        assert!(
            next.is_none_or(|at| at > now),
            "the timer fires again at the same moment"
        );
    }

    /// To be called after every step: what is seen of the connection from outside.
    pub(super) fn look(&mut self, transitions: &mut BTreeSet<(State, State)>) {
        let state = self.tcp.state();
        if state != self.seen_in {
            transitions.insert((self.seen_in, state));
            self.seen_in = state;
        }
        if let Phase::TimeWait(record, _) = self.tcp.phase() {
            let aborted = record.flags.has(TimeWaitFlags::ABORTED);
            if aborted && !self.has(Mishap::Left) && !self.has(Mishap::LeftUnread) {
                assert!(self.app.orphaned, "an abort that nobody asked for");
                self.mishaps.push(Mishap::LeftUnread);
                self.app.over = true;
            }
        }
        let waits = matches!(self.tcp.phase(), Phase::Listen { .. } | Phase::TimeWait(..));
        if waits && self.app.connected == 0 {
            self.open = false; // back to where it came from
        }
        if self.open
            && let Some(c) = self.tcp.connection()
        {
            self.got_fin |= c.fin_received();
            self.received = self.received.max(self.app.read + c.readable());
        }
    }

    /// Its user is told something; `peer` is the other end.
    pub(super) fn told(&mut self, i: Indication, peer: &Host) {
        self.app.hears(i);
        match i {
            Indication::Closed => {
                assert!(self.app.finished, "closed, and nobody called CLOSE");
                assert!(
                    peer.got_fin,
                    "our FIN is acknowledged, and the peer has not got it"
                );
                let (got, sent) = (peer.received, self.app.written);
                assert_eq!(
                    got, sent,
                    "all is acknowledged; the peer has got, we have sent"
                );
            }
            Indication::GaveUp | Indication::UserTimeout => self.mishaps.push(Mishap::GaveUp),
            Indication::Reset | Indication::Refused => {
                self.app.over = true;
                self.mishaps.push(Mishap::Reset);
            }
            Indication::Connected | Indication::Readable | Indication::Writable => {}
        }
    }

    pub(super) fn has(&self, m: Mishap) -> bool {
        self.mishaps.contains(&m)
    }

    /// The record of its TIME_WAIT.
    pub(super) fn time_wait(&self) -> Option<&TimeWait> {
        match self.tcp.phase() {
            Phase::TimeWait(record, _) => Some(record),
            _ => None,
        }
    }

    /// It is done with this life: its user, and the protocol but for TIME_WAIT.
    pub(super) fn is_done(&self) -> bool {
        self.app.over && matches!(self.tcp.state(), State::Closed | State::TimeWait)
    }
}
