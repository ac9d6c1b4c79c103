//! Random hosts on a random network: after every step all that a stack keeps in two places agrees.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::slab::{Owner, queued};
use super::*;
use crate::timewait;
use crate::tuple::Tuple;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % n
    }
}

/// Counts everything anew.
fn audit(s: &Stack<Heap>) {
    let (mut attached, mut used, mut embryos, mut orphans, mut ready) = (0, 0, 0, 0, 0);
    let mut by_state = [0; State::ALL.len()];
    let mut counts: BTreeMap<SocketAddr, (u32, u32, u32)> = BTreeMap::new();
    let add = |counts: &mut BTreeMap<_, (u32, u32, u32)>, local: SocketAddr, n: (u32, u32, u32)| {
        let any = SocketAddr::new(sockets::unspecified(local.ip()), local.port());
        for at in [local, any].into_iter().take(1 + usize::from(local != any)) {
            let sum = counts.entry(at).or_default();
            *sum = (sum.0 + n.0, sum.1 + n.1, sum.2 + n.2);
        }
    };
    for (at, slot) in s.slab.iter().enumerate() {
        let at = at as u32;
        let times = |ring: &ring::Ring| ring.iter().filter(|x| *x == at).count();
        let flags = [queued::DIRTY, queued::EVENT].map(|f| usize::from(slot.queued & f != 0));
        assert_eq!([times(&s.dirty), times(&s.events)], flags);
        assert_eq!(slot.connection.is_none(), slot.owner == Owner::Nobody);
        let Some(c) = &slot.connection else { continue };
        used += 1;
        assert_eq!(c.state(), slot.state);
        let over = matches!(slot.state, State::Closed | State::TimeWait | State::Listen);
        assert_eq!(over, slot.owner == Owner::Detached);
        let hash = s.key.hash(&slot.tuple);
        if over {
            assert_ne!(s.find(hash, &slot.tuple), Some(at));
            assert_eq!((s.wheel.scheduled(at), c.may_transmit()), (None, false));
            continue;
        }
        attached += 1;
        assert_eq!(s.find(hash, &slot.tuple), Some(at));
        assert!(s.time_waits.get(&slot.tuple).is_none());
        by_state[slot.state as usize] += 1;
        add(&mut counts, slot.tuple.local(), (1, 0, 0));
        embryos += u32::from(slot.owner == Owner::Embryo);
        ready += u32::from(slot.owner == Owner::Ready);
        orphans += u32::from(slot.owner == Owner::Orphan);
        if slot.owner == Owner::Embryo {
            assert_eq!(slot.state, State::SynReceived);
        }
        let scheduled = s.wheel.scheduled(at).unwrap_or(Instant::NEVER);
        assert_eq!(scheduled, slot.scheduled);
        let due = c.poll_timeout().unwrap_or(Instant::NEVER);
        assert!(scheduled <= due || slot.queued & queued::DIRTY != 0);
        let told = slot.queued & queued::EVENT != 0 || slot.owner != Owner::User;
        assert!(!c.has_event() || told);
    }
    for (tuple, ..) in s.time_waits.iter() {
        add(&mut counts, tuple.local(), (0, 1, 0));
    }
    let (mut waiting, mut queued) = (0, 0);
    for l in s.listeners.iter().filter(|l| l.is_open()) {
        let (e, r, local) = l.audit();
        assert!(e + r <= s.limits.backlog);
        (waiting, queued) = (waiting + e, queued + r);
        let at = *s.sockets.get(local).unwrap();
        let found = s
            .sockets
            .iter()
            .find(|x| x.1.listener == at.listener)
            .unwrap();
        add(&mut counts, found.0, (0, 0, 1));
    }
    assert_eq!((waiting, queued), (embryos, ready));
    assert_eq!((s.embryos, s.orphans.len), (embryos, orphans));
    assert_eq!((s.by_state, s.len()), (by_state, used));
    assert_eq!(s.provider.used(), used * 256);
    let kept = |x: &sockets::Socket| (x.connections, x.time_waits, x.listeners);
    let kept: BTreeMap<_, _> = s.sockets.iter().map(|x| (x.0, kept(x.1))).collect();
    assert_eq!(kept, counts);
    assert!(attached <= s.limits.connections && s.replies.len() <= s.limits.replies as usize);
    assert!(embryos <= s.limits.half_open && orphans <= s.limits.orphans);
}

const IPS: [[u8; 4]; 3] = [[192, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 3]];

