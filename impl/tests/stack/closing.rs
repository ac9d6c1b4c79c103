//! Each way of closing, segment by segment.

use std::time::Duration;

use farewell::State::{CloseWait, Established, FinWait2, LastAck, SynSent, TimeWait};
use farewell::config::KeepAlive;
use farewell::connection::Indication::{self, Connected, GaveUp, Readable, Reset, UserTimeout};
use farewell::stack::{Event, UserError};
use farewell::wire::Flags;
use farewell::{Config, State};

use super::net::*;

#[test]
fn open_and_echo() {
    let mut net = Net::new(config());
    let listener = net.listen();
    let a = net.connect();
    net.settle();
    assert_eq!(net.sent(), ["A SYN", "B SYN,ACK", "A ACK"]);
    assert_eq!(net.told(A, a), [Connected]);
    assert_eq!(net.told[B], [Event::Incoming(listener)]);
    let b = net.hosts[B].accept(listener).unwrap();
    assert_eq!(net.hosts[B].accept(listener), None);
    net.send(A, a, b"hello");
    net.settle();
    assert_eq!(net.sent(), ["A ACK 5"]);
    assert_eq!(net.told(B, b), [Connected, Readable]);
    let (text, end) = net.read(B, b);
    assert_eq!((&text[..], end), (&b"hello"[..], false));
    net.send(B, b, &text);
    net.settle();
    // The acknowledgment rides on the echo; that of the echo is delayed.
    assert_eq!(net.sent(), ["B ACK 5"]);
    assert_eq!(net.read(A, a).0, b"hello");
    net.pass(Duration::from_millis(50));
    assert_eq!(net.sent(), ["A ACK"]);
    assert_eq!(
        (net.state(A, a), net.state(B, b)),
        (Established, Established)
    );
}

#[test]
fn the_active_closer_waits_and_the_passive_one_does_not() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.close(A, a);
    net.settle();
    assert_eq!(net.sent(), ["A FIN,ACK", "B ACK"]);
    assert_eq!(net.hosts[A].count(FinWait2), 1);
    assert_eq!(net.state(B, b), CloseWait);
    assert_eq!(net.read(B, b), (vec![], true));
    net.close(B, b);
    net.settle();
    assert_eq!(net.sent(), ["B FIN,ACK", "A ACK"]);
    assert_eq!(
        (net.hosts[A].count(TimeWait), net.hosts[B].count(TimeWait)),
        (1, 0)
    );
    assert_eq!((net.hosts[A].len(), net.hosts[B].len()), (0, 0));
    net.secs(59);
    assert_eq!(net.hosts[A].count(TimeWait), 1);
    net.secs(1);
    net.is_clean(1);
}

#[test]
fn both_close_at_once() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.shutdown(A, a);
    net.shutdown(B, b);
    net.settle();
    assert_eq!(net.sent(), ["A FIN,ACK", "B FIN,ACK", "B ACK", "A ACK"]);
    for (host, handle) in [(A, a), (B, b)] {
        assert_eq!(net.state(host, handle), TimeWait);
        assert_eq!(
            net.told(host, handle),
            [Connected, Readable, Indication::Closed]
        );
        assert_eq!(net.read(host, handle), (vec![], true));
    }
    net.secs(60);
    assert_eq!(
        (net.state(A, a), net.state(B, b)),
        (State::Closed, State::Closed)
    );
    net.hosts[A].release(a).unwrap();
    net.hosts[B].release(b).unwrap();
    net.is_clean(1);
}

