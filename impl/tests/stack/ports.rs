//! Who may take which port: the everyday face of TIME_WAIT, and its reopening.

use std::collections::BTreeSet;
use std::time::Duration;

use farewell::State::{Established, SynReceived, TimeWait};
use farewell::stack::{BindError, Handle, Limits, Reuse, UserError};
use farewell::wire::Flags;
use farewell::{Config, State, timewait};

use super::net::*;

/// B has closed first: a connection of its port 80 is in TIME_WAIT. A's end of it, and nothing else is open.
fn server_in_time_wait(net: &mut Net) -> farewell::tuple::Tuple {
    let listener = net.listen();
    let a = net.connect();
    net.settle();
    let b = net.hosts[B].accept(listener).unwrap();
    let tuple = net.hosts[A].tuple(a).unwrap();
    net.close(B, b);
    net.settle();
    net.close(A, a);
    net.settle();
    assert_eq!(net.hosts[B].unlisten(net.now, listener), Ok(()));
    assert_eq!((net.hosts[B].count(TimeWait), net.hosts[A].len()), (1, 0));
    net.sent();
    tuple
}

#[test]
fn a_port_in_time_wait_is_refused_without_reuse_and_taken_with_it() {
    for local in [B_IP, "0.0.0.0"] {
        let mut net = Net::new(config());
        server_in_time_wait(&mut net);
        let local = at(local, 80);
        let refused = net.hosts[B].listen(local, 1, Reuse::No);
        assert_eq!(refused, Err(BindError::InTimeWait(local, 1)));
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("TIME_WAIT"), "{text}");
        // Another port, or another family, is nobody's.
        assert!(net.hosts[B].listen(at(B_IP, 81), 1, Reuse::No).is_ok());
        assert!(net.hosts[B].listen(at("::", 80), 1, Reuse::No).is_ok());
        let listener = net.hosts[B].listen(local, 1, Reuse::Address).unwrap();
        // It is a listener as any other.
        let a = net.connect();
        net.settle();
        assert_eq!(net.state(A, a), Established);
        assert!(net.hosts[B].accept(listener).is_some());
    }
}

#[test]
fn a_port_is_free_when_time_wait_is_over() {
    let mut net = Net::new(config());
    server_in_time_wait(&mut net);
    net.secs(59);
    assert!(net.hosts[B].listen(at(B_IP, 80), 1, Reuse::No).is_err());
    net.secs(1);
    assert!(net.hosts[B].listen(at(B_IP, 80), 1, Reuse::No).is_ok());
}

#[test]
fn a_port_with_connections_is_in_use() {
    let mut net = Net::new(config());
    let listener = net.listen();
    let a = net.connect();
    net.settle();
    let b = net.hosts[B].accept(listener).unwrap();
    net.hosts[B].unlisten(net.now, listener).unwrap();
    let local = at(B_IP, 80);
    assert_eq!(
        net.hosts[B].listen(local, 1, Reuse::No),
        Err(BindError::InUse(local, 1))
    );
    assert!(net.hosts[B].listen(local, 1, Reuse::Address).is_ok());
    assert_eq!(
        (net.state(A, a), net.state(B, b)),
        (Established, Established)
    );
}

#[test]
fn two_listeners_on_one_socket_are_refused_and_one_address_goes_before_all() {
    let mut net = Net::new(config());
    let any = at("0.0.0.0", 80);
    let all = net.hosts[B].listen(any, 9, Reuse::No).unwrap();
    let one = at(B_IP, 80);
    for reuse in [Reuse::No, Reuse::Address] {
        let again = net.hosts[B].listen(any, 9, reuse);
        assert_eq!(again, Err(BindError::Listening(any)));
    }
    assert_eq!(
        net.hosts[B].listen(one, 9, Reuse::No),
        Err(BindError::Listening(one))
    );
    net.hosts[B].add_address(ip("192.0.2.9")).unwrap();
    let exact = net.hosts[B].listen(one, 9, Reuse::Address).unwrap();
    let other = net.hosts[A].connect(net.now, None, at("192.0.2.9", 80), Reuse::No);
    let to_one = net.connect();
    net.settle();
    let mut remote = |listener| {
        let handle = net.hosts[B].accept(listener).unwrap();
        net.hosts[B].tuple(handle).unwrap().remote()
    };
    let (at_all, at_one) = (remote(all), remote(exact));
    let local = |a: Handle| net.hosts[A].tuple(a).unwrap().local();
    assert_eq!((at_all, at_one), (local(other.unwrap()), local(to_one)));
}

