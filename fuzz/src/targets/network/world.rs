//! Two hosts, the network between them, and the clock: from event to event, until both are CLOSED.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use farewell::seq::SeqNumber;
use farewell::wire::{Addresses, Segment};
use farewell::{Instant, State};
use farewell_pcapng::Heading;

use super::app::Act;
use super::host::Host;
use super::ladder::{Ladder, What};
use super::link::{InFlight, Link};
use super::script::{Opening, Script};
use crate::targets::tape;

/// Events of a run at most: beyond it nothing gets anywhere.
const MOST_EVENTS: u64 = 20_000;
/// A life lasts at most so long.
const LONGEST: Duration = Duration::from_secs(4 * 60 * 60);

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Events of both lives.
    pub events: u64,
    /// The time it took.
    pub micros: u64,
    /// Lives without any mishap.
    pub clean: u32,
    /// Lives.
    pub lives: u32,
    /// A life without mishaps began by reopening a TIME_WAIT.
    pub reopened: bool,
    /// From which state to which an end was seen to go.
    pub transitions: BTreeSet<(State, State)>,
}

/// Everything.
pub(super) struct World<'a> {
    pub(super) script: &'a Script,
    ladder: Ladder,
    /// Of the packets that each host sends.
    pub(super) addresses: [Addresses; 2],
    pub(super) now: Instant,
    pub(super) hosts: [Host; 2],
    pub(super) link: Link,
    pub(super) life: usize,
    began: Instant,
    /// When host 1 connects, too.
    connects: Option<Instant>,
    /// A TIME_WAIT need not take the SYN of this life.
    pub(super) may_be_refused: bool,
    /// Segments of the first life were on their way when the second began. TIME_WAIT guards the end that is in it; at the
    /// other an old SYN or SYN,ACK can still seem to open a connection that a RST then ends.
    pub(super) old_copies: bool,
    /// Text was sent in this step.
    pub(super) sent_text: bool,
    pub(super) outcome: Outcome,
}

impl<'a> World<'a> {
    pub(super) fn new(script: &'a Script, ladder: &Ladder) -> Self {
        let there = if script.v6 {
            Addresses::V6 {
                src: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
                dst: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
            }
        } else {
            Addresses::V4 {
                src: Ipv4Addr::new(192, 0, 2, 1),
                dst: Ipv4Addr::new(198, 51, 100, 7),
            }
        };
        let latency = Duration::from_millis(script.latency.into());
        World {
            script,
            ladder: ladder.clone(),
            addresses: [there, there.reversed()],
            now: Instant::default(),
            hosts: [0, 1].map(|n| Host::new(n, &script.hosts[n])),
            link: Link::new(latency, script.fates.clone()),
            life: 0,
            began: Instant::default(),
            connects: None,
            may_be_refused: false,
            old_copies: false,
            sent_text: false,
            outcome: Outcome::default(),
        }
    }

    /// From the first SYN to the end.
    pub(super) fn run(mut self) -> Outcome {
        self.begin(0);
        loop {
            self.outcome.events += 1;
            assert!(
                self.outcome.events < MOST_EVENTS,
                "a livelock: no end after {MOST_EVENTS} events"
            );
            if self.life_is_over() {
                if self.life == 0 && self.script.second_life {
                    if self.may_live_again() {
                        self.judge();
                        self.begin(1);
                    }
                } else if self.all_is_quiet() {
                    self.judge();
                    self.outcome.micros = self.now.0;
                    return self.outcome;
                }
            }
            self.step();
            let took = self.now.since(self.began);
            assert!(took < LONGEST, "no end after {took:?}");
        }
    }

    fn states(&self) -> [State; 2] {
        [0, 1].map(|n: usize| self.hosts[n].tcp.state())
    }

    pub(super) fn note(&self, what: What) {
        self.ladder.add(self.now, self.states(), what);
    }

    /// Whoever connects in this life.
    fn client(&self) -> usize {
        usize::from(self.life == 1 && self.script.swapped)
    }

    fn begin(&mut self, life: usize) {
        self.life = life;
        self.began = self.now;
        self.outcome.lives += 1;
        self.note(What::Note(["the first life", "the second life"][life]));
        let (client, opening) = match life {
            0 => (0, self.script.opening),
            _ => (self.client(), Opening::Passive),
        };
        for n in 0..2 {
            let connects = n == client || matches!(opening, Opening::Simultaneous(_));
            self.hosts[n].live(life, self.now, connects);
        }
        self.may_be_refused = self.refuses_syn(client);
        self.old_copies = self.link.next().is_some();
        if let Opening::Simultaneous(millis) | Opening::FromListen(millis) = opening {
            self.connects = Some(self.now + Duration::from_millis(millis.into()));
        }
        self.settle(1 - client);
        self.hosts[client].connect(self.now);
        self.settle(client);
    }

    /// Whether the server is in a TIME_WAIT that the SYN need not reopen: neither newer nor higher.
    fn refuses_syn(&self, client: usize) -> bool {
        let (c, s) = (&self.hosts[client].plan, &self.hosts[1 - client]);
        let Some(record) = s.time_wait() else {
            return false;
        };
        let newer = c.timestamps && s.plan.timestamps; // the SYN that is repeated, at the latest
        let higher = SeqNumber(c.isn[self.life]).distance(record.rcv_nxt) >= 0;
        !s.plan.reopen || !(newer || higher)
    }

    fn life_is_over(&self) -> bool {
        self.connects.is_none() && self.hosts.iter().all(Host::is_done)
    }

    fn all_is_quiet(&self) -> bool {
        self.states() == [State::Closed; 2] && self.link.next().is_none()
    }