#[test]
fn half_closed_the_other_way_goes_on() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.send(A, a, b"question");
    net.shutdown(A, a);
    net.settle();
    assert_eq!(net.sent(), ["A FIN,ACK 8", "B ACK"]);
    assert_eq!(net.read(B, b), (b"question".to_vec(), true));
    let mut answer = Vec::new();
    for n in 0..20u8 {
        net.send(B, b, &[n; 1_000]);
        net.settle();
        assert_eq!(net.state(A, a), FinWait2);
        let (text, end) = net.read(A, a);
        answer.extend(text);
        assert!(!end);
        net.settle();
    }
    net.close(B, b);
    net.settle();
    assert_eq!(net.state(A, a), TimeWait);
    let (last, end) = net.read(A, a);
    answer.extend(last);
    assert_eq!((answer.len(), end), (20_000, true));
    assert!(
        answer
            .chunks(1_000)
            .zip(0..)
            .all(|(part, n)| part == [n; 1_000])
    );
    assert_eq!(net.hosts[A].release(a), Ok(()));
    net.secs(60);
    net.is_clean(1);
}

#[test]
fn what_is_unread_stays_readable_when_all_is_over_and_its_ends_are_anothers() {
    let mut net = Net::new(config());
    let listener = net.listen();
    let a = net.connect();
    net.settle();
    let b = net.hosts[B].accept(listener).unwrap();
    let tuple = net.hosts[A].tuple(a).unwrap();
    net.shutdown(A, a);
    net.settle();
    net.send(B, b, b"last words");
    net.close(B, b);
    net.secs(61);
    assert_eq!(
        (net.state(A, a), net.hosts[A].count(TimeWait)),
        (State::Closed, 0)
    );
    // The same two ends again, while the old connection is still to be read.
    let reuse = farewell::stack::Reuse::Address;
    let again = net.hosts[A].connect(net.now, Some(tuple.local()), tuple.remote(), reuse);
    let again = again.unwrap();
    net.settle();
    assert_eq!(net.state(A, again), Established);
    assert_eq!(net.hosts[A].census(net.now).unreleased, 1);
    // And that is in TIME_WAIT now: not the old one's, which has none to end.
    net.shutdown(A, again);
    net.settle();
    let b = net.hosts[B].accept(listener).unwrap();
    net.close(B, b);
    net.settle();
    let states = (net.state(A, again), net.state(A, a));
    assert_eq!(states, (TimeWait, State::Closed));
    assert_eq!(net.read(A, a), (b"last words".to_vec(), true));
    net.abort(A, a);
    assert_eq!(net.state(A, again), TimeWait);
    let stale = net.hosts[A].receive(net.now, a, &mut [0; 4]);
    assert_eq!(stale, Err(UserError::Stale));
}

#[test]
fn an_abort_resets_and_lingers() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.send(A, a, b"lost");
    net.abort(A, a);
    net.settle();
    assert_eq!(net.sent(), ["A RST"]);
    assert_eq!(
        (net.state(B, b), net.told(B, b).last()),
        (State::Closed, Some(&Reset))
    );
    assert_eq!(net.hosts[A].state(a), Err(UserError::Stale));
    assert_eq!((net.hosts[A].len(), net.hosts[A].count(TimeWait)), (0, 1));
    net.hosts[B].release(b).unwrap();
    net.secs(60);
    net.is_clean(1);
}

/// RFC 9293 section 3.5.2: whoever issues a RST lingers, because it may be lost.
#[test]
fn a_lost_abort_is_made_up_for() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.lose = Box::new(|_, h, _| h.flags.has(Flags::RST));
    net.abort(A, a);
    net.settle();
    net.lose = Box::new(|_, _, _| false);
    assert_eq!(
        (net.sent(), net.state(B, b)),
        (vec!["A RST".into()], Established)
    );
    net.send(B, b, b"are you there?");
    net.settle();
    assert_eq!(net.sent(), ["B ACK 14", "A RST"]);
    assert_eq!(net.state(B, b), State::Closed);
}

#[test]
fn closing_with_unread_text_is_an_abort() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.send(A, a, b"nobody reads this");
    net.settle();
    net.close(B, b);
    net.settle();
    assert_eq!(net.sent(), ["A ACK 17", "B RST"]);
    assert_eq!(net.told(A, a).last(), Some(&Reset));
    assert_eq!(net.state(A, a), State::Closed);
}

