//! The stack and the reference side by side: every step is done to both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use farewell::config::KeepAlive;
use farewell::isn::IsnSource;
use farewell::stack::{
    BindError, Counters, Event, Handle, Heap, Limits, ListenerId, Reuse, Secrets,
};
use farewell::tuple::Tuple;
use farewell::wire::{Packet, Segment};
use farewell::{Config, Instant, Stack, State, timewait};

use super::ladder::{Ladder, What};
use super::naive::{Ends, Held, Naive, Owner};
use super::script::{Family, Op, Script, Shot, all, setting};
use super::shots;
use crate::targets::tape;

/// Both, and what connects them.
pub(super) struct World<'a> {
    pub(super) script: &'a Script,
    pub(super) ladder: &'a Ladder,
    pub(super) stack: Stack<Heap>,
    pub(super) naive: Naive,
    pub(super) now: Instant,
    /// Handles of users, stale ones too, and which connections they are in the reference.
    pub(super) users: Vec<(Handle, usize)>,
    pub(super) handles: BTreeMap<usize, Handle>,
    pub(super) listeners: Vec<ListenerId>,
    recent: Vec<Vec<u8>>,
    crowd: usize,
    pub(super) steps: usize,
}

fn limits(script: &Script) -> (Limits, usize) {
    let [connections, half_open, time_waits, orphans, replies, memory] =
        script.limits.map(u32::from);
    let waits = |v4, v6| timewait::Limits { v4, v6 };
    match script.family {
        Family::Tiny => {
            let limits = Limits {
                connections,
                half_open,
                backlog: 4,
                time_waits: waits(time_waits, time_waits / 2),
                orphans,
                replies,
                listeners: 2,
                addresses: 3,
                ephemeral: (79, 82),
            };
            (limits, memory as usize)
        }
        Family::Roomy | Family::Crowd => {
            let limits = Limits {
                half_open: 4_000,
                orphans: 4_000,
                listeners: 1_000,
                replies: 4_000,
                backlog: 8_000,
                ephemeral: (78, 88),
                ..Limits::for_connections(5_000)
            };
            (limits, 5_000)
        }
    }
}

fn config(script: &Script) -> Config {
    let on = |bit| script.settings & bit != 0;
    Config {
        time_wait: Duration::from_millis(script.time_wait.into()),
        timestamps: !on(setting::NO_TIMESTAMPS),
        window_scaling: !on(setting::NO_SCALING),
        delayed_ack: (!on(setting::ACK_AT_ONCE)).then_some(Duration::from_millis(40)),
        nagle: !on(setting::NO_NAGLE),
        reopen: !on(setting::NO_REOPEN),
        abort_lingers: !on(setting::NO_LINGER),
        user_timeout: on(setting::IMPATIENT).then_some(Duration::from_secs(7)),
        avoid_silly_windows: !on(setting::SILLY_WINDOWS),
        keep_alive: on(setting::KEEP_ALIVE).then_some(KeepAlive {
            idle: Duration::from_secs(5),
            probes: Some(2),
        }),
        mss: script.mss,
        ..Config::default()
    }
}

pub(super) fn ends_of(tuple: &Tuple) -> Ends {
    (tuple.local(), tuple.remote())
}

impl<'a> World<'a> {
    pub(super) fn new(script: &'a Script, ladder: &'a Ladder) -> Self {
        let (limits, memory) = limits(script);
        let config = config(script);
        let secrets = Secrets::new([script.secret; 64]);
        let buffers = script.buffers.map(usize::from);
        let heap = Heap::new(buffers[0], buffers[1], memory * (buffers[0] + buffers[1]));
        let now = Instant(1_000_000);
        let mut stack = Stack::new(config, limits, secrets, heap, now).expect("it makes sense");
        let mut naive = Naive {
            config,
            limits,
            isn: IsnSource::new(secrets.isn, secrets.timestamps),
            buffers,
            memory,
            addresses: Vec::new(),
            ends: BTreeMap::new(),
            listeners: Vec::new(),
            held: BTreeMap::new(),
            orphans: Vec::new(),
            lives: 0,
            answers: Vec::new(),
            counters: Counters::default(),
            touched: Default::default(),
            news: Default::default(),
            open: 0,
            waiting: [0; 2],
            ambiguous: false,
        };
        if script.settings & setting::ANY_ADDRESS == 0 {
            for ip in &shots::HERE[..3] {
                let ip = ip.parse().expect("an address");
                assert_eq!(stack.add_address(ip), Ok(()));
                naive.addresses.push(ip);
            }
        }
        World {
            script,
            ladder,
            stack,
            naive,
            now,
            users: Vec::new(),
            handles: BTreeMap::new(),
            listeners: Vec::new(),
            recent: Vec::new(),
            crowd: 0,
            steps: 0,
        }
    }