    /// A second life may begin: the client is CLOSED, and old segments are no danger, for the new numbers are above theirs
    /// and TIME_WAIT stands guard; or there are none.
    fn may_live_again(&self) -> bool {
        let client = &self.hosts[usize::from(self.script.swapped)];
        let server = &self.hosts[1 - client.number];
        if client.tcp.state() != State::Closed {
            return false;
        }
        let quiet = self.link.next().is_none();
        if server.tcp.state() == State::Closed {
            return quiet;
        }
        let clean = self.hosts.iter().all(|h| h.mishaps.is_empty());
        let isn = SeqNumber(client.plan.isn[1]);
        let higher = server
            .time_wait()
            .is_some_and(|r| isn.distance(r.rcv_nxt) >= 0);
        clean && (quiet || higher)
    }

    /// The next event.
    fn step(&mut self) {
        enum Event {
            Arrival,
            Time(usize),
            Connect,
            Act(usize, Act),
        }
        let mut next = self.link.next().map(|at| (at, Event::Arrival));
        let mut consider = |at: Option<Instant>, event: Event| {
            if let Some(at) = at
                && next.as_ref().is_none_or(|(first, _)| at < *first)
            {
                next = Some((at, event));
            }
        };
        for h in &self.hosts {
            consider(h.tcp.poll_timeout(), Event::Time(h.number));
        }
        consider(self.connects, Event::Connect);
        for h in &self.hosts {
            if let Some((at, act)) = h.app.next() {
                consider(Some(at), Event::Act(h.number, act));
            }
        }
        let Some((at, event)) = next else {
            return self.release();
        };
        self.now = self.now.max(at);
        match event {
            Event::Arrival => self.arrive(),
            Event::Time(n) => {
                self.sent_text = false;
                // A deadline in the past is no wait: what was refused goes out again as soon as there is news.
                let waited = self.hosts[n].tcp.poll_timeout() >= Some(self.now);
                self.hosts[n].time(self.now);
                self.settle(n);
                if self.sent_text && waited {
                    self.had_to_wait(n);
                }
            }
            Event::Connect => {
                self.connects = None;
                let h = &mut self.hosts[1];
                // Something came before, or its user has gone.
                if !h.open && !h.app.over {
                    h.connect(self.now);
                }
                self.settle(1);
            }
            Event::Act(n, act) => {
                self.act(n, act);
                self.settle(n);
            }
        }
    }

    /// Text was sent because a timer expired.
    ///
    /// On a network that is fair, and quicker than the timer, only a window that is closed or too small is a reason to wait
    /// for one; and the peer has told what room it has.
    fn had_to_wait(&self, n: usize) {
        let quick = self.script.latency < 400;
        if !quick || self.link.harmed + self.link.repeated > 0 {
            return;
        }
        let (h, peer) = (&self.hosts[n], &self.hosts[1 - n]);
        let (Some(c), Some(p)) = (h.tcp.connection(), peer.tcp.connection()) else {
            return;
        };
        let offered = c.snd_wnd();
        let mss = u32::from(h.plan.mss.min(peer.plan.mss));
        assert!(
            offered < mss,
            "host {n} waits for a timer, and a window of {offered} is open"
        );
        let least = (peer.plan.receive / 2).min(2 * u32::from(peer.plan.mss));
        let room = p.rcv_wnd();
        assert!(
            self.link.carries_any_of(1 - n) || room < offered + least.max(1) + 16,
            "host {n} waits for a timer at a window of {offered}: nobody told it that there is room for {room}"
        );
    }

    /// Nothing happens any more. Where one end has gone the other may wait for ever, and its user loses patience.
    fn release(&mut self) {
        let excused = self.hosts.iter().any(|h| !h.mishaps.is_empty());
        assert!(
            excused,
            "a hang: nothing is going to happen, in {:?}",
            self.states()
        );
        self.note(What::Note("nothing more will happen"));
        for n in 0..2 {
            if self.hosts[n].app.over && self.hosts[n].tcp.state() == State::Closed {
                continue;
            }
            self.act(n, Act::Abort);
            self.settle(n);
        }
    }

    fn arrive(&mut self) {
        let Some(InFlight {
            sketch,
            bytes,
            corrupted,
        }) = self.link.take()
        else {
            return;
        };
        let to = 1 - sketch.from;
        tape::packet(to, Heading::In, self.now.0, || {
            tape::in_ip(&self.addresses[sketch.from], &bytes)
        });
        let read = Segment::parse(&self.addresses[sketch.from], &bytes);
        if corrupted {
            assert!(read.is_err(), "one bit is wrong, and nobody notices");
            return self.note(What::Segment(sketch, "  !! corrupted"));
        }
        let segment = read.expect("what was sent can be read");
        self.hosts[to].arrives(self.now, &segment);
        self.note(What::Segment(sketch, ""));
        self.settle(to);
    }

    /// A life is over. If nothing stood in its way it was as it should be.
    fn judge(&mut self) {
        if self.hosts.iter().any(|h| !h.mishaps.is_empty()) {
            return;
        }
        self.outcome.clean += 1;
        for (h, peer) in
            [(0, 1), (1, 0)].map(|(h, p): (usize, usize)| (&self.hosts[h], &self.hosts[p]))
        {
            let (n, a) = (h.number, &h.app);
            assert_eq!(
                a.written, a.plan.total,
                "host {n} has written, wanted to write"
            );
            assert_eq!(
                a.read, peer.app.plan.total,
                "host {n} has read, the peer has written"
            );
            assert_eq!(
                (a.connected, a.closed),
                (1, 1),
                "host {n} was told Connected, Closed"
            );
            assert!(a.end || a.orphaned, "host {n} has not seen the end");
            assert!(h.got_fin, "host {n} has not got the FIN");
        }
        self.outcome.reopened |= self.hosts.iter().any(|h| h.above.is_some());
    }
}
