//! What is compared: after every step what was sent and said, and from time to time everything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use farewell::State;
use farewell::connection::{Buffers, Indication, Owned, Reno, Saved};
use farewell::stack::{AGES, Counters, Event, Handle, Limit, Refused, Row};
use farewell::timewait;
use farewell::wire::Packet;

use super::ladder::What;
use super::naive::{Ends, Held, Owner, Sent, tuple};
use super::world::{World, ends_of};
use crate::targets::tape;

/// Connections up to which everything is compared after every step.
const FEW: usize = 48;
/// Steps between two comparisons of everything, if there are more.
const SELDOM: usize = 64;

/// Each refusal has its counter.
pub(super) fn count(counters: &mut Counters, why: &Refused) {
    *match why {
        Refused::Packet(_) => &mut counters.malformed,
        Refused::NotOurs => &mut counters.not_ours,
        Refused::BadAddress => &mut counters.bad_address,
        Refused::NoConnection => &mut counters.no_connection,
        Refused::NotSyn => &mut counters.not_syn,
        Refused::Dropped(_) => &mut counters.dropped,
        Refused::Full(Limit::Connections) => &mut counters.syn_connections,
        Refused::Full(Limit::HalfOpen) => &mut counters.syn_half_open,
        Refused::Full(Limit::Backlog) => &mut counters.syn_backlog,
        Refused::Full(_) => &mut counters.syn_memory,
    } += 1;
}

/// A TIME_WAIT that is over and is met before anybody says what time it is counts as the one or the other.
fn merged(c: Counters) -> Counters {
    let ended = c.time_waits.expired + c.time_waits.removed;
    Counters {
        time_waits: timewait::Counters {
            expired: ended,
            removed: 0,
            ..c.time_waits
        },
        ..c
    }
}