    /// All steps, and then the end of everything.
    pub(super) fn run(&mut self) {
        for (n, op) in self.script.ops.iter().enumerate() {
            self.ladder.add(self.now, What::Step(n, format!("{op:?}")));
            self.step(op);
            if self.naive.ambiguous {
                return; // both may go on, each in its way
            }
        }
        self.finish();
    }

    fn step(&mut self, op: &Op) {
        let now = self.now;
        match *op {
            Op::Listen { at, backlog, reuse } => {
                let shift = [0, 5][usize::from(self.script.family == Family::Crowd)];
                self.listen(shots::local(at), u32::from(backlog) << shift, reuse);
            }
            Op::Unlisten { which } => {
                if let Some(at) = usize::from(which).checked_rem(self.listeners.len()) {
                    let ended = self.stack.unlisten(now, self.listeners[at]);
                    assert_eq!(ended, self.naive.unlisten(now, at), "unlisten");
                }
            }
            Op::Accept { which } => {
                if let Some(at) = usize::from(which).checked_rem(self.listeners.len()) {
                    self.accept(at);
                }
            }
            Op::Connect {
                who,
                chosen,
                nowhere,
                reuse,
            } => self.connect(shots::ends(who), chosen, nowhere, reuse),
            Op::Packet(ref shot) => return self.shoot(std::slice::from_ref(shot), false),
            Op::Batch(ref shots) => return self.shoot(shots, true),
            Op::Pass { by } => self.now = Instant(now.0 + u64::from(by)),
            Op::Time { by } => {
                self.now = Instant(now.0 + u64::from(by));
                self.time();
            }
            Op::Wake => {
                if let Some(at) = self.stack.poll_timeout() {
                    self.now = now.max(at);
                    self.time();
                }
            }
            Op::Crowd { size, rounds } => return self.come(size.into(), rounds),
            Op::Everybody { what } => return self.everybody(what),
            Op::Send { which, .. }
            | Op::Receive { which, .. }
            | Op::Shutdown { which }
            | Op::Close { which }
            | Op::Abort { which }
            | Op::Release { which } => {
                if let Some(n) = usize::from(which).checked_rem(self.users.len()) {
                    self.user(op, n);
                }
            }
        }
        self.settle();
    }

    fn listen(&mut self, local: SocketAddr, backlog: u32, reuse: bool) {
        let reuse = [Reuse::No, Reuse::Address][usize::from(reuse)];
        let listens = self.stack.listen(local, backlog, reuse);
        let expected = self.naive.listen(local, backlog, reuse);
        assert_eq!(listens.map(drop), expected.map(drop), "listen on {local}");
        self.listeners.extend(listens);
    }

    fn accept(&mut self, at: usize) -> bool {
        let got = self.stack.accept(self.listeners[at]);
        let expected = self.naive.accept(at);
        let tuple = got.map(|h| self.stack.tuple(h).expect("it is new"));
        let ends = tuple.as_ref().map(ends_of);
        assert_eq!(ends, expected.map(|e| e.1), "accept");
        if let (Some(handle), Some((life, _))) = (got, expected) {
            self.users.push((handle, life));
            self.handles.insert(life, handle);
        }
        got.is_some()
    }

