//! Windows and buffers: scaled, closed, silly, full; streams that are long or arrive in pieces.

use super::*;

#[test]
fn a_receive_buffer_is_offered_whole() {
    let shift = |receive: usize, scales: bool| {
        let c = Config {
            window_scaling: scales,
            ..config()
        };
        Host::opening(c, receive).last.options.window_scale
    };
    assert_eq!(shift(65_535, true), Some(0));
    assert_eq!(shift(65_536, true), Some(1));
    assert_eq!(shift(2 * 65_535 + 1, true), Some(1));
    assert_eq!(shift(2 * 65_536, true), Some(2));
    assert_eq!(shift(1 << 30, true), Some(14));
    assert_eq!(shift(1 << 20, false), None);
}

#[test]
fn windows_are_scaled_after_the_handshake_only() {
    let h = Host::established(config(), syn_of_the_peer());
    // 100,000 bytes of buffer: shifted by one. Ours on the SYN was not (RFC 7323 2.2).
    assert_eq!(h.last.window, 50_000);
    assert_eq!(Host::opening(config(), 100_000).last.window, 65_535);
    // The peer's 50,000 on its SYN,ACK is what it says; afterwards it is twice that.
    let mut fresh = Host::established(config(), syn_of_the_peer());
    assert_eq!(fresh.tcp.connection().unwrap().snd_wnd(), 50_000);
    fresh.acked(0);
    let h = fresh;
    assert_eq!(h.tcp.connection().unwrap().snd_wnd(), 100_000);
    // A peer that does not scale.
    let alone = Options {
        mss: Some(MSS),
        ..Options::default()
    };
    let mut h = Host::established(config(), alone);
    assert_eq!(h.last.window, 65_535);
    h.acked(0);
    assert_eq!(h.tcp.connection().unwrap().snd_wnd(), 50_000);
}

/// RFC 9293 section 3.8.6.3: at least every second full segment, and within half a second.
#[test]
fn acknowledgments_wait_for_a_second_segment_or_their_time() {
    let delay = Duration::from_millis(40);
    let c = Config {
        delayed_ack: Some(delay),
        ..config()
    };
    let mut h = Host::established(c, syn_of_the_peer());
    let full = [0; MSS as usize];
    assert_eq!(h.text(&full), []);
    assert_eq!(h.text(b"x").len(), 1, "more than a segment's worth");
    assert_eq!(h.text(&full), []);
    assert_eq!(h.waits(delay - Duration::from_micros(1)), []);
    assert_eq!(h.waits(Duration::from_micros(1)).len(), 1);
    // A gap is shown at once, and so is that it is filled (RFC 5681 section 4.2).
    let missing = h.next;
    h.next += 10;
    assert_eq!(h.text(b"later").len(), 1);
    assert_eq!(h.last.ack, missing);
    h.next = missing;
    assert_eq!(h.text(&[1; 10]).len(), 1);
    assert_eq!(h.last.ack, missing + 15);
    let mut into = [0; 4_096];
    assert_eq!(
        h.tcp.receive(&h.config, &mut into),
        Ok(Received::Data(2_016))
    );
}

/// RFC 9293 section 3.8.6.2.2: the window opens when it has half the buffer more to offer, or two segments.
#[test]
fn a_window_does_not_open_by_silly_steps() {
    for (receive, quiet, opens) in [(100_000, 1_998, 2_000), (3_000, 1_498, 1_500)] {
        let mut h = Host::with_room(config(), syn_of_the_peer(), receive);
        for _ in 0..3 {
            assert_eq!(h.text(&[0; 1_000]).len(), 1);
        }
        let offered = h.last.window;
        let mut into = [0; 4_096];
        let read = |h: &mut Host, into: &mut [u8]| {
            let n = into.len();
            assert_eq!(h.tcp.receive(&h.config, into), Ok(Received::Data(n)));
            h.sends().len()
        };
        assert_eq!(read(&mut h, &mut into[..quiet]), 0, "{receive}");
        assert_eq!(read(&mut h, &mut into[..opens - quiet]), 1, "{receive}");
        assert!(h.last.window > offered);
    }
}