/// Room for many connections and little else, or the other way round.
fn host(n: u8, roomy: bool) -> Stack<Heap> {
    let config = Config {
        time_wait: Duration::from_secs(5),
        fin_wait_2: Some(Duration::from_secs(3)),
        give_up: Some(Duration::from_secs(20)),
        give_up_open: Some(Duration::from_secs(10)),
        reopen: true,
        ..Config::default()
    };
    let limits = Limits {
        connections: if roomy { 40 } else { 12 },
        half_open: if roomy { 9 } else { 3 },
        backlog: if roomy { 2 } else { 4 },
        time_waits: timewait::Limits {
            v4: if roomy { 4 } else { 12 },
            v6: 0,
        },
        orphans: 1,
        replies: 5,
        listeners: 3,
        addresses: 2,
        ephemeral: (1, 6), // they meet the listeners' ports
    };
    let heap = Heap::new(128, 128, if roomy { 40 } else { 11 } * 256);
    let mut host = Stack::new(config, limits, Secrets::new([n; 64]), heap, Instant(0)).unwrap();
    host.add_address(IPS[usize::from(n)].into()).unwrap();
    if n == 1 {
        host.add_address(IPS[2].into()).unwrap();
    }
    host
}

struct Walk {
    hosts: [Stack<Heap>; 2],
    now: Instant,
    network: Vec<(usize, Vec<u8>)>,
    handles: [Vec<Handle>; 2],
    listeners: [Vec<ListenerId>; 2],
    random: Random,
}

impl Walk {
    fn step(&mut self) {
        let r = &mut self.random;
        let (n, now) = (r.below(2), self.now);
        let waits = self.hosts[1 - n].time_waits.iter().next().map(|w| w.0);
        let host = &mut self.hosts[n];
        let reuse = [Reuse::No, Reuse::Address][r.below(2)];
        let socket = |r: &mut Random, n: usize| {
            let ip = IPS[(n + r.below(2) * n).min(2)];
            SocketAddr::from((ip, 1 + r.below(3) as u16))
        };
        let handle = |r: &mut Random, handles: &mut Vec<Handle>| {
            let at = r.below(handles.len().max(1));
            handles.get(at).copied()
        };
        match r.below(24) {
            0..=1 => {
                let mut local = socket(r, n);
                if r.below(3) == 0 {
                    local.set_ip([0, 0, 0, 0].into());
                }
                if let Ok(id) = host.listen(local, 4, reuse) {
                    self.listeners[n].push(id);
                }
            }
            2 => {
                if r.below(3) == 0 && !self.listeners[n].is_empty() {
                    let at = r.below(self.listeners[n].len());
                    assert_eq!(
                        host.unlisten(now, self.listeners[n].swap_remove(at)),
                        Ok(())
                    );
                }
            }
            3..=5 => {
                let local = (r.below(4) != 0).then(|| socket(r, n));
                let (local, remote) = match waits.filter(|_| r.below(2) == 0) {
                    Some(again) => (Some(again.remote()), again.local()),
                    None => (local, socket(r, 1 - n)),
                };
                if let Ok(handle) = host.connect(now, local, remote, reuse) {
                    self.handles[n].push(handle);
                }
            }
            6..=8 => {
                for id in &self.listeners[n] {
                    self.handles[n].extend(host.accept(*id));
                }
            }
            9..=11 => {
                if let Some(h) = handle(r, &mut self.handles[n]) {
                    let _ = host.send(now, h, &[0; 100][..r.below(100)]);
                }
            }
            12 => {
                if let Some(h) = handle(r, &mut self.handles[n]) {
                    let _ = host.receive(now, h, &mut [0; 200]);
                }
            }
            13 => {
                if let Some(h) = handle(r, &mut self.handles[n]) {
                    let _ = match r.below(6) {
                        0 => host.abort(now, h),
                        1 => host.release(h),
                        2 | 3 => host.shutdown(now, h),
                        _ => host.close(now, h),
                    };
                    self.handles[n].retain(|h| host.state(*h).is_ok());
                }
            }
            14 => {
                self.now = self.now + Duration::from_millis(1 << r.below(12));
                host.handle_timeout(self.now);
            }
            15 => while host.poll_event().is_some() {},
            16..=18 => {
                let mut buf = [0; 2_000];
                while let Ok(Some(sent)) = host.poll_transmit(now, &mut buf) {
                    self.network.push((1 - n, buf[..sent.len].to_vec()));
                    if r.below(4) == 0 {
                        break;
                    }
                }
            }
            _ => {
                if self.network.is_empty() {
                    return;
                }
                let at = match r.below(3) {
                    0 => r.below(self.network.len()),
                    _ => 0,
                };
                let (to, packet) = match r.below(10) {
                    0 => self.network[at].clone(), // again, later
                    _ => self.network.remove(at),
                };
                match r.below(3) {
                    0 => drop(self.hosts[to].handle_packet(now, &packet)),
                    1 => drop(self.hosts[to].handle_batch(now, &[&packet, &packet])),
                    _ => drop(self.hosts[to].handle_batch(now, &[&packet])),
                }
            }
        }
    }
}