    fn connect(&mut self, ends: Ends, chosen: bool, nowhere: bool, reuse: bool) {
        let now = self.now;
        let reuse = [Reuse::No, Reuse::Address][usize::from(reuse)];
        let (mut local, remote) = ends;
        if chosen {
            local.set_port(0);
            // Ports that are tried lose what is over: then there had better be nothing over.
            self.time();
        }
        let here = match nowhere && chosen {
            true => self
                .naive
                .addresses
                .iter()
                .find(|ip| ip.is_ipv4() == remote.is_ipv4())
                .copied(),
            false => Some(local.ip()),
        };
        let from = (!(nowhere && chosen)).then_some(local);
        let got = self.stack.connect(now, from, remote, reuse);
        let judged = match here {
            Some(ip) => self.naive.judge(SocketAddr::new(ip, local.port()), remote),
            None => Err(BindError::NoAddress),
        };
        let expected = match (judged, here) {
            (Ok(()), Some(_)) if local.port() != 0 => self.naive.connect(now, ends, Some(reuse)),
            (Ok(()), Some(ip)) => {
                let (first, last) = self.naive.limits.ephemeral;
                let ends = |port| (SocketAddr::new(ip, port), remote);
                let may = (first..=last).any(|port| self.naive.may_choose(&ends(port)));
                match got {
                    Ok(handle) => {
                        let tuple = self.stack.tuple(handle).expect("it is new");
                        let ends = ends_of(&tuple);
                        assert_eq!((ends.0.ip(), ends.1), (ip, remote), "connect");
                        assert!(
                            self.naive.may_choose(&ends),
                            "{tuple}: not a port to choose"
                        );
                        self.naive.connect(now, ends, None)
                    }
                    // Limits are looked at when a port was found.
                    Err(_) if may => self.naive.connect(now, ends(first), None),
                    Err(_) => Err(BindError::NoPort),
                }
            }
            (Err(why), _) => Err(why),
            (Ok(()), None) => unreachable!(),
        };
        assert_eq!(
            got.map(drop),
            expected.map(drop),
            "connect {local} to {remote}"
        );
        if let (Ok(handle), Ok(life)) = (got, expected) {
            self.users.push((handle, life));
            self.handles.insert(life, handle);
        }
    }

    fn user(&mut self, op: &Op, n: usize) {
        let (now, (handle, life)) = (self.now, self.users[n]);
        let (s, r) = (&mut self.stack, &mut self.naive);
        match *op {
            Op::Send { len, .. } => {
                let text: Vec<u8> = (0..len).map(|n| n as u8 ^ life as u8).collect();
                assert_eq!(s.send(now, handle, &text), r.send(now, life, &text), "send");
            }
            Op::Receive { len, .. } => {
                let (mut a, mut b) = (vec![0; len.into()], vec![0; len.into()]);
                let got = s.receive(now, handle, &mut a);
                assert_eq!(got, r.receive(now, life, &mut b), "receive");
                assert!(a == b, "another text is received");
            }
            Op::Shutdown { .. } => {
                assert_eq!(s.shutdown(now, handle), r.shutdown(now, life), "shutdown");
            }
            Op::Close { .. } => assert_eq!(s.close(now, handle), r.close(now, life), "close"),
            Op::Abort { .. } => assert_eq!(s.abort(now, handle), r.abort(now, life), "abort"),
            _ => assert_eq!(s.release(handle), r.release(life), "release"),
        }
        let stale = !self.naive.held.contains_key(&life);
        assert_eq!(self.stack.tuple(handle).is_err(), stale, "stale handles");
    }

    /// Time has come, for as long as anything is due.
    fn time(&mut self) {
        let most = 4 + (self.naive.ends.len() + self.stack.len()) / 100;
        for n in 0.. {
            assert!(n < most, "more is due after {n} calls at the same moment");
            self.stack.handle_timeout(self.now);
            if self.stack.poll_timeout().is_none_or(|at| at > self.now) {
                break;
            }
        }
        self.naive.time(self.now);
    }

    fn shoot(&mut self, shots: &[Shot], together: bool) {
        let mut packets = Vec::new();
        let mut taken = Vec::new();
        for shot in shots {
            if let Some(bytes) = shots::bytes(&self.naive, self.now, shot, &self.recent) {
                taken.push(self.arrives(&bytes));
                self.recent.push(bytes.clone());
                packets.push(bytes);
            }
        }
        self.recent.drain(..self.recent.len().saturating_sub(64));
        if together {
            self.together(&packets, taken.iter().filter(|t| t.is_ok()).count());
        } else {
            for (bytes, expected) in packets.iter().zip(taken) {
                assert_eq!(
                    self.stack.handle_packet(self.now, bytes),
                    expected,
                    "handle_packet"
                );
            }
        }
        self.settle();
    }

    fn together(&mut self, packets: &[Vec<u8>], expected: usize) {
        let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
        assert_eq!(
            self.stack.handle_batch(self.now, &packets),
            expected,
            "handle_batch"
        );
    }

