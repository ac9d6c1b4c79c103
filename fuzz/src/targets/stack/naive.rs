//! The reference: an [`Endpoint`] for each pair of sockets, in a map, and a list of listeners.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use farewell::connection::{Begin, Connection, Owned, Reno};
use farewell::endpoint::{Opening, Phase};
use farewell::isn::IsnSource;
use farewell::stack::{Counters, Limit, Limits, Refused};
use farewell::timewait::TimeWaitFlags;
use farewell::tuple::Tuple;
use farewell::wire::{Header, Segment};
use farewell::{Config, Endpoint, Instant, State};

/// This host's end, the peer's end.
pub(super) type Ends = (SocketAddr, SocketAddr);
/// A segment that is sent: its header and its text.
pub(super) type Sent = (Header, Vec<u8>);
type Tcp = Endpoint<Owned, Reno>;
pub(super) type Conn = Connection<Owned, Reno>;

/// Whose a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    User,
    Embryo(usize),
    Ready(usize),
    Orphan,
    /// A TIME_WAIT is nobody's.
    Nobody,
}

/// What is between two ends.
pub(super) struct End {
    pub(super) tcp: Tcp,
    pub(super) owner: Owner,
    /// Which connection it is, of all that ever were; in TIME_WAIT, which it was.
    pub(super) life: usize,
    /// Whose TIME_WAIT it reopened.
    pub(super) reopened: Option<usize>,
    pub(super) state: State,
    pub(super) since: Instant,
}

/// What a user has.
pub(super) enum Held {
    /// A connection between these ends.
    Open(Ends),
    /// What is left of one.
    Over(Ends, Box<Conn>),
}

/// A listener.
pub(super) struct Listener {
    pub(super) local: SocketAddr,
    pub(super) backlog: u32,
    pub(super) open: bool,
    pub(super) embryos: Vec<Ends>,
    pub(super) ready: Vec<Ends>,
    pub(super) news: bool,
}

/// One host's TCP, with loops.
pub(super) struct Naive {
    pub(super) config: Config,
    pub(super) limits: Limits,
    pub(super) isn: IsnSource,
    pub(super) buffers: [usize; 2],
    /// Connections for which there are buffers.
    pub(super) memory: usize,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ends: BTreeMap<Ends, End>,
    pub(super) listeners: Vec<Listener>,
    pub(super) held: BTreeMap<usize, Held>,
    pub(super) orphans: Vec<Ends>,
    pub(super) lives: usize,
    /// Answers since the last poll, and how many.
    pub(super) answers: Vec<(Ends, Sent)>,
    pub(super) counters: Counters,
    /// Whom something has happened to since the last poll.
    pub(super) touched: BTreeSet<Ends>,
    /// Lives of users that something has happened to since.
    pub(super) news: BTreeSet<usize>,
    /// Connections in the map that are not in TIME_WAIT, and those that are, by family.
    pub(super) open: usize,
    pub(super) waiting: [usize; 2],
    /// Who came first has decided something, and which that is nobody says.
    pub(super) ambiguous: bool,
}

pub(super) fn tuple(ends: &Ends) -> Tuple {
    Tuple::new(ends.0, ends.1).expect("both of one family")
}

pub(super) fn family(ends: &Ends) -> usize {
    usize::from(ends.0.is_ipv6())
}

/// IPv6 leaves 20 bytes less of a packet for a segment, which is not made smaller than 48 for that.
pub(super) fn config_of(config: &Config, ends: &Ends) -> Config {
    let shorter = config.mss.saturating_sub(20).max(48).min(config.mss);
    let mss = [config.mss, shorter][family(ends)];
    Config { mss, ..*config }
}

/// Neither end of a connection.
pub(super) fn is_nobody(at: &SocketAddr) -> bool {
    let ip = at.ip();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    ip.is_unspecified() || ip.is_multicast() || broadcast
}

impl Naive {
    pub(super) fn is_ours(&self, ip: IpAddr) -> bool {
        self.addresses.is_empty() || self.addresses.contains(&ip)
    }