impl World<'_> {
    /// Polls both in the order that is documented, and compares.
    pub(super) fn settle(&mut self) {
        self.steps += 1;
        let few = self.naive.ends.len() + self.naive.held.len() <= FEW;
        let everything = few || self.steps.is_multiple_of(SELDOM);
        let sent = self.sent();
        let expected = self.naive.poll(self.now, everything);
        if sent != expected {
            let all: BTreeSet<_> = sent.keys().chain(expected.keys()).collect();
            for ends in all {
                let (a, b) = (sent.get(ends), expected.get(ends));
                assert_eq!(a, b, "sent between {}", tuple(ends));
            }
        }
        self.events();
        assert_eq!(merged(self.stack.counters()), merged(self.naive.counters));
        for ends in std::mem::take(&mut self.naive.touched) {
            let state = self
                .naive
                .ends
                .get(&ends)
                .map_or(State::Closed, |e| e.state);
            let tuple = tuple(&ends);
            assert_eq!(self.stack.state_between(&tuple), state, "{tuple}");
        }
        if everything && !self.naive.ambiguous {
            self.audit();
        }
    }

    /// All that the stack sends.
    fn sent(&mut self) -> BTreeMap<Ends, Vec<Sent>> {
        let mut out: BTreeMap<Ends, Vec<Sent>> = BTreeMap::new();
        let mut buf = [0; 1_600];
        // A buffer for no packet loses nothing.
        let none = self.stack.poll_transmit(self.now, &mut buf[..39]);
        assert!(!matches!(none, Ok(Some(_))), "{none:?}");
        while let Some(sent) = self
            .stack
            .poll_transmit(self.now, &mut buf)
            .expect("room enough")
        {
            tape::both(0, self.now.0, || buf[..sent.len].to_vec());
            let packet = Packet::parse(&buf[..sent.len]).expect("what is sent can be read");
            let ends = ends_of(&sent.tuple);
            let s = packet.segment;
            assert_eq!(packet.addresses, sent.tuple.addresses());
            let state = self
                .naive
                .ends
                .get(&ends)
                .map_or(State::Closed, |e| e.state);
            let what = What::Out(ends, s.header, s.payload.len(), state);
            self.ladder.add(self.now, what);
            out.entry(ends)
                .or_default()
                .push((s.header, s.payload.to_vec()));
        }
        out
    }

    fn events(&mut self) {
        let mut told: BTreeMap<Handle, Vec<Indication>> = BTreeMap::new();
        let mut incoming = Vec::new();
        while let Some(event) = self.stack.poll_event() {
            self.told(event);
            match event {
                Event::Incoming(listener) => incoming.push(listener),
                Event::Connection(handle, i) => told.entry(handle).or_default().push(i),
            }
        }
        let mut expected: BTreeMap<Handle, Vec<Indication>> = BTreeMap::new();
        let naive = &mut self.naive;
        for life in std::mem::take(&mut naive.news) {
            let mut next = || match naive.held.get_mut(&life)? {
                Held::Over(_, c) => c.poll_event(),
                Held::Open(ends) => naive.ends.get_mut(ends)?.tcp.poll_event(),
            };
            while let Some(i) = next() {
                expected.entry(self.handles[&life]).or_default().push(i);
            }
        }
        assert_eq!(told, expected, "what users are told");
        let mut expected = Vec::new();
        for (l, id) in naive.listeners.iter_mut().zip(&self.listeners) {
            if std::mem::take(&mut l.news) && l.open && !l.ready.is_empty() {
                expected.push(*id);
            }
        }
        incoming.sort();
        expected.sort();
        assert_eq!(incoming, expected, "which listeners have something");
    }

    /// Compares everything.
    pub(super) fn audit(&self) {
        let (s, r) = (&self.stack, &self.naive);
        let (mut open, mut orphans) = (0, 0);
        let mut rows = [Row::default(); State::ALL.len()];
        let mut sockets: BTreeSet<SocketAddr> = BTreeSet::new();
        for (ends, e) in &r.ends {
            let tuple = tuple(ends);
            assert_eq!(s.state_between(&tuple), e.state, "{tuple}");
            open += usize::from(e.owner != Owner::Nobody);
            orphans += u32::from(e.owner == Owner::Orphan);
            add(&mut rows[e.state as usize], self.now.since(e.since));
            sockets.extend(with_any(ends.0));
        }
        for l in r.listeners.iter().filter(|l| l.open) {
            rows[State::Listen as usize].count += 1;
            sockets.extend(with_any(l.local));
        }
        assert_eq!(open, r.open, "the reference has miscounted");
        let census = s.census(self.now);
        for state in State::ALL {
            let row = &rows[state as usize];
            assert_eq!(census.row(state), row, "census of {state}");
            assert_eq!(s.count(state) as u64, row.count, "number in {state}");
        }
        let over = |h: &&Held| matches!(h, Held::Over(..));
        let unreleased = r.held.values().filter(over).count() as u32;
        assert_eq!((census.orphans, census.unreleased), (orphans, unreleased));
        assert_eq!(census.sockets, sockets.len(), "local sockets in use");
        assert_eq!(s.len(), r.in_use(), "slots in use");
        let bytes = r.in_use() * (r.buffers[0] + r.buffers[1]);
        assert_eq!(s.provider().used(), bytes, "bytes in buffers");
        if let Some(due) = r.next() {
            assert!(
                s.poll_timeout().is_some_and(|at| at <= due),
                "it would oversleep"
            );
        }
        for life in r.held.keys() {
            self.connection(*life);
        }
    }

    /// A connection that its user has.
    fn connection(&self, life: usize) {
        let (s, handle) = (&self.stack, self.handles[&life]);
        let (c, state, tuple) = self.naive.look_at(life).expect("it is held");
        assert_eq!(s.tuple(handle), Ok(tuple));
        assert_eq!(s.state(handle), Ok(state), "{tuple}");
        assert_eq!(s.readable(handle), Ok(c.readable()), "{tuple}");
        assert_eq!(s.writable(handle), Ok(c.buffers().send_room()), "{tuple}");
        let is = s.connection(handle).expect("it is held");
        same(&is.save(self.now), &c.save(self.now));
    }
}

/// Equal but for what buffers remember of those before.
fn same(a: &Saved<Owned, Reno>, b: &Saved<Owned, Reno>) {
    macro_rules! fields {
        ($($field:ident)*) => {
            // Exhaustive: a new field cannot be forgotten.
            let Saved { buffers: _, $($field: _),* } = a;
            $(assert_eq!(a.$field, b.$field, stringify!($field));)*
        };
    }
    fields!(
        state snd_shift rcv_shift duplicates flags owes events mss rcv_nxt rcv_edge last_ack_sent
        snd_una snd_nxt snd_wnd max_snd_wnd snd_wl1 snd_wl2 ts_recent ts_val timers rto stamped
        timed_at challenge_from timed iss resend recover fin_at probes ahead reset reopened congestion backoff
    );
}

/// One more in a row of the census: below one second, below two, four, and so on.
fn add(row: &mut Row, age: Duration) {
    row.count += 1;
    row.oldest = row.oldest.max(age);
    let below = |class: &usize| age < Duration::from_secs(1 << class);
    let class = (0..AGES - 1).find(below).unwrap_or(AGES - 1);
    row.ages[class] += 1;
}

/// A local socket, and that of all addresses.
fn with_any(local: SocketAddr) -> [SocketAddr; 2] {
    let any = match local.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    [local, SocketAddr::new(any, local.port())]
}
