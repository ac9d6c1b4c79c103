use super::*;
use farewell::seq::SeqNumber;
use farewell::wire::{Addresses, Flags, Header, emit_packet};

const KERNEL: [u8; 4] = [10, 99, 0, 1];
const OURS: [u8; 4] = [10, 99, 0, 2];

fn tuple(port: u16) -> Tuple {
    Tuple::new((OURS, 7).into(), (KERNEL, port).into()).unwrap()
}

/// The n-th packet from the kernel's port.
fn packet(port: u16, n: u32) -> Vec<u8> {
    let header = Header {
        src_port: port,
        dst_port: 7,
        seq: SeqNumber(n),
        flags: Flags::ACK,
        ..Header::default()
    };
    let (src, dst) = (KERNEL.into(), OURS.into());
    let mut buf = [0; 100];
    let addresses = Addresses::V4 { src, dst };
    let len = emit_packet(&header, &addresses, (&[], &[]), &mut buf, Checksums::Verify).unwrap();
    buf[..len].to_vec()
}

fn number(bytes: &[u8]) -> u32 {
    Packet::parse(bytes).unwrap().segment.header.seq.0
}

/// Sends `n` packets a millisecond apart and says which arrived, in order, and when.
fn run(seed: u64, faults: Faults, n: u32) -> (Vec<(u32, u64)>, Counts) {
    let mut link = Link::new(seed, Faults::NONE);
    link.watch(tuple(1), faults);
    let mut arrived = Vec::new();
    for ms in 0..n + 1000 {
        let now = Instant(u64::from(ms) * 1000);
        if ms < n {
            link.enter(Direction::ToFarewell, now, &packet(1, ms));
        }
        while let Some(bytes) = link.leave(Direction::ToFarewell, now) {
            arrived.push((number(&bytes), u64::from(ms)));
            link.recycle(bytes);
        }
    }
    assert!(link.is_empty());
    (arrived, link.forget(&tuple(1)))
}

fn longest(millis: u64) -> Faults {
    Faults {
        longest: Duration::from_millis(millis),
        ..Faults::NONE
    }
}

#[test]
fn a_perfect_link_delivers_each_at_once_and_in_order() {
    let (arrived, counts) = run(1, Faults::NONE, 500);
    let expected: Vec<_> = (0..500).map(|n| (n, u64::from(n))).collect();
    assert_eq!(arrived, expected);
    assert_eq!((counts.packets, counts.faults()), (500, 0));
}

#[test]
fn the_seed_decides_everything() {
    let faults = Faults {
        lose: 100,
        duplicate: 100,
        reorder: 100,
        delay: 100,
        ..longest(20)
    };
    assert_eq!(run(7, faults, 500), run(7, faults, 500));
    assert_ne!(run(7, faults, 500).0, run(8, faults, 500).0);
}

/// Decisions do not depend on what other connections do, or on when packets come.
#[test]
fn a_connection_has_decisions_of_its_own() {
    let lose = Faults {
        lose: 300,
        ..Faults::NONE
    };
    let fates = |disturbed: bool| {
        let mut link = Link::new(3, lose);
        link.watch(tuple(1), lose);
        link.watch(tuple(2), lose);
        let mut fates = Vec::new();
        for n in 0..200 {
            if disturbed {
                link.enter(Direction::ToFarewell, Instant(n), &packet(2, 0));
                link.enter(Direction::ToKernel, Instant(n), &packet(3, 0));
            }
            fates.push(link.enter(Direction::ToFarewell, Instant(n * 9), &packet(1, 0)));
        }
        fates
    };
    assert_eq!(fates(false), fates(true));
    assert!(fates(false).contains(&false));
}

#[test]
fn losing_only_loses() {
    let lose = Faults {
        lose: 200,
        ..longest(20)
    };
    let (arrived, counts) = run(5, lose, 2000);
    assert_eq!(arrived.len() as u64 + counts.lost, 2000);
    assert!((300..500).contains(&counts.lost), "{counts:?}");
    assert_eq!(counts.faults(), counts.lost);
    assert!(arrived.is_sorted_by(|a, b| a.0 < b.0));
    assert!(arrived.iter().all(|(n, at)| u64::from(*n) == *at));
}

#[test]
fn duplicating_delivers_the_first_in_order_and_one_more_within_the_bound() {
    let duplicate = Faults {
        duplicate: 200,
        ..longest(20)
    };
    let (arrived, counts) = run(5, duplicate, 2000);
    assert_eq!(arrived.len() as u64, 2000 + counts.duplicated);
    assert!((300..500).contains(&counts.duplicated), "{counts:?}");
    assert_eq!(counts.faults(), counts.duplicated);
    for n in 0..2000 {
        let times: Vec<u64> = arrived.iter().filter(|a| a.0 == n).map(|a| a.1).collect();
        assert_eq!(times[0], u64::from(n));
        assert!(times.len() <= 2 && times.iter().all(|t| t - times[0] <= 20));
    }
}