#[test]
fn books_balance_whatever_happens() {
    let mut seen = [0; State::ALL.len()];
    let mut sum = Counters::default();
    for seed in 1..=120 {
        let mut walk = Walk {
            hosts: [0, 1].map(|n| host(n, seed % 2 == 0)),
            now: Instant(0),
            network: Vec::new(),
            handles: [Vec::new(), Vec::new()],
            listeners: [Vec::new(), Vec::new()],
            random: Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)),
        };
        for _ in 0..2_000 {
            walk.step();
            for host in &walk.hosts {
                audit(host);
                for state in State::ALL {
                    seen[state as usize] += host.count(state);
                }
            }
        }
        for host in &walk.hosts {
            let c = host.counters();
            sum.reopened += c.reopened;
            sum.embryos_lost += c.embryos_lost;
            sum.unaccepted_lost += c.unaccepted_lost;
            sum.orphans_aborted += c.orphans_aborted;
            sum.replies_dropped += c.replies_dropped;
            sum.syn_backlog += c.syn_backlog;
            sum.syn_half_open += c.syn_half_open;
            sum.syn_connections += c.syn_connections;
            sum.syn_memory += c.syn_memory;
            sum.time_waits.refused += c.time_waits.refused;
            sum.time_waits.expired += c.time_waits.expired;
        }
    }
    // Every state was met, and every limit.
    assert!(
        State::ALL
            .iter()
            .all(|s| *s == State::Closed || seen[*s as usize] > 50),
        "{seen:?}"
    );
    let met = [
        sum.reopened,
        sum.embryos_lost,
        sum.unaccepted_lost,
        sum.orphans_aborted,
        sum.replies_dropped,
        sum.syn_half_open,
        sum.syn_backlog,
        sum.syn_connections,
        sum.syn_memory,
        sum.time_waits.refused,
        sum.time_waits.expired,
    ];
    assert!(met.iter().all(|n| *n > 5), "{met:?}");
}

/// Bytes that are hardly ever a segment, and segments that are hardly ever expected.
#[test]
fn anything_may_arrive() {
    let mut random = Random(7);
    let mut s = host(1, true);
    let listener = s
        .listen("0.0.0.0:1".parse().unwrap(), 4, Reuse::No)
        .unwrap();
    s.set_checksums(Checksums::Offloaded);
    let mut now = Instant(0);
    for _ in 0..100_000 {
        let mut packet = [0u8; 80];
        for b in &mut packet {
            *b = random.below(256) as u8;
        }
        let len = 40 + random.below(40);
        packet[..20].copy_from_slice(&[
            0x45, 0, 0, len as u8, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
        ]);
        // Few ports, few numbers, a plausible length.
        packet[20..32].fill(0);
        (packet[21], packet[23]) = (random.below(3) as u8, 1);
        (packet[27], packet[31]) = (random.below(4) as u8, random.below(4) as u8);
        packet[32] = [0x50, 0x50, 0x50, 0x80, packet[32]][random.below(5)];
        packet[33] = [2, 16, 17, 4, 18, packet[33]][random.below(6)];
        let _ = s.handle_packet(now, &packet[..len]);
        if random.below(8) == 0 {
            // Somebody knows our ISS: one of the numbers is in the window.
            while s.poll_transmit(now, &mut [0; 2_000]).unwrap().is_some() {}
            now = now + Duration::from_millis(random.below(500) as u64);
            s.handle_timeout(now);
            while let Some(h) = s.accept(listener) {
                s.close(now, h).unwrap();
            }
            audit(&s);
        }
    }
    assert!(s.counters().passive > 50);
}

#[test]
fn the_shelf_is_used_before_the_heap() {
    let mut heap = Heap::new(10, 10, 50);
    let tuple = Tuple::new(([0; 4], 1).into(), ([0; 4], 2).into()).unwrap();
    let (a, reno) = heap.provide(&tuple).unwrap();
    assert!(heap.provide(&tuple).is_some() && heap.provide(&tuple).is_none());
    assert_eq!(heap.used(), 40);
    heap.reclaim(a, reno);
    assert!(heap.used() == 20 && heap.provide(&tuple).is_some() && heap.provide(&tuple).is_none());
}