    /// Who listens for segments to this socket: exactly there goes before all addresses.
    pub(super) fn listener_for(&self, local: SocketAddr) -> Option<usize> {
        let of = |exact: bool| {
            self.listeners.iter().position(|l| {
                let there = match exact {
                    true => l.local.ip() == local.ip(),
                    false => l.local.ip().is_unspecified(),
                };
                l.open
                    && l.local.is_ipv4() == local.is_ipv4()
                    && l.local.port() == local.port()
                    && there
            })
        };
        of(true).or_else(|| of(false))
    }

    /// Slots and buffers in use: what is open, and what users have not released.
    pub(super) fn in_use(&self) -> usize {
        let over = |h: &&Held| matches!(h, Held::Over(..));
        self.open + self.held.values().filter(over).count()
    }

    /// Which limit a new connection meets.
    pub(super) fn room(&self) -> Result<(), Limit> {
        let used = self.in_use();
        if used >= self.limits.connections as usize {
            Err(Limit::Connections)
        } else if used >= self.memory {
            Err(Limit::Memory)
        } else {
            Ok(())
        }
    }

    /// Which limit a SYN meets.
    fn room_at(&self, listener: usize) -> Result<(), Limit> {
        let l = &self.listeners[listener];
        let half_open: usize = self.listeners.iter().map(|l| l.embryos.len()).sum();
        if l.embryos.len() + l.ready.len() >= l.backlog as usize {
            Err(Limit::Backlog)
        } else if half_open >= self.limits.half_open as usize {
            Err(Limit::HalfOpen)
        } else {
            self.room()
        }
    }

    pub(super) fn opening(&self, ends: &Ends, now: Instant) -> Opening<Owned, Reno> {
        let tuple = tuple(ends);
        let begin = Begin {
            iss: self.isn.isn(&tuple, now),
            ts_offset: self.isn.ts_offset(&tuple),
            timestamps: self.config.timestamps,
        };
        let [send, receive] = self.buffers;
        (begin, Owned::new(send, receive), Reno::default())
    }

    /// A TIME_WAIT that is over makes room, even if nobody has said yet what time it is.
    pub(super) fn forget_if_over(&mut self, ends: &Ends, now: Instant) {
        if let Some(e) = self.ends.get(ends)
            && let Phase::TimeWait(_, until) = e.tcp.phase()
            && *until <= now
        {
            self.leave_time_wait(ends);
        }
    }

    /// It ends before its time.
    pub(super) fn leave_time_wait(&mut self, ends: &Ends) {
        self.ends.remove(ends);
        self.waiting[family(ends)] -= 1;
        self.counters.time_waits.removed += 1;
    }

    /// A segment arrives between these ends.
    pub(super) fn arrives(
        &mut self,
        now: Instant,
        ends: Ends,
        s: &Segment<'_>,
    ) -> Result<(), Refused> {
        if let Some(e) = self.ends.get_mut(&ends)
            && e.owner != Owner::Nobody
        {
            let nobody = || unreachable!("it is open");
            let taken = e
                .tcp
                .handle_segment(&config_of(&self.config, &ends), now, s, nobody);
            self.look(&ends, now);
            return taken.map_err(Refused::Dropped);
        }
        let bad_port = ends.0.port() == 0 || ends.1.port() == 0;
        if bad_port || is_nobody(&ends.0) || is_nobody(&ends.1) {
            return Err(Refused::BadAddress);
        }
        if !self.is_ours(ends.0.ip()) {
            return Err(Refused::NotOurs);
        }
        self.forget_if_over(&ends, now);
        let listener = self.listener_for(ends.0);
        let room = listener.map(|l| self.room_at(l));
        let opening = self.opening(&ends, now);
        let before = self.ends.remove(&ends);
        let mut tcp = Tcp::default();
        let (mut old, mut until) = (None, Instant::NEVER);
        match before.as_ref().map(|e| (e, e.tcp.phase())) {
            Some((e, Phase::TimeWait(record, at))) => {
                // Never: so that it tells if it is restarted.
                tcp = Tcp::from_parts(Phase::TimeWait(*record, Instant::NEVER), None);
                (old, until) = (Some(e.life), *at);
            }
            _ if listener.is_some() => tcp.listen(self.config.timestamps).expect("it is closed"),
            _ => {}
        }
        let mut met = None;
        // In TIME_WAIT no answer means that nobody listens; at a limit the SYN is dropped instead.
        let open = || match room {
            Some(Ok(())) => Some(opening),
            Some(Err(limit)) => {
                met = Some(limit);
                None
            }
            None => None,
        };
        let taken = tcp.handle_segment(&config_of(&self.config, &ends), now, s, open);
        assert_eq!(
            taken,
            Ok(()),
            "without a connection there is none to drop it"
        );
        if let Some(limit) = met {
            if let Some(before) = before {
                self.ends.insert(ends, before);
            }
            return Err(Refused::Full(limit));
        }
        if *tcp.phase() == Phase::Open {
            self.begin(now, ends, tcp, old, listener.expect("somebody listens"));
            return Ok(());
        }
        let reply = tcp.poll_transmit(&config_of(&self.config, &ends), now);
        if let Some(out) = &reply {
            self.answer(&ends, out.header);
        }
        if let Some(mut e) = before {
            let (mut phase, _) = tcp.into_parts();
            if let Phase::TimeWait(_, at) = &mut phase {
                if *at == Instant::NEVER {
                    *at = until;
                } else {
                    e.since = now;
                    self.counters.time_waits.restarted += 1;
                }
            }
            e.tcp = Tcp::from_parts(phase, None);
            self.ends.insert(ends, e);
            return Ok(());
        }
        match (listener, reply) {
            (Some(_), None) => Err(Refused::NotSyn),
            _ => Err(Refused::NoConnection),
        }
    }