#[test]
fn reordering_lets_others_pass_and_loses_nothing() {
    let reorder = Faults {
        reorder: 200,
        ..longest(20)
    };
    let (mut arrived, counts) = run(5, reorder, 2000);
    assert!((300..500).contains(&counts.reordered), "{counts:?}");
    assert_eq!(counts.faults(), counts.reordered);
    assert!(!arrived.is_sorted());
    assert!(arrived.iter().all(|(n, at)| at - u64::from(*n) <= 20));
    arrived.sort();
    assert!(arrived.iter().map(|a| a.0).eq(0..2000));
}

#[test]
fn delaying_keeps_the_order_and_the_bound() {
    let delay = Faults {
        delay: 200,
        ..longest(20)
    };
    let (arrived, counts) = run(5, delay, 2000);
    assert!(arrived.iter().map(|a| a.0).eq(0..2000));
    assert!((300..500).contains(&counts.delayed), "{counts:?}");
    assert_eq!(counts.faults(), counts.delayed);
    assert!(arrived.iter().all(|(n, at)| at - u64::from(*n) <= 20));
    assert!(arrived.iter().any(|(n, at)| at - u64::from(*n) > 10));
}

#[test]
fn the_last_segments_are_told() {
    let mut link = Link::new(1, Faults::NONE);
    link.watch(
        tuple(1),
        Faults {
            lose: 1000,
            ..Faults::NONE
        },
    );
    for n in 0..100 {
        assert!(!link.enter(Direction::ToFarewell, Instant(1500), &packet(1, n)));
    }
    let story = link.story(&tuple(1));
    assert_eq!(story.len(), MEMORY);
    let last = "         1.5  kernel → farewell  ACK seq=99 ack=0 len=0 win=0  lost";
    assert_eq!(story.last().map(String::as_str), Some(last));
    assert!(link.story(&tuple(2)).is_empty());
}

#[test]
fn what_is_no_packet_passes() {
    let mut link = Link::new(1, Faults::NONE);
    link.watch(tuple(1), Faults::NONE);
    for bytes in [&[][..], &[0x45], &[0xff; 60]] {
        assert!(link.enter(Direction::ToKernel, Instant(0), bytes));
        assert_eq!(
            link.leave(Direction::ToKernel, Instant(0)).as_deref(),
            Some(bytes)
        );
    }
}

/// Of one host: a SYN or a FIN at this number, that acknowledges so much.
fn control(direction: Direction, flags: Flags, seq: u32, ack: u32) -> Vec<u8> {
    let mut header = Header {
        src_port: 1,
        dst_port: 7,
        seq: SeqNumber(seq),
        ack: SeqNumber(ack),
        flags,
        ..Header::default()
    };
    let (mut src, mut dst) = (KERNEL.into(), OURS.into());
    if direction == Direction::ToKernel {
        std::mem::swap(&mut src, &mut dst);
        std::mem::swap(&mut header.src_port, &mut header.dst_port);
    }
    let mut buf = [0; 100];
    let addresses = Addresses::V4 { src, dst };
    let len = emit_packet(&header, &addresses, (&[], &[]), &mut buf, Checksums::Verify).unwrap();
    buf[..len].to_vec()
}

/// What crossed, by what each host has acknowledged with what it sent; in which order the link saw it says nothing.
#[test]
fn what_crossed_is_told_by_what_each_had_heard() {
    use Direction::{ToFarewell, ToKernel};
    let (syn, syn_ack, fin) = (
        Flags::SYN,
        Flags::SYN.with(Flags::ACK),
        Flags::FIN.with(Flags::ACK),
    );
    let crossed = |sent: &[(Direction, Flags, u32, u32)]| {
        let mut link = Link::new(1, Faults::NONE);
        let all = Faults {
            lose: 1000,
            ..Faults::NONE
        };
        link.watch(tuple(1), all); // what is lost was sent all the same
        for (direction, flags, seq, ack) in sent {
            let packet = control(*direction, *flags, *seq, *ack);
            link.enter(*direction, Instant(0), &packet);
        }
        let Crossed { syns, fins } = link.crossed(&tuple(1));
        (syns, fins)
    };
    let opened = [(ToFarewell, syn, 10, 0), (ToKernel, syn_ack, 50, 11)];
    assert_eq!(crossed(&opened), (false, false));
    let both = [(ToFarewell, syn, 10, 0), (ToKernel, syn, 50, 0)];
    assert_eq!(crossed(&both), (true, false));
    // The second has heard the first's FIN; one that is sent again acknowledges more.
    let closed = [(ToFarewell, fin, 20, 60), (ToKernel, fin, 60, 21)];
    assert_eq!(crossed(&closed), (false, false));
    let closed = [(ToKernel, fin, 60, 20), (ToFarewell, fin, 20, 61)];
    assert_eq!(crossed(&closed), (false, false));
    let both = [
        (ToFarewell, fin, 20, 60),
        (ToKernel, fin, 60, 20),
        (ToFarewell, fin, 20, 61),
    ];
    assert_eq!(crossed(&both), (false, true));
    assert_eq!(crossed(&both[..1]), (false, false));
}
