//! Each limit is met, is counted, and leaves what is open alone.

use std::time::Duration;

use farewell::State::{Established, FinWait2, LastAck, SynReceived, SynSent, TimeWait};
use farewell::stack::{BindError, Event, Handle, Heap, Limit, Limits, Refused, Reuse, UserError};
use farewell::wire::{Flags, Header, Options, Timestamps};
use farewell::{Instant, State, timewait};

use super::net::*;
use super::segments::*;

#[test]
fn connections() {
    let mut net = Net::with(
        config(),
        Limits::default(),
        Limits {
            connections: 2,
            ..few()
        },
    );
    let (a, b) = net.open();
    let second = net.connect();
    net.settle();
    let third = net.connect();
    net.settle();
    assert_eq!(
        (net.state(A, second), net.state(A, third)),
        (Established, SynSent)
    );
    assert_eq!(net.hosts[B].counters().syn_connections, 1);
    let refused = net.hosts[B].connect(net.now, None, at(A_IP, 9), Reuse::No);
    assert_eq!(refused, Err(BindError::Full(Limit::Connections)));
    assert_eq!(net.hosts[B].counters().connects_refused, 1);
    still_talk(&mut net, a, b);
    // One that goes makes room, and the SYN comes again.
    net.close(B, b);
    net.close(A, a);
    net.secs(2);
    assert_eq!(net.state(A, third), Established);
}

#[test]
fn half_open() {
    let mut net = Net::with(
        config(),
        Limits::default(),
        Limits {
            half_open: 3,
            ..few()
        },
    );
    let (a, b) = net.open();
    for port in 1..=5 {
        let (taken, out) = answers(&mut net.hosts[B], net.now, &packet("10.0.0.1", port, syn()));
        let full = Err(Refused::Full(Limit::HalfOpen));
        assert_eq!(
            (taken, out.len()),
            if port <= 3 { (Ok(()), 1) } else { (full, 0) }
        );
    }
    let counted = (
        net.hosts[B].counters().syn_half_open,
        net.hosts[B].count(SynReceived),
    );
    assert_eq!(counted, (2, 3));
    still_talk(&mut net, a, b);
    // Nobody completes them: they go, and there is room again.
    net.lose = Box::new(|_, _, len| len == 0);
    net.secs(180);
    assert_eq!(net.hosts[B].counters().embryos_lost, 3);
    assert_eq!(
        answers(&mut net.hosts[B], net.now, &packet("10.0.0.1", 9, syn())).0,
        Ok(())
    );
}

#[test]
fn the_backlog_counts_what_is_not_accepted() {
    let mut net = Net::new(config());
    let listener = net.hosts[B].listen(at(B_IP, 80), 2, Reuse::No).unwrap();
    let all: Vec<Handle> = (0..3).map(|_| net.connect()).collect();
    net.settle();
    let states: Vec<State> = all.iter().map(|a| net.state(A, *a)).collect();
    assert_eq!(states, [Established, Established, SynSent]);
    let late = net.connect(); // those before it are established, and wait still
    net.settle();
    assert_eq!(net.hosts[B].counters().syn_backlog, 2);
    net.abort(A, late);
    let first = net.hosts[B].accept(listener).unwrap();
    assert_eq!(
        net.hosts[B].tuple(first).unwrap().remote(),
        net.hosts[A].tuple(all[0]).unwrap().local()
    );
    net.secs(1); // the SYN again
    assert_eq!(net.state(A, all[2]), Established);
    still_talk(&mut net, all[0], first);
    let told = net.told[B]
        .iter()
        .filter(|e| **e == Event::Incoming(listener));
    assert_eq!(told.count(), 2);
}