    fn begin(&mut self, now: Instant, ends: Ends, tcp: Tcp, old: Option<usize>, listener: usize) {
        if old.is_some() {
            self.counters.time_waits.removed += 1;
            self.waiting[family(&ends)] -= 1;
            self.counters.reopened += 1;
        }
        self.counters.passive += 1;
        self.listeners[listener].embryos.push(ends);
        self.install(now, ends, tcp, Owner::Embryo(listener), old);
    }

    /// A connection has begun; says which.
    pub(super) fn install(
        &mut self,
        now: Instant,
        ends: Ends,
        tcp: Tcp,
        owner: Owner,
        reopened: Option<usize>,
    ) -> usize {
        let life = self.lives;
        self.lives += 1;
        self.open += 1;
        let e = End {
            state: tcp.state(),
            since: now,
            tcp,
            owner,
            life,
            reopened,
        };
        self.ends.insert(ends, e);
        self.look(&ends, now);
        life
    }

    /// Something happened to a connection: whatever follows from its state.
    pub(super) fn look(&mut self, ends: &Ends, now: Instant) {
        self.touched.insert(*ends);
        let Some(e) = self.ends.get_mut(ends) else {
            return;
        };
        self.news.insert(e.life);
        let Some(state) = e.tcp.connection().map(Conn::state) else {
            return;
        };
        let before = e.state;
        if state == before {
            return;
        }
        (e.state, e.since) = (state, now);
        if matches!(state, State::Closed | State::TimeWait | State::Listen) {
            return self.leave(ends, before, now);
        }
        if let Owner::Embryo(at) = e.owner
            && state != State::SynReceived
        {
            e.owner = Owner::Ready(at);
            let l = &mut self.listeners[at];
            l.embryos.retain(|x| x != ends);
            l.ready.push(*ends);
            l.news = true;
        }
    }

    /// A connection has left its protocol behind.
    fn leave(&mut self, ends: &Ends, before: State, now: Instant) {
        let Some(mut e) = self.ends.remove(ends) else {
            return;
        };
        self.open -= 1;
        let config = config_of(&self.config, ends);
        while let Some(out) = e.tcp.poll_transmit(&config, now) {
            assert_eq!(out.len, 0, "text from a connection that is over");
            self.answer(ends, out.header);
        }
        let (phase, connection) = e.tcp.into_parts();
        match e.owner {
            Owner::User => {
                let c = connection.expect("a user's connection is kept");
                self.held.insert(e.life, Held::Over(*ends, Box::new(c)));
            }
            Owner::Embryo(at) => {
                self.counters.embryos_lost += 1;
                self.listeners[at].embryos.retain(|x| x != ends);
            }
            Owner::Ready(at) => {
                self.counters.unaccepted_lost += 1;
                self.listeners[at].ready.retain(|x| x != ends);
            }
            Owner::Orphan => self.orphans.retain(|x| x != ends),
            Owner::Nobody => unreachable!("TIME_WAIT has no connection"),
        }
        let Phase::TimeWait(record, _) = phase else {
            return;
        };
        let limits = &self.limits.time_waits;
        let most = [limits.v4, limits.v6][family(ends)];
        if self.waiting[family(ends)] >= most as usize {
            self.counters.time_waits.refused += 1;
            return;
        }
        self.waiting[family(ends)] += 1;
        self.counters.time_waits.entered += 1;
        // An old SYN had reopened it: it goes back, and is again whose it was.
        let back = before == State::SynReceived && !record.flags.has(TimeWaitFlags::ABORTED);
        let e = End {
            tcp: Endpoint::from_parts(phase, None),
            owner: Owner::Nobody,
            life: e.reopened.filter(|_| back).unwrap_or(e.life),
            reopened: None,
            state: State::TimeWait,
            since: now,
        };
        self.ends.insert(*ends, e);
    }