/// The same holds of the window in an acknowledgment that goes out for another reason: a full segment or half the buffer.
#[test]
fn an_acknowledgment_does_not_open_it_by_less_than_a_segment() {
    for (read, offered) in [(999, 0), (1_000, 1_000)] {
        let mut h = Host::with_room(config(), syn_of_the_peer(), 3_000);
        for _ in 0..3 {
            h.text(&[0; 1_000]);
        }
        assert_eq!(h.last.window, 0);
        let mut into = vec![0; read];
        let got = h.tcp.receive(&h.config, &mut into);
        assert_eq!(got, Ok(Received::Data(read)));
        h.next = h.next - 1; // left of the window
        assert_eq!(h.acked(0).len(), 1);
        assert_eq!(h.last.window, offered, "{read}");
    }
}

/// Of text that goes beyond the window only what is within is taken.
#[test]
fn more_than_the_window_is_cut() {
    let mut h = Host::with_room(config(), syn_of_the_peer(), 1_000);
    let begins = h.next;
    assert_eq!(h.text(&[7; 1_500]), [(0, 0)]);
    assert_eq!((h.last.ack, h.last.window), (begins + 1_000, 0));
    let mut into = [0; 2_000];
    let read = h.tcp.receive(&h.config, &mut into);
    assert_eq!(read, Ok(Received::Data(1_000)));
}

/// TIME_WAIT offers what the connection offered, in the same units.
#[test]
fn time_wait_keeps_the_scale() {
    let mut h = host();
    h.tcp.shutdown(&h.config, h.now).unwrap();
    assert_eq!(h.sends(), [(0, 0)]);
    let fin = Header {
        seq: h.next,
        ack: ISS + 2,
        flags: Flags::FIN.with(Flags::ACK),
        window: h.window,
        ..Header::default()
    };
    for _ in 0..2 {
        h.hears(fin, &[]);
        assert_eq!(h.tcp.state(), State::TimeWait);
        assert_eq!(h.sends(), [(1, 0)]);
    }
    assert_eq!(h.last.window, 50_000);
}

#[test]
fn a_queue_that_was_full_is_told_of_when_there_is_room() {
    for (len, taken) in [(200_000, false), (200_001, true)] {
        let mut h = host();
        h.told();
        let wrote = h.tcp.send(&h.config, h.now, &vec![0; len]);
        assert_eq!(wrote, Ok(200_000));
        h.sends();
        assert_eq!(h.tcp.send(&h.config, h.now, &[]), Ok(0));
        h.acked(0);
        assert_eq!(h.told(), [], "nothing has been freed");
        h.acked(1_000);
        let expected: &[_] = if taken { &[Indication::Writable] } else { &[] };
        assert_eq!(h.told(), expected);
        h.acked(2_000);
        assert_eq!(h.told(), [], "said once");
    }
}

/// Nor is that of a FIN. There is no room at all here.
#[test]
fn the_acknowledgment_of_a_syn_makes_no_room() {
    let mut h = Host::answering(config(), 0);
    let wrote = h.tcp.send(&h.config, h.now, b"x");
    assert_eq!(wrote, Err(CallError::InsufficientResources));
    assert_eq!(h.acked(0), []);
    assert_eq!(h.told(), [Indication::Connected]);
    h.tcp.shutdown(&h.config, h.now).unwrap();
    assert_eq!(h.sends(), [(0, 0)]);
    h.acked(1);
    assert_eq!(h.told(), [Indication::Closed]);
}

/// Text behind a gap cannot be read yet.
#[test]
fn its_user_hears_of_what_can_be_read() {
    let mut h = host();
    h.told();
    let text = |seq| Header {
        seq: IRS + seq,
        ack: ISS + 1,
        flags: Flags::ACK,
        window: 50_000,
        ..Header::default()
    };
    h.hears(text(3), b"c");
    h.hears(text(2), b"b");
    assert_eq!(h.told(), []);
    h.hears(text(1), b"a");
    assert_eq!(h.told(), [Indication::Readable]);
    let mut into = [0; 9];
    assert_eq!(h.tcp.receive(&h.config, &mut into), Ok(Received::Data(3)));
    assert_eq!(&into[..3], b"abc");
    // What has come before is no news.
    h.hears(text(2), b"bc");
    assert_eq!(h.told(), []);
}