#[test]
fn memory() {
    let limits = few();
    let b = stack_with(config(), limits, 2, Heap::new(100, 100, 450));
    let mut net = Net::of([stack(config(), limits, 1), b]);
    net.hosts[A].add_address(ip(A_IP)).unwrap();
    net.hosts[B].add_address(ip(B_IP)).unwrap();
    let (a, b) = net.open();
    let (second, third) = (net.connect(), net.connect());
    net.settle();
    assert_eq!(
        (net.state(A, second), net.state(A, third)),
        (Established, SynSent)
    );
    assert_eq!(net.hosts[B].counters().syn_memory, 1);
    assert_eq!(net.hosts[B].provider().used(), 400);
    let refused = net.hosts[B].connect(net.now, None, at(A_IP, 9), Reuse::No);
    assert_eq!(refused, Err(BindError::Full(Limit::Memory)));
    still_talk(&mut net, a, b);
    net.close(A, a);
    net.close(B, b);
    net.secs(2);
    assert_eq!(net.state(A, third), Established);
}

#[test]
fn time_waits() {
    let limits = Limits {
        time_waits: timewait::Limits { v4: 1, v6: 0 },
        ..few()
    };
    let mut net = Net::with(config(), limits, few());
    let listener = net.listen();
    let a: Vec<Handle> = (0..3).map(|_| net.connect()).collect();
    net.settle();
    let b: Vec<Handle> = (0..3)
        .map(|_| net.hosts[B].accept(listener).unwrap())
        .collect();
    for n in 0..2 {
        net.close(A, a[n]);
        net.settle();
        net.close(B, b[n]);
        net.settle();
    }
    // The second one goes without; both ends are done all the same.
    assert_eq!((net.hosts[A].count(TimeWait), net.hosts[A].len()), (1, 1));
    assert_eq!(net.hosts[A].counters().time_waits.refused, 1);
    assert_eq!(net.hosts[B].len(), 1);
    still_talk(&mut net, a[2], b[2]);
    net.close(A, a[2]);
    net.close(B, b[2]);
    net.secs(120);
    net.is_clean(1);
}

#[test]
fn orphans() {
    let limits = Limits {
        orphans: 2,
        ..few()
    };
    let mut net = Net::with(config(), limits, few());
    let listener = net.listen();
    let a: Vec<Handle> = (0..4).map(|_| net.connect()).collect();
    net.settle();
    let b: Vec<Handle> = (0..4)
        .map(|_| net.hosts[B].accept(listener).unwrap())
        .collect();
    for handle in &a[..3] {
        net.close(A, *handle);
        net.settle();
    }
    assert_eq!(net.hosts[A].counters().orphans_aborted, 1);
    assert_eq!(
        (
            net.hosts[A].count(FinWait2),
            net.hosts[A].census(net.now).orphans
        ),
        (2, 2)
    );
    assert_eq!(net.state(B, b[0]), State::Closed); // the oldest
    still_talk(&mut net, a[3], b[3]);
}

#[test]
fn replies() {
    let limits = Limits {
        replies: 2,
        ..few()
    };
    let mut b = stack(config(), limits, 2);
    for port in 1..=5 {
        let taken = b.handle_packet(Instant(0), &packet("10.0.0.1", port, syn()));
        assert_eq!(taken, Err(Refused::NoConnection));
    }
    assert_eq!(b.counters().replies_dropped, 3);
    let resets = std::iter::from_fn(|| b.poll_transmit(Instant(0), &mut [0; 100]).unwrap());
    assert_eq!(resets.count(), 2);
}