    /// A packet arrives at the reference.
    fn arrives(&mut self, bytes: &[u8]) -> Result<(), farewell::stack::Refused> {
        tape::both(1, self.now.0, || bytes.to_vec());
        self.naive.counters.packets_in += 1;
        let taken = match Packet::parse(bytes) {
            Ok(packet) => {
                let segment: &Segment<'_> = &packet.segment;
                let h = segment.header;
                let ends = ends_of(&Tuple::of_arrival(
                    &packet.addresses,
                    h.src_port,
                    h.dst_port,
                ));
                let taken = self.naive.arrives(self.now, ends, segment);
                let state = self
                    .naive
                    .ends
                    .get(&ends)
                    .map_or(State::Closed, |e| e.state);
                self.ladder
                    .add(self.now, What::In(ends, h, segment.payload.len(), state));
                taken
            }
            Err(why) => {
                self.ladder.add(self.now, What::Broken);
                Err(why.into())
            }
        };
        if let Err(why) = &taken {
            super::compare::count(&mut self.naive.counters, why);
        }
        taken
    }

    /// Many come, and each does what a peer does.
    fn come(&mut self, size: usize, rounds: u8) {
        let first = self.crowd;
        self.crowd += size;
        for round in 0..=rounds {
            let all: Vec<usize> = (first..first + size).collect();
            for some in all.chunks(50) {
                let mut packets = Vec::new();
                let mut taken = 0;
                for n in some {
                    let ends = shots::in_crowd(*n);
                    let fin = (n + usize::from(round)) % 3 == 0;
                    let bytes = match round {
                        0 => Some(shots::packet(
                            &ends,
                            shots::syn(self.now, 0, *n as u32),
                            &[],
                        )),
                        _ if fin => shots::known(&self.naive, self.now, &ends, [5, 0, 0, 99]),
                        _ if n % 61 == 0 => {
                            shots::known(&self.naive, self.now, &ends, [9, 0, 0, 99])
                        }
                        1 => shots::known(&self.naive, self.now, &ends, [0, 0, 0, 99]),
                        _ => shots::known(&self.naive, self.now, &ends, [3, 9, 0, 99]),
                    };
                    if let Some(bytes) = bytes {
                        taken += usize::from(self.arrives(&bytes).is_ok());
                        packets.push(bytes);
                    }
                }
                self.together(&packets, taken);
                self.settle();
            }
            self.now = Instant(self.now.0 + 3_000);
        }
    }

    /// Every user does the same.
    fn everybody(&mut self, what: u8) {
        if what & all::ACCEPT != 0 {
            for at in 0..self.listeners.len() {
                while self.accept(at) {}
            }
        }
        if what & all::HASTY == 0 {
            self.settle();
        }
        for n in 0..self.users.len() {
            if !self.naive.held.contains_key(&self.users[n].1) {
                continue;
            }
            let which = n as u16;
            if what & all::SEND != 0 {
                self.user(&Op::Send { which, len: 20 }, n);
            }
            if what & all::SHUT_EVERY_OTHER != 0 && n % 2 == 0 {
                self.user(&Op::Shutdown { which }, n);
            }
            if what & all::ABORT_EVERY_THIRD != 0 && n % 3 == 0 {
                self.user(&Op::Abort { which }, n);
            } else if what & all::CLOSE != 0 {
                self.user(&Op::Close { which }, n);
            }
            if n % 100 == 0 {
                self.settle();
            }
        }
        self.settle();
    }

    /// Users and listeners go, and in the end nothing is left.
    fn finish(&mut self) {
        self.audit();
        self.ladder.add(
            self.now,
            What::Step(self.script.ops.len(), "the end".into()),
        );
        for n in 0..self.users.len() {
            if let Some(held) = self.naive.held.get(&self.users[n].1) {
                let over = matches!(held, Held::Over(..));
                let which = n as u16;
                self.user(
                    &[Op::Close { which }, Op::Release { which }][usize::from(over)],
                    n,
                );
                self.settle();
            }
        }
        for at in 0..self.listeners.len() {
            let ended = self.stack.unlisten(self.now, self.listeners[at]);
            assert_eq!(ended, self.naive.unlisten(self.now, at), "unlisten");
            self.settle();
        }
        for _ in 0..200 {
            let Some(at) = self.stack.poll_timeout().filter(|_| !self.naive.ambiguous) else {
                break;
            };
            self.now = self.now.max(at);
            self.time();
            self.settle();
        }
        if !self.naive.ambiguous {
            self.audit();
        }
        debug_assert!(self.naive.ends.values().all(|e| e.owner != Owner::User));
    }

    /// What a user is told of, in few words.
    pub(super) fn told(&self, event: Event) {
        self.ladder.add(self.now, What::Told(event));
    }
}