#[test]
fn text_for_an_orphan_is_answered_with_a_reset() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.close(A, a);
    net.settle();
    net.send(B, b, b"too late");
    net.settle();
    assert_eq!(net.sent(), ["A FIN,ACK", "B ACK", "B ACK 8", "A RST"]);
    assert_eq!(net.state(B, b), State::Closed);
    assert_eq!(
        (net.hosts[A].len(), net.hosts[A].census(net.now).orphans),
        (0, 0)
    );
}

#[test]
fn a_lost_fin_is_sent_again() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    let mut left = 2;
    net.lose = Box::new(move |from, h, _| {
        let lost = from == A && h.flags.has(Flags::FIN) && left > 0;
        left -= i32::from(lost);
        lost
    });
    net.shutdown(A, a);
    net.settle();
    assert_eq!(
        (net.sent(), net.state(B, b)),
        (vec!["A FIN,ACK".into()], Established)
    );
    let began = net.now;
    while net.state(B, b) == Established {
        assert!(net.step(began + Duration::from_secs(10)));
    }
    // RTO 1 s, doubled.
    assert_eq!(net.now.since(began), Duration::from_secs(3));
    assert_eq!(net.sent(), ["A FIN,ACK", "A FIN,ACK", "B ACK"]);
    assert_eq!(net.state(A, a), FinWait2);
}

/// The last ACK is lost: TIME_WAIT is there to send it again, and its time starts afresh.
#[test]
fn last_ack_is_helped_out_by_time_wait() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.close(A, a);
    net.settle();
    let mut left = 1;
    net.lose = Box::new(move |from, _, _| {
        left -= i32::from(from == A);
        from == A && left == 0
    });
    net.shutdown(B, b);
    net.settle();
    assert_eq!(
        (net.state(B, b), net.hosts[A].count(TimeWait)),
        (LastAck, 1)
    );
    net.sent();
    net.secs(1);
    assert_eq!(net.sent(), ["B FIN,ACK", "A ACK"]);
    assert_eq!(
        (net.state(B, b), net.told(B, b).last()),
        (State::Closed, Some(&Indication::Closed))
    );
    assert_eq!(net.hosts[A].counters().time_waits.restarted, 1);
    net.secs(59);
    assert_eq!(net.hosts[A].count(TimeWait), 1);
    net.secs(1);
    assert_eq!(net.hosts[A].count(TimeWait), 0);
}

/// What TIME_WAIT answers offers the room that reading has made meanwhile.
#[test]
fn reading_in_time_wait_opens_its_window() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.shutdown(A, a);
    net.settle();
    net.send(B, b, &[1; 8_000]);
    net.secs(1);
    net.lose = Box::new(|from, _, _| from == A);
    net.close(B, b);
    net.settle();
    assert_eq!(
        (net.state(A, a), net.hosts[B].count(LastAck)),
        (TimeWait, 1)
    );
    assert_eq!(net.read(A, a), (vec![1; 8_000], true));
    let windows = std::rc::Rc::new(std::cell::Cell::new(None));
    let seen = windows.clone();
    net.lose = Box::new(move |from, h, _| {
        seen.set(seen.get().or((from == A).then_some(h.window)));
        false
    });
    net.secs(2);
    assert_eq!((windows.get(), net.hosts[B].len()), (Some(8_192), 0));
}

#[test]
fn a_syn_for_nobody_is_refused() {
    let mut net = Net::new(config());
    let a = net.connect();
    net.settle();
    assert_eq!(net.sent(), ["A SYN", "B RST,ACK"]);
    assert_eq!(
        (net.told(A, a), net.state(A, a)),
        (vec![Reset], State::Closed)
    );
    assert_eq!(net.hosts[B].counters().no_connection, 1);
    net.hosts[A].release(a).unwrap();
    net.is_clean(0);
}