#[test]
fn listeners_and_addresses() {
    let limits = Limits {
        listeners: 2,
        addresses: 1,
        ..few()
    };
    let mut b = stack(config(), limits, 2);
    b.add_address(ip(B_IP)).unwrap();
    assert_eq!(
        b.add_address(ip(A_IP)),
        Err(BindError::Full(Limit::Addresses))
    );
    assert_eq!(b.add_address(ip(B_IP)), Ok(()));
    for (port, fits) in [(1, true), (2, true), (3, false)] {
        let full = Err(BindError::Full(Limit::Listeners));
        let listened = b.listen(at(B_IP, port), 1, Reuse::No).map(|_| ());
        assert_eq!(listened, if fits { Ok(()) } else { full });
    }
    assert_eq!(
        (b.counters().listens_refused, b.counters().addresses_refused),
        (1, 1)
    );
    assert_eq!(
        b.listen(at(A_IP, 80), 1, Reuse::No),
        Err(BindError::NoAddress)
    );
    let from_elsewhere = b.connect(Instant(0), Some(at(A_IP, 0)), at(A_IP, 1), Reuse::No);
    assert_eq!(from_elsewhere, Err(BindError::NoAddress));
}

#[test]
fn a_listener_that_ends_takes_its_connections_with_it() {
    let mut net = Net::new(config());
    let listener = net.listen();
    let (a, second) = (net.connect(), net.connect());
    net.settle();
    let b = net.hosts[B].accept(listener).unwrap();
    let now = net.now;
    assert_eq!(
        answers(&mut net.hosts[B], now, &packet("10.0.0.1", 1, syn()))
            .1
            .len(),
        1
    );
    net.sent();
    assert_eq!(net.hosts[B].unlisten(now, listener), Ok(()));
    assert_eq!(net.hosts[B].unlisten(now, listener), Err(UserError::Stale));
    assert_eq!(net.hosts[B].accept(listener), None);
    net.settle();
    assert_eq!(net.sent(), ["B RST", "B RST"]);
    assert_eq!(
        (net.state(A, a), net.state(A, second)),
        (Established, State::Closed)
    );
    assert_eq!(
        (net.hosts[B].len(), net.hosts[B].count(State::Listen)),
        (1, 0)
    );
    still_talk(&mut net, a, b);
    let refused = net.connect();
    net.settle();
    assert_eq!(net.state(A, refused), State::Closed);
}

/// RFC 9293 MUST-11: a half-open connection whose peer resets it goes, and its listener stays.
#[test]
fn an_embryo_that_is_reset_goes_back_to_listen() {
    let mut net = Net::new(config());
    let listener = net.listen();
    let now = net.now;
    let options = Options {
        timestamps: Some(Timestamps { val: 9, ecr: 0 }),
        ..Options::default()
    };
    let syn = Header { options, ..syn() };
    for _ in 0..2 {
        let (taken, out) = answers(&mut net.hosts[B], now, &packet("10.0.0.1", 1, syn));
        assert_eq!((taken, out[0].flags), (Ok(()), Flags::SYN.with(Flags::ACK)));
        let reset = Header {
            seq: syn.seq + 1,
            flags: Flags::RST,
            ..Header::default()
        };
        let (taken, out) = answers(&mut net.hosts[B], now, &packet("10.0.0.1", 1, reset));
        assert_eq!((taken, out.len(), net.hosts[B].len()), (Ok(()), 0, 0));
    }
    assert_eq!(net.hosts[B].counters().embryos_lost, 2);
    assert_eq!(
        (net.hosts[B].accept(listener), net.hosts[B].poll_timeout()),
        (None, None)
    );
}

/// A last acknowledgment that finds no room is lost like any other segment: the peer asks again.
#[test]
fn a_lost_last_ack_is_asked_for_again() {
    let limits = Limits {
        replies: 0,
        ..few()
    };
    let mut net = Net::with(config(), limits, few());
    let (a, b) = net.open();
    net.close(A, a);
    net.settle();
    net.close(B, b);
    net.settle();
    assert_eq!(net.hosts[A].counters().replies_dropped, 1);
    assert_eq!(
        (net.hosts[B].count(LastAck), net.hosts[A].count(TimeWait)),
        (1, 1)
    );
    net.pass(Duration::from_secs(150)); // R2: nobody answers
    assert_eq!((net.hosts[B].len(), net.hosts[A].len()), (0, 0));
}