    /// A segment without a connection is to be sent.
    fn answer(&mut self, ends: &Ends, header: Header) {
        self.touched.insert(*ends);
        if self.answers.len() >= self.limits.replies as usize {
            self.counters.replies_dropped += 1;
        } else {
            self.answers
                .push((*ends, (with_ports(header, ends), Vec::new())));
        }
    }

    /// Time has come to `now`.
    pub(super) fn time(&mut self, now: Instant) {
        let due: Vec<Ends> = self
            .ends
            .iter()
            .filter(|(_, e)| e.tcp.poll_timeout().is_some_and(|at| at <= now))
            .map(|(ends, _)| *ends)
            .collect();
        let contended = |n: &Naive| n.counters.replies_dropped + n.counters.time_waits.refused;
        let before = contended(self);
        let open =
            |n: &Naive, ends: &Ends| n.ends.get(ends).is_some_and(|e| e.owner != Owner::Nobody);
        // TIME_WAITs end after timers have made more of them.
        for ends in &due {
            if open(self, ends) {
                if let Some(e) = self.ends.get_mut(ends) {
                    e.tcp.handle_timeout(&config_of(&self.config, ends), now);
                }
                self.look(ends, now);
            }
        }
        self.ambiguous |= contended(self) != before && due.len() > 1;
        let over = |e: &End| matches!(e.tcp.phase(), Phase::TimeWait(_, until) if *until <= now);
        let over: Vec<Ends> = self
            .ends
            .iter()
            .filter(|(_, e)| over(e))
            .map(|(k, _)| *k)
            .collect();
        for ends in over {
            self.ends.remove(&ends);
            self.waiting[family(&ends)] -= 1;
            self.counters.time_waits.expired += 1;
            self.touched.insert(ends);
        }
    }

    /// When something is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.ends
            .values()
            .filter_map(|e| e.tcp.poll_timeout())
            .min()
    }

    /// All that is to be sent, by ends: of those that were touched, or of all.
    pub(super) fn poll(&mut self, now: Instant, all: bool) -> BTreeMap<Ends, Vec<Sent>> {
        let mut out: BTreeMap<Ends, Vec<Sent>> = BTreeMap::new();
        for (ends, sent) in std::mem::take(&mut self.answers) {
            out.entry(ends).or_default().push(sent);
        }
        let asked: Vec<Ends> = match all {
            true => self.ends.keys().copied().collect(),
            false => self.touched.iter().copied().collect(),
        };
        for ends in asked {
            let Some(e) = self
                .ends
                .get_mut(&ends)
                .filter(|e| e.owner != Owner::Nobody)
            else {
                continue;
            };
            while let Some(sent) = e.tcp.poll_transmit(&config_of(&self.config, &ends), now) {
                let (head, tail) = e.tcp.text(&sent);
                let text = [head, tail].concat();
                let header = with_ports(sent.header, &ends);
                out.entry(ends).or_default().push((header, text));
            }
            self.look(&ends, now);
        }
        self.counters.packets_out += out.values().map(|s| s.len() as u64).sum::<u64>();
        out
    }
}

fn with_ports(header: Header, ends: &Ends) -> Header {
    Header {
        src_port: ends.0.port(),
        dst_port: ends.1.port(),
        ..header
    }
}