#[test]
fn an_active_open_does_not_take_what_is_held() {
    let mut net = Net::new(config());
    let (a, _b) = net.open();
    let tuple = net.hosts[A].tuple(a).unwrap();
    let (local, remote) = (tuple.local(), tuple.remote());
    let now = net.now;
    let host = &mut net.hosts[A];
    let refused = host.connect(now, Some(local), remote, Reuse::No);
    assert_eq!(refused, Err(BindError::InUse(local, 1)));
    let same = host.connect(now, Some(local), remote, Reuse::Address);
    assert_eq!(same, Err(BindError::AlreadyExists));
    let elsewhere = host.connect(now, Some(local), at(B_IP, 81), Reuse::Address);
    assert!(elsewhere.is_ok());
    for (local, remote) in [
        (A_IP, "::1"),
        (A_IP, "224.0.0.1"),
        (A_IP, "0.0.0.0"),
        ("0.0.0.0", B_IP),
    ] {
        let bad = host.connect(now, Some(at(local, 5)), at(remote, 5), Reuse::No);
        assert_eq!(bad, Err(BindError::BadAddress), "{local} {remote}");
    }
    let zero = host.connect(now, None, at(B_IP, 0), Reuse::No);
    assert_eq!(zero, Err(BindError::BadAddress));
    let no_v6 = host.connect(now, None, at("::1", 5), Reuse::No);
    assert_eq!(no_v6, Err(BindError::NoAddress));
}

#[test]
fn an_active_open_onto_time_wait_is_refused_and_a_chosen_port_avoids_it() {
    let ports = (5_000, 5_003);
    let limits = Limits {
        ephemeral: ports,
        ..Limits::default()
    };
    let mut net = Net::with(config(), limits, Limits::default());
    let (a, b) = net.open();
    let tuple = net.hosts[A].tuple(a).unwrap();
    net.close(A, a);
    net.settle();
    net.close(B, b);
    net.settle();
    let (local, remote) = (tuple.local(), tuple.remote());
    let now = net.now;
    let host = &mut net.hosts[A];
    let refused = host.connect(now, Some(local), remote, Reuse::No);
    assert_eq!(refused, Err(BindError::InTimeWait(local, 1)));
    let refused = host.connect(now, Some(local), remote, Reuse::Address);
    assert_eq!(refused, Err(BindError::ExistsInTimeWait));
    let mut used = BTreeSet::from([local.port()]);
    for _ in 0..3 {
        let next = host.connect(now, None, remote, Reuse::No).unwrap();
        assert!(used.insert(host.tuple(next).unwrap().local_port()));
    }
    assert!(used.iter().copied().eq(ports.0..=ports.1));
    assert_eq!(
        host.connect(now, None, remote, Reuse::No),
        Err(BindError::NoPort)
    );
    // For another peer they are all free, and they are free when TIME_WAIT is over.
    assert!(host.connect(now, None, at(B_IP, 81), Reuse::No).is_ok());
    net.secs(60);
    let reopened = net.hosts[A].connect(net.now, None, remote, Reuse::No);
    let port = net.hosts[A].tuple(reopened.unwrap()).unwrap().local_port();
    assert_eq!(port, local.port());
}