/// After 2^32 bytes SND.UNA is ISS again, and no SYN is in flight for all that.
#[test]
fn a_stream_longer_than_the_sequence_space() {
    let c = config();
    for closes in [false, true] {
        let mut h = host();
        let mut saved = h.tcp.into_parts().1.unwrap().save(h.now);
        saved.iss = saved.snd_una;
        let mut tcp = Connection::restore(saved, h.now);
        let first = tcp.snd_una();
        let mut sent = Vec::new();
        let mut sends = |tcp: &mut Connection<Owned, Reno>, now| {
            sent.clear();
            while let Some(out) = tcp.poll_transmit(&c, now) {
                let flags = out.header.flags;
                sent.push((
                    out.header.seq.distance(first),
                    out.len,
                    flags.has(Flags::SYN),
                    flags.has(Flags::FIN),
                ));
            }
            sent.clone()
        };
        if closes {
            tcp.shutdown(&c, h.now).unwrap();
            assert_eq!(sends(&mut tcp, h.now), [(0, 0, false, true)]);
        } else {
            assert_eq!(tcp.send(&c, h.now, &[5; 100]), Ok(100));
            assert_eq!(sends(&mut tcp, h.now), [(0, 100, false, false)], "once");
        }
        h.now = tcp.poll_timeout().unwrap();
        tcp.handle_timeout(&c, h.now);
        let again = sends(&mut tcp, h.now);
        assert_eq!(
            again,
            [(0, if closes { 0 } else { 100 }, false, closes)],
            "no SYN"
        );
        let header = Header {
            seq: h.next,
            ack: tcp.snd_nxt(),
            flags: Flags::ACK,
            window: h.window,
            ..Header::default()
        };
        tcp.handle_segment(
            &c,
            h.now,
            &Segment {
                header,
                payload: &[],
            },
        )
        .unwrap();
        assert_eq!(tcp.unsent(), 0);
        assert_eq!(
            tcp.state(),
            if closes {
                State::FinWait2
            } else {
                State::Established
            }
        );
        if !closes {
            assert_eq!(tcp.send(&c, h.now, b"next"), Ok(4));
            assert_eq!(sends(&mut tcp, h.now), [(100, 4, false, false)]);
        }
    }
}

/// What is next in order is taken all the same, and all arrives.
#[test]
fn more_gaps_than_can_be_remembered() {
    let mut h = host();
    let begins = h.next;
    let text = |h: &mut Host, n: u32| {
        h.next = begins + n * 1_000;
        h.text(&[n as u8; 1_000])
    };
    for n in [2, 4, 6, 8, 10] {
        text(&mut h, n);
        assert_eq!(h.last.ack, begins, "{n}");
    }
    // Four pieces are kept, the last was not. The first does not touch any of them: it would be a fifth.
    for (n, acked) in [
        (0, 1),
        (1, 3),
        (3, 5),
        (5, 7),
        (7, 9),
        (9, 10),
        (10, 11),
        (11, 12),
    ] {
        text(&mut h, n);
        assert_eq!(h.last.ack, begins + acked * 1_000, "{n}");
    }
    let mut into = vec![0; 20_000];
    assert_eq!(
        h.tcp.receive(&h.config, &mut into),
        Ok(Received::Data(12_000))
    );
    assert!(into.chunks(1_000).zip(0..12).all(|(c, n)| c == [n; 1_000]));
}

/// RFC 9293 MUST-26: any segment for the connection is a sign of life. That of a peer that probes our closed window is not even
/// acceptable: its SND.NXT is beyond it.
#[test]
fn who_probes_a_closed_window_is_alive() {
    let idle = Duration::from_secs(10);
    let c = Config {
        keep_alive: Some(farewell::config::KeepAlive {
            idle,
            probes: Some(2),
        }),
        ..config()
    };
    for (answers, lives) in [(true, true), (false, false)] {
        let mut h = Host::with_room(c, syn_of_the_peer(), 1_000);
        h.text(&[0; 1_000]);
        assert_eq!(h.last.window, 0);
        h.next += 1; // the octet that asks for room
        for _ in 0..6 {
            let asked = h.waits(idle).len();
            if asked > 0 && answers {
                h.acked(0);
            }
        }
        assert_eq!(h.tcp.state() == State::Established, lives);
    }
}
