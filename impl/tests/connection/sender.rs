//! When text goes out: Nagle, the sender's silly windows, PSH, and which timer then runs.

use super::*;

/// MUST-17: a small piece waits as long as something is in flight, unless it is the last.
#[test]
fn a_small_piece_waits_for_what_is_in_flight() {
    let mut h = host();
    assert_eq!(h.writes(10), [(0, 10)]);
    assert_eq!(h.writes(10), []);
    assert_eq!(h.acked(10), [(10, 10)]);
    assert_eq!(h.writes(10), []);
    h.tcp.shutdown(&h.config, h.now).unwrap();
    assert_eq!(h.sends(), [(20, 10)]);
    assert!(h.last.flags.has(Flags::FIN));
    // Without it nothing waits (MUST-17 too: it can be off).
    for avoid_silly_windows in [true, false] {
        let mut h = Host::established(
            Config {
                nagle: false,
                avoid_silly_windows,
                ..config()
            },
            syn_of_the_peer(),
        );
        assert_eq!(
            (h.writes(10), h.writes(10)),
            (vec![(0, 10)], vec![(10, 10)])
        );
    }
    // It does not depend on the other rule.
    let mut h = Host::established(
        Config {
            avoid_silly_windows: false,
            ..config()
        },
        syn_of_the_peer(),
    );
    assert_eq!((h.writes(10), h.writes(10)), (vec![(0, 10)], vec![]));
}

/// RFC 9293 section 3.8.6.2.1: a segment, half of the largest window there ever was, or all there is; else when the override
/// timeout is over.
#[test]
fn a_window_is_not_filled_by_silly_pieces() {
    let small = |avoid_silly_windows, largest| {
        let mut h = Host::closed(Config {
            avoid_silly_windows,
            ..config()
        });
        h.window = largest;
        h.opens(1_000);
        assert_eq!(h.sends().len(), 1);
        // Without a scale: the window is what its field says.
        h.shakes(Options {
            mss: Some(MSS),
            ..Options::default()
        });
        h
    };
    let mut h = small(true, 600);
    assert_eq!(h.writes(5_000), [(0, 600)]);
    h.window = 299;
    assert_eq!(h.acked(600), [], "less than half of 600");
    h.window = 300;
    assert_eq!(h.acked(600), [(600, 300)]);
    h.window = 299;
    assert_eq!(h.acked(900), []);
    let override_after = h.timeout();
    assert_eq!(h.waits(override_after), [(900, 299)]);
    // What waits for what is in flight waits at any window.
    let mut h = small(true, 600);
    assert_eq!(h.writes(200), [(0, 200)]);
    assert_eq!(h.writes(300), []);
    let mut h = small(false, 600);
    assert_eq!(h.writes(5_000), [(0, 600)]);
    h.window = 1;
    assert_eq!(h.acked(600), [(600, 1)]);
    // All there is, though it is little.
    let mut h = small(true, 600);
    assert_eq!(h.writes(10), [(0, 10)]);
}

/// MUST-60: what is pushed is the end of what was written.
#[test]
fn the_last_piece_is_pushed() {
    let mut h = host();
    let mut pushed = |what: fn(&mut Host)| {
        what(&mut h);
        let mut all = Vec::new();
        while let Some(out) = h.tcp.poll_transmit(&h.config, h.now) {
            all.push(out.header.flags.has(Flags::PSH));
        }
        all
    };
    let writes = |h: &mut Host| {
        assert_eq!(h.tcp.send(&h.config, h.now, &[7; 2_500]), Ok(2_500));
    };
    let times_out = |h: &mut Host| {
        h.now = h.tcp.poll_timeout().unwrap();
        h.tcp.handle_timeout(&h.config, h.now);
    };
    let hears = |h: &mut Host| {
        let header = Header {
            seq: h.next,
            ack: ISS + 4_501,
            flags: Flags::ACK,
            window: h.window,
            ..Header::default()
        };
        h.hears(header, b"x");
    };
    assert_eq!(pushed(|_| ()), []);
    let fills = |h: &mut Host| {
        assert_eq!(h.tcp.send(&h.config, h.now, &[7; 2_000]), Ok(2_000));
    };
    assert_eq!(pushed(fills), [false, true]);
    pushed(|h| {
        h.acked(2_000);
    });
    let all = pushed(writes);
    // Nagle keeps the rest back: what goes is not the end of what was written.
    assert_eq!(all, [false, false]);
    pushed(|h| h.tcp.shutdown(&h.config, h.now).unwrap());
    assert_eq!(pushed(times_out), [false], "the front again");
    assert_eq!(pushed(hears), [false], "an acknowledgment");
}

/// RFC 6298 (5.1): the timer runs from the first of what is in flight.
#[test]
fn what_follows_does_not_start_the_timer_anew() {
    let mut h = host();
    h.writes(1_000);
    let timeout = h.timeout();
    let later = Duration::from_millis(10);
    h.now = h.now + later;
    assert_eq!(h.writes(1_000).len(), 1);
    assert_eq!(h.timeout(), timeout - later);
}