#[test]
fn a_syn_nobody_answers_is_given_up() {
    let mut net = Net::new(config());
    let a = net.connect();
    net.lose = Box::new(|_, _, _| true);
    net.secs(179);
    assert_eq!(net.state(A, a), SynSent);
    net.secs(1);
    assert_eq!(
        (net.state(A, a), net.told(A, a)),
        (State::Closed, vec![GaveUp])
    );
    let sent = net.sent();
    assert!(
        sent.iter().all(|s| s == "A SYN") && sent.len() == 8,
        "{sent:?}"
    );
}

#[test]
fn both_open_at_once() {
    let mut net = Net::new(config());
    let (x, y) = (at(A_IP, 1_000), at(B_IP, 2_000));
    let reuse = farewell::stack::Reuse::No;
    let a = net.hosts[A].connect(net.now, Some(x), y, reuse).unwrap();
    let b = net.hosts[B].connect(net.now, Some(y), x, reuse).unwrap();
    net.settle();
    assert_eq!(net.sent()[..2], ["A SYN", "B SYN"]);
    assert_eq!(
        (net.state(A, a), net.state(B, b)),
        (Established, Established)
    );
    net.send(A, a, b"both");
    net.settle();
    assert_eq!(net.read(B, b).0, b"both");
}

#[test]
fn keep_alives_are_answered_and_at_last_give_up() {
    let keep_alive = Some(KeepAlive {
        idle: Duration::from_secs(100),
        probes: Some(3),
    });
    let mut net = Net::new(Config {
        keep_alive,
        ..config()
    });
    let (a, b) = net.open();
    net.secs(1_000);
    assert_eq!(
        (net.state(A, a), net.state(B, b)),
        (Established, Established)
    );
    assert!(net.sent().len() >= 20);
    net.lose = Box::new(|_, _, _| true);
    net.secs(499);
    net.secs(2);
    assert_eq!(
        (net.state(A, a), net.state(B, b)),
        (State::Closed, State::Closed)
    );
    assert_eq!(net.told(A, a).last(), Some(&GaveUp));
    assert!(net.sent().len() <= 7);
}

#[test]
fn the_user_timeout_and_r2_end_what_is_not_acknowledged() {
    for (user_timeout, after, why) in [
        (Some(Duration::from_secs(30)), 30, UserTimeout),
        (None, 120, GaveUp),
    ] {
        let mut net = Net::new(Config {
            user_timeout,
            ..config()
        });
        let (a, _) = net.open();
        net.lose = Box::new(|_, _, _| true);
        net.send(A, a, b"anybody?");
        net.secs(after - 1);
        assert_eq!(net.state(A, a), Established);
        net.secs(1);
        assert_eq!(
            (net.state(A, a), net.told(A, a).last()),
            (State::Closed, Some(&why))
        );
    }
}

#[test]
fn an_orphan_in_fin_wait_2_ends_by_itself_and_a_reader_does_not() {
    let mut net = Net::new(config());
    let (a, b) = net.open();
    net.secs(5);
    net.shutdown(A, a);
    net.secs(10_000);
    assert_eq!((net.state(A, a), net.state(B, b)), (FinWait2, CloseWait));
    net.close(A, a);
    net.secs(59);
    assert_eq!(net.hosts[A].count(FinWait2), 1);
    net.secs(1);
    assert_eq!((net.hosts[A].len(), net.hosts[A].count(TimeWait)), (0, 0));
    // B has never closed: the pile-up that a census shows.
    let census = net.hosts[B].census(net.now);
    let row = census.row(CloseWait);
    assert_eq!((row.count, row.oldest), (1, Duration::from_secs(10_060)));
    assert_eq!(row.ages[14], 1); // 2^13 seconds and more
    assert!(census.to_string().contains("CLOSE_WAIT"));
}
