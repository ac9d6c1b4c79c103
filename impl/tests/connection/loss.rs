//! Congestion control at work, round trips, retransmission.

use super::*;

#[test]
fn slow_start_begins_with_ten_segments_and_sends_two_for_each_acknowledged() {
    let mut h = host();
    assert_eq!(h.writes(60_000), segments(0, 10));
    assert_eq!(h.acked(1_000), segments(10, 2));
    assert_eq!(h.acked(2_000), segments(12, 2));
    assert_eq!(h.cwnd(), 12_000);
}

#[test]
fn the_third_duplicate_sends_the_front_again_and_later_ones_let_more_go() {
    let mut h = host();
    h.writes(60_000);
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), []);
    // RFC 5681 3.2: half of the ten in flight, and three that have left the network.
    assert_eq!(h.acked(0), segments(0, 1));
    assert_eq!(h.cwnd(), 8_000);
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), segments(10, 1), "eleven segments now");
    // A partial acknowledgment shows the next hole (RFC 6582), and the window deflates by it less a segment.
    let again = h.acked(3_000);
    assert_eq!(again[0], segments(3, 1)[0]);
    assert_eq!(h.cwnd(), 9_000);
    // Duplicates go on within the recovery: each lets a segment more go, and none halves again.
    for n in 1..=4 {
        h.acked(3_000);
        assert_eq!(h.cwnd(), 9_000 + n * 1_000);
    }
    // Everything up to where recovery began: over, with half the window.
    h.acked(10_000);
    assert_eq!(h.cwnd(), 5_000);
    h.acked(11_000);
    assert!(h.cwnd() < 6_000, "avoidance, not slow start");
}

#[test]
fn what_is_no_duplicate_is_not_counted() {
    // Nothing is in flight.
    let mut h = host();
    (0..3).for_each(|_| assert_eq!(h.acked(0), []));
    assert_eq!(h.writes(30_000), segments(0, 10));
    // Windows that change, and text.
    for _ in 0..3 {
        h.window += 1;
        assert_eq!(h.acked(0), []);
    }
    for _ in 0..3 {
        let answer = h.text(b"x");
        assert_eq!(answer.iter().filter(|s| s.1 > 0).count(), 0);
    }
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), []);
    assert_eq!(h.acked(0), segments(0, 1));
}

/// A closed window is answered so; it is no sign of a loss.
#[test]
fn what_repeats_that_the_window_is_closed_is_no_duplicate() {
    let mut h = host();
    assert_eq!(h.writes(30_000), segments(0, 10));
    h.window = 0;
    (0..5).for_each(|_| assert_eq!(h.acked(0), []));
    assert_eq!(h.cwnd(), 10_000);
}

#[test]
fn a_timeout_sends_all_again_from_one_segment_on() {
    let mut h = host();
    assert_eq!(h.writes(30_000), segments(0, 10));
    let first = h.timeout();
    assert_eq!(h.waits(first), segments(0, 1));
    assert_eq!((h.cwnd(), h.timeout()), (1_000, first * 2));
    // Duplicates mean nothing now: they are of what was sent before.
    (0..4).for_each(|_| assert_eq!(h.acked(0), []));
    assert_eq!(h.acked(1_000), segments(1, 2));
    assert_eq!(h.acked(2_000), segments(3, 2));
    // What arrived the first time is not sent again; behind the rest of what was lost goes what is new.
    assert_eq!(h.acked(8_000), segments(8, 4));
    assert_eq!(h.cwnd(), 4_000);
    // Up to where it stood: over. Slow start goes on to half of what was in flight, then avoidance.
    assert_eq!(h.acked(10_000), segments(12, 2));
    h.acked(11_000);
    assert_eq!(h.cwnd(), 5_000);
    h.acked(12_000);
    assert_eq!(h.cwnd(), 5_000);
}