/// What asked whether the window has opened no longer does when it has.
#[test]
fn the_timer_of_probes_ends_with_the_first_that_goes() {
    let mut h = host();
    let timeout = {
        h.writes(10);
        let timeout = h.timeout();
        h.window = 0;
        assert_eq!(h.acked(10), []);
        timeout
    };
    assert_eq!(h.writes(1_000), []);
    assert_eq!(h.timeout(), timeout);
    h.now = h.now + timeout / 2;
    h.window = 50_000;
    assert_eq!(h.acked(10), [(10, 1_000)]);
    assert_eq!(h.timeout(), timeout, "from now on");
    // A probe leaves its own timer as it is: at intervals that grow.
    h.window = 0;
    assert_eq!(h.acked(1_010), []);
    assert_eq!(h.writes(1_000), []);
    assert_eq!(h.waits(timeout), [(1_010, 1)]);
    assert_eq!(h.timeout(), timeout * 2);
}

/// The round trip of a SYN begins when it is polled.
#[test]
fn a_syn_is_timed_from_when_it_goes() {
    let mut quick = config();
    quick.rto.min = Duration::from_millis(1);
    let mut h = Host::closed(quick);
    h.opens(1_000);
    h.now = h.now + Duration::from_secs(1);
    assert_eq!(h.sends(), [(u32::MAX, 0)]);
    h.shakes(syn_of_the_peer());
    h.writes(1);
    assert_eq!(h.timeout(), ROUND_TRIP * 3);
}

/// Behind the SYN the window that it offered is kept to, also where it is less than a step.
#[test]
fn the_window_of_a_syn_is_kept_to() {
    let mut h = Host::answering(config(), 100);
    assert_eq!(h.last.window, 1_000);
    let header = Header {
        seq: h.next,
        ack: ISS + 1,
        flags: Flags::ACK,
        window: h.window,
        ..Header::default()
    };
    h.hears(header, &[0; 600]);
    assert_eq!(h.sends(), [(0, 0)]);
    assert_eq!(h.last.window, 400);
}

/// What was sent after a timeout is not sent twice before it is lost as well.
#[test]
fn what_is_new_is_not_sent_again_with_what_was_lost() {
    let mut h = host();
    assert_eq!(h.writes(30_000), segments(0, 10));
    let first = h.timeout();
    assert_eq!(h.waits(first), segments(0, 1));
    assert_eq!(h.acked(8_000), segments(8, 2));
    // What was lost is out again, all of it: only new segments follow, each once.
    assert_eq!(h.acked(9_000), segments(10, 2));
    assert_eq!(h.acked(9_500), segments(12, 1));
}

/// Behind a probe that the peer refused, an acknowledgment lies beyond its closed window. The probe, sent once more, brings it;
/// but only if there is something new in it.
#[test]
fn a_probe_brings_what_is_new_and_nothing_else() {
    let mut h = host();
    h.window = 0;
    assert_eq!(h.acked(0), []);
    assert_eq!(h.writes(1), []);
    let first = h.timeout();
    assert_eq!(h.waits(first), [(0, 1)]);
    let text = Header {
        seq: h.next,
        ack: ISS + 1,
        flags: Flags::ACK,
        window: 0,
        ..Header::default()
    };
    h.hears(text, b"x");
    h.next += 1;
    assert_eq!(h.sends(), [(1, 0)]);
    assert_eq!(h.timeout(), Duration::ZERO);
    assert_eq!(h.waits(Duration::ZERO), [(0, 1)]);
    assert_eq!(h.last.ack, h.next);
    // The same text again is answered, and that is all.
    h.hears(text, b"x");
    assert_eq!(h.sends(), [(1, 0)]);
    assert!(h.timeout() > Duration::ZERO);
}

/// A window that closes over what is in flight and opens again asks for nothing: no probe was refused.
#[test]
fn what_is_in_flight_is_not_hurried_by_a_window() {
    let mut h = host();
    h.writes(1_000);
    let timeout = h.timeout();
    for window in [0, 50_000] {
        h.window = window;
        assert_eq!(h.acked(0), []);
    }
    assert_eq!(h.timeout(), timeout);
}

/// One timer serves both, and says which it is.
#[test]
fn the_timer_says_what_it_waits_for() {
    let runs = |h: &Host| {
        let mut timers = h.tcp.connection().unwrap().timers();
        timers.find(|t| matches!(t.0, Timer::Retransmit | Timer::Persist))
    };
    let mut h = host();
    assert_eq!(runs(&h), None);
    h.writes(10);
    assert_eq!(runs(&h).map(|t| t.0), Some(Timer::Retransmit));
    h.window = 0;
    h.acked(10);
    h.writes(10);
    assert_eq!(runs(&h).map(|t| t.0), Some(Timer::Persist));
}

/// A keep-alive waits for as long as the connection is not idle, and nobody is woken for it.
#[test]
fn nobody_is_woken_for_a_keep_alive_that_waits() {
    let keep_alive = farewell::config::KeepAlive {
        idle: Duration::from_millis(10),
        probes: None,
    };
    let c = Config {
        keep_alive: Some(keep_alive),
        ..config()
    };
    let mut h = Host::established(c, syn_of_the_peer());
    assert_eq!(h.tcp.poll_timeout(), Some(h.now + keep_alive.idle));
    h.writes(10);
    assert_eq!(h.tcp.poll_timeout(), Some(h.now + h.timeout()));
}
