//! Input that makes no sense, and handles that name nothing.

use farewell::State::{Established, SynReceived};
use farewell::connection::CallError;
use farewell::stack::{Handle, Heap, Refused, Reuse, UserError};
use farewell::wire::{Flags, Header, IpError};
use farewell::{Config, Instant, Stack};

use super::net::*;
use super::segments::*;

#[test]
fn nobodys_packets_change_nothing() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    let now = net.now;
    let stack = &mut net.hosts[B];
    let bad = Err(Refused::BadAddress);
    for (from, port, to) in [
        ("224.0.0.1", 1, B_IP),
        ("255.255.255.255", 1, B_IP),
        ("0.0.0.0", 1, B_IP),
        ("10.0.0.1", 0, B_IP),
        ("10.0.0.1", 1, "224.0.0.1"),
        ("10.0.0.1", 1, "255.255.255.255"),
    ] {
        let answered = answers(stack, now, &packet_to(from, port, to, syn()));
        assert_eq!(answered, (bad, vec![]), "{from} {port} {to}");
    }
    let elsewhere = answers(stack, now, &packet_to("10.0.0.1", 1, "10.0.0.2", syn()));
    assert_eq!(elsewhere, (Err(Refused::NotOurs), vec![]));
    let mut broken = packet("10.0.0.1", 1, syn());
    broken[30] ^= 1;
    let refused = answers(stack, now, &broken).0;
    assert!(matches!(refused, Err(Refused::Packet(IpError::Segment(_)))));
    let flags = |flags| Header { flags, ..syn() };
    let ack = answers(stack, now, &packet("10.0.0.1", 1, flags(Flags::ACK)));
    assert_eq!((ack.0, ack.1.len()), (Err(Refused::NoConnection), 1));
    let rst = answers(stack, now, &packet("10.0.0.1", 1, flags(Flags::RST)));
    assert_eq!(rst, (Err(Refused::NotSyn), vec![]));
    let c = stack.counters();
    assert_eq!(
        (
            c.bad_address,
            c.not_ours,
            c.malformed,
            c.no_connection,
            c.not_syn
        ),
        (6, 1, 1, 1, 1)
    );
    still_talk(&mut net, a, b);
}

#[test]
fn one_bad_packet_does_not_spoil_the_batch() {
    let mut net = Net::new(config());
    net.listen();
    let mut packets: Vec<Vec<u8>> = (1..=40).map(|n| packet("10.0.0.1", n, syn())).collect();
    for n in [0, 7, 15, 16, 39] {
        packets[n].truncate(30);
    }
    let all: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    assert_eq!(net.hosts[B].handle_batch(net.now, &all), 35);
    let c = net.hosts[B].counters();
    assert_eq!((c.packets_in, c.malformed, c.passive), (40, 5, 35));
    assert_eq!(net.hosts[B].count(SynReceived), 35);
    assert_eq!(net.hosts[B].handle_batch(net.now, &[]), 0);
}

/// The largest segments are cut down to what a packet can carry.
#[test]
fn no_mss_is_too_large_for_a_packet() {
    let config = Config {
        mss: u16::MAX,
        timestamps: false,
        ..config()
    };
    let heap = || Heap::new(100_000, 100_000, 1 << 30);
    let mut hosts = [1, 2].map(|n| stack_with(config, few(), n, heap()));
    hosts[A].add_address(ip(A_IP)).unwrap();
    hosts[B].add_address(ip(B_IP)).unwrap();
    let now = Instant(0);
    hosts[B].listen(at(B_IP, 80), 1, Reuse::No).unwrap();
    let a = hosts[A]
        .connect(now, None, at(B_IP, 80), Reuse::No)
        .unwrap();
    assert_eq!(hosts[A].send(now, a, &[1; 100_000]), Ok(100_000));
    let mut buf = vec![0; 70_000];
    let mut longest = 0;
    for from in [A, B, A] {
        while let Some(sent) = hosts[from].poll_transmit(now, &mut buf).unwrap() {
            longest = longest.max(sent.len);
            assert_eq!(hosts[1 - from].handle_packet(now, &buf[..sent.len]), Ok(()));
        }
    }
    assert_eq!(longest, 65_535);
}

#[test]
fn a_small_buffer_loses_nothing() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.send(A, a, &[7; 3_000]);
    let mut small = [0; 1_499];
    let refused = net.hosts[A].poll_transmit(net.now, &mut small).unwrap_err();
    assert_eq!((refused.needed, refused.got), (1_500, 1_499));
    net.settle();
    assert_eq!(net.read(B, b).0, [7; 3_000]); // and no time has passed
    // Neither does a reply.
    let now = net.now;
    let to_nobody = packet_to("10.0.0.1", 1, A_IP, syn());
    assert_eq!(
        net.hosts[A].handle_packet(now, &to_nobody),
        Err(Refused::NoConnection)
    );
    assert!(net.hosts[A].poll_transmit(now, &mut [0; 39]).is_err());
    assert!(
        net.hosts[A]
            .poll_transmit(now, &mut [0; 40])
            .unwrap()
            .is_some()
    );
}

#[test]
fn stale_handles_are_noticed() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.close(A, a);
    net.close(B, b);
    net.settle();
    let again = net.connect(); // in the same slot
    net.settle();
    let now = net.now;
    let host = &mut net.hosts[A];
    assert_eq!(host.len(), 1);
    let stale = Err(UserError::Stale);
    assert_eq!(host.send(now, a, b"x"), Err(UserError::Stale));
    assert_eq!(host.receive(now, a, &mut [0]), Err(UserError::Stale));
    assert_eq!(host.shutdown(now, a), stale);
    assert_eq!(host.close(now, a), stale);
    assert_eq!(host.abort(now, a), stale);
    assert_eq!(host.release(a), stale);
    assert_eq!(host.state(a), Err(UserError::Stale));
    assert!(host.tuple(a).is_err() && host.readable(a).is_err() && host.writable(a).is_err());
    assert_eq!(host.release(again), Err(UserError::Open));
    assert_eq!(net.state(A, again), Established);
    net.shutdown(A, again);
    let twice = net.hosts[A].shutdown(net.now, again);
    assert_eq!(twice, Err(UserError::Call(CallError::Closing)));
}

/// Whatever a handle ends by, it does not come to name the next connection in its slot.
#[test]
fn no_way_of_ending_leaves_a_handle_behind() {
    type End = fn(&mut Net, Handle, Handle);
    let ends: [End; 4] = [
        |net, a, _| net.close(A, a),
        |net, a, _| net.abort(A, a),
        |net, a, b| {
            net.abort(B, b);
            net.settle();
            net.hosts[A].release(a).unwrap();
        },
        |net, a, b| {
            net.abort(B, b);
            net.settle();
            net.close(A, a);
        },
    ];
    for end in ends {
        let mut net = Net::new(config());
        let (a, b) = net.open();
        end(&mut net, a, b);
        for _ in 0..2 {
            assert_eq!(net.hosts[A].state(a), Err(UserError::Stale));
            assert_eq!(net.hosts[A].send(net.now, a, b"x"), Err(UserError::Stale));
            net.settle();
            net.connect();
            net.settle();
        }
    }
}

#[test]
fn a_configuration_without_sense_is_refused() {
    let config = Config {
        mss: 3,
        ..Config::default()
    };
    let secrets = farewell::stack::Secrets::new([0; 64]);
    let heap = Heap::new(1, 1, 1);
    assert!(Stack::new(config, few(), secrets, heap, Instant(0)).is_err());
    assert!(format!("{secrets:?}").len() < 20);
}