#[test]
fn a_round_trip_is_measured_of_what_was_sent_once() {
    let least = Duration::from_millis(1);
    let mut quick = config();
    quick.rto.min = least;
    let mut h = Host::established(quick, syn_of_the_peer());
    // The handshake: SRTT 100 ms, RTTVAR 50 ms (RFC 6298 2.2).
    h.writes(1);
    assert_eq!(h.timeout(), Duration::from_millis(300));
    h.now = h.now + Duration::from_millis(180);
    h.acked(1);
    // 3/4 of 50 + 1/4 of 80; 7/8 of 100 + 1/8 of 180.
    h.writes(1);
    assert_eq!(
        h.timeout(),
        Duration::from_millis(110 + 4 * 57) + Duration::from_micros(2_000)
    );
    // Sent again: which of the two is acknowledged nobody knows (Karn), and the timeout stays doubled.
    let before = h.timeout();
    h.waits(before);
    h.now = h.now + Duration::from_millis(1);
    h.acked(2);
    h.writes(1);
    assert_eq!(h.timeout(), before * 2);
}

#[test]
fn an_acknowledgment_of_less_than_is_timed_measures_nothing() {
    let mut quick = config();
    quick.rto.min = Duration::from_millis(1);
    let mut h = Host::established(quick, syn_of_the_peer());
    h.writes(3_000); // the first of the three is timed
    h.now = h.now + Duration::from_millis(500);
    h.acked(500);
    assert_eq!(
        h.timeout(),
        Duration::from_millis(300),
        "as after the handshake"
    );
    h.acked(1_000);
    assert!(h.timeout() > Duration::from_millis(500));
}

#[test]
fn timestamps_measure_what_they_echo() {
    let mut stamped = config();
    stamped.timestamps = true;
    stamped.rto.min = Duration::from_millis(1);
    let options = |h: &Host| Options {
        timestamps: Some(Timestamps {
            val: 1,
            ecr: (h.now.0 / 1_000) as u32,
        }),
        ..syn_of_the_peer()
    };
    let peek = Host::closed(stamped);
    let mut h = Host::established(stamped, options(&peek));
    h.writes(3_000);
    assert_eq!(h.timeout(), Duration::from_millis(300));
    let sent = (h.now.0 / 1_000) as u32;
    let stamp = |ecr: u32| Some(Timestamps { val: 2, ecr });
    // Of the future, and none: not believed.
    h.acked_with(100, stamp(sent + 5_000));
    assert_eq!(h.timeout(), Duration::from_millis(300));
    h.acked_with(200, stamp(0));
    assert_eq!(h.timeout(), Duration::from_millis(300));
    h.now = h.now + Duration::from_millis(100);
    h.acked_with(300, stamp(sent));
    // RTTVAR 3/4 of 50.
    assert_eq!(h.timeout(), Duration::from_millis(250));
}

/// RFC 6298 section 3: a probe is sent again and again, and answered when the window opens.
#[test]
fn probes_measure_no_round_trip_and_show_no_loss() {
    let mut h = host();
    let before = {
        h.writes(1);
        let t = h.timeout();
        h.acked(1);
        t
    };
    h.window = 0;
    assert_eq!(h.acked(1), []);
    assert_eq!(h.writes(20_000), []);
    let cwnd = h.cwnd();
    for _ in 0..6 {
        let wait = h.timeout();
        assert_eq!(h.waits(wait), [(1, 1)]);
        assert_eq!(h.acked(1), [], "refused");
    }
    h.window = 50_000;
    let went = h.acked(2);
    assert!(went.len() > 1 && went[0] == (2, 1_000));
    assert_eq!(
        (h.cwnd(), h.timeout()),
        (cwnd + 1, before),
        "slow start by one byte"
    );
}

/// RFC 5681 section 3.1.
#[test]
fn after_the_loss_of_a_syn_one_segment_goes_out() {
    let mut h = Host::opening(config(), 100_000);
    let first = h.timeout();
    assert_eq!(h.waits(first), [(u32::MAX, 0)]);
    let shake = Header {
        seq: IRS,
        ack: ISS + 1,
        flags: Flags::SYN.with(Flags::ACK),
        window: h.window,
        options: syn_of_the_peer(),
        ..Header::default()
    };
    h.hears(shake, &[]);
    h.sends();
    assert_eq!(h.writes(5_000), segments(0, 1));
    assert_eq!(h.timeout(), Duration::from_secs(3), "RFC 6298 (5.7)");
}