#[test]
fn chosen_ports_differ_by_peer_and_by_secret() {
    let mut first = Vec::new();
    for n in 1..=3 {
        let mut a = stack(config(), Limits::default(), n);
        a.add_address(ip(A_IP)).unwrap();
        for port in [80, 81] {
            let c = a.connect(farewell::Instant(0), None, at(B_IP, port), Reuse::No);
            first.push(a.tuple(c.unwrap()).unwrap().local_port());
        }
    }
    assert!(first.iter().all(|p| *p >= 32_768));
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 6, "{first:?}");
}

/// RFC 9293 MAY-2, RFC 6191: a SYN reopens what is in TIME_WAIT, if somebody listens.
#[test]
fn a_syn_reopens_from_time_wait() {
    for timestamps in [true, false] {
        let mut net = Net::new(Config {
            timestamps,
            ..config()
        });
        let tuple = server_in_time_wait(&mut net);
        net.pass(Duration::from_millis(10));
        let open = |net: &mut Net| {
            net.hosts[A].connect(net.now, Some(tuple.local()), tuple.remote(), Reuse::Address)
        };
        let listener = net.hosts[B]
            .listen(at(B_IP, 80), 4, Reuse::Address)
            .unwrap();
        let a = open(&mut net).unwrap();
        net.settle();
        assert_eq!(net.sent(), ["A SYN", "B SYN,ACK", "A ACK"]);
        assert_eq!(
            (net.state(A, a), net.hosts[B].count(TimeWait)),
            (Established, 0)
        );
        let b = net.hosts[B].accept(listener).unwrap();
        assert_eq!(net.hosts[B].counters().reopened, 1);
        net.send(A, a, b"again");
        net.settle();
        assert_eq!(net.read(B, b).0, b"again");
    }
}

/// RFC 9293 MAY-2 (1): the new ISS is above all that the old connection used, though it outran the clock of ISNs.
#[test]
fn a_reopened_connection_begins_above_the_old_one() {
    let mut net = Net::new(config());
    let listener = net.listen();
    let a = net.connect();
    net.settle();
    let b = net.hosts[B].accept(listener).unwrap();
    let tuple = net.hosts[A].tuple(a).unwrap();
    let iss = net.hosts[B].connection(b).unwrap().iss();
    net.send(B, b, &[0; 8_000]);
    net.close(B, b);
    net.settle();
    assert_eq!(net.read(A, a).0.len(), 8_000);
    net.close(A, a);
    net.settle();
    net.pass(Duration::from_millis(10)); // 2,500 numbers of the clock
    let a = net.hosts[A].connect(net.now, Some(tuple.local()), tuple.remote(), Reuse::No);
    net.settle();
    assert_eq!(net.state(A, a.unwrap()), Established);
    let b = net.hosts[B].accept(listener).unwrap();
    assert_eq!(
        net.hosts[B].connection(b).unwrap().iss().distance(iss),
        8_002
    );
}

#[test]
fn without_a_listener_or_leave_time_wait_stays() {
    for (listens, reopen) in [(false, true), (true, false)] {
        let mut net = Net::new(Config { reopen, ..config() });
        let tuple = server_in_time_wait(&mut net);
        net.pass(Duration::from_millis(10));
        if listens {
            net.hosts[B]
                .listen(at(B_IP, 80), 4, Reuse::Address)
                .unwrap();
        }
        let a = net.hosts[A].connect(net.now, Some(tuple.local()), tuple.remote(), Reuse::No);
        net.settle();
        // The ACK of TIME_WAIT is not of A's SYN: a RST, which TIME_WAIT ignores (RFC 1337).
        assert_eq!(net.sent(), ["A SYN", "B ACK", "A RST"]);
        assert_eq!(net.state(A, a.unwrap()), State::SynSent);
        assert_eq!(net.hosts[B].count(TimeWait), 1);
    }
}

/// RFC 9293 MAY-2 (2): what turns out an old duplicate goes back to TIME_WAIT.
#[test]
fn a_reopening_that_was_none_goes_back() {
    let mut net = Net::new(config());
    let tuple = server_in_time_wait(&mut net);
    net.secs(50);
    let local = at(B_IP, 80);
    let listener = net.hosts[B].listen(local, 4, Reuse::Address).unwrap();
    let a = net.hosts[A].connect(net.now, Some(tuple.local()), tuple.remote(), Reuse::No);
    net.lose = Box::new(|_, h, _| h.flags == Flags::ACK);
    net.settle();
    assert_eq!(
        (
            net.hosts[B].count(SynReceived),
            net.hosts[B].count(TimeWait)
        ),
        (1, 0)
    );
    // A knows nothing of it any more: its RST answers what B sends again.
    net.hosts[A].abort(net.now, a.unwrap()).unwrap();
    net.settle();
    assert_eq!((net.hosts[B].len(), net.hosts[B].count(TimeWait)), (0, 1));
    assert_eq!(net.hosts[B].accept(listener), None);
    assert_eq!(net.hosts[B].unlisten(net.now, listener), Ok(()));
    let held = net.hosts[B].listen(local, 4, Reuse::No);
    assert_eq!(held, Err(BindError::InTimeWait(local, 1)));
    net.secs(59); // afresh
    assert_eq!(net.hosts[B].count(TimeWait), 1);
    net.secs(1);
    assert_eq!(net.hosts[B].count(TimeWait), 0);
    assert!(net.hosts[B].listen(local, 4, Reuse::No).is_ok());
}

#[test]
fn an_aborted_one_refuses_to_reopen() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    let tuple = net.hosts[A].tuple(a).unwrap();
    net.abort(B, b);
    net.settle();
    net.hosts[A].release(a).unwrap();
    net.secs(1);
    net.sent();
    let a = net.hosts[A].connect(net.now, Some(tuple.local()), tuple.remote(), Reuse::No);
    net.settle();
    assert_eq!(net.sent(), ["A SYN", "B RST,ACK"]);
    assert_eq!(net.state(A, a.unwrap()), State::Closed);
}

#[test]
fn aborting_in_time_wait_ends_it() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.shutdown(A, a);
    net.settle();
    net.close(B, b);
    net.settle();
    assert_eq!(
        (net.state(A, a), net.hosts[A].count(TimeWait)),
        (TimeWait, 1)
    );
    net.abort(A, a);
    assert_eq!((net.hosts[A].count(TimeWait), net.hosts[A].len()), (0, 0));
    assert_eq!(net.hosts[A].state(a), Err(UserError::Stale));
    net.is_clean(1);
}

#[test]
fn six_as_well_as_four() {
    let limits = Limits {
        time_waits: timewait::Limits { v4: 0, v6: 9 },
        ..Limits::default()
    };
    let mut net = Net::of([stack(config(), limits, 1), stack(config(), limits, 2)]);
    net.hosts[A].add_address(ip("2001:db8::1")).unwrap();
    net.hosts[B].add_address(ip("2001:db8::2")).unwrap();
    let to = at("2001:db8::2", 80);
    let listener = net.hosts[B].listen(at("::", 80), 9, Reuse::No).unwrap();
    let a = net.hosts[A].connect(net.now, None, to, Reuse::No).unwrap();
    net.settle();
    let b = net.hosts[B].accept(listener).unwrap();
    assert_eq!(net.hosts[B].tuple(b).unwrap().local(), to);
    net.send(A, a, &[6; 5_000]);
    net.secs(1);
    assert_eq!(net.read(B, b).0, [6; 5_000]);
    net.close(A, a);
    net.close(B, b);
    net.settle();
    let held = net.hosts[A].count(TimeWait) + net.hosts[B].count(TimeWait);
    assert!(held > 0);
    net.secs(60);
    assert_eq!((net.hosts[A].len(), net.hosts[B].len()), (0, 0));
    assert_eq!(net.hosts[B].census(net.now).sockets, 1);
}
