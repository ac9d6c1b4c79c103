//! Challenges, calls on a connection that is over, and what is left of one that ends.

use super::*;

/// RFC 5961 section 7.
#[test]
fn challenges_are_throttled() {
    let mut h = host();
    let syn = Header {
        seq: h.next,
        flags: Flags::SYN,
        ..Header::default()
    };
    h.hears(syn, &[]);
    assert_eq!(h.sends().len(), 1);
    h.hears(syn, &[]);
    assert_eq!(h.sends().len(), 0);
    let left = h.config.challenge_interval - Duration::from_micros(1);
    h.waits(left);
    h.hears(syn, &[]);
    assert_eq!(h.sends().len(), 0);
    h.waits(Duration::from_micros(1));
    h.hears(syn, &[]);
    assert_eq!(h.sends().len(), 1);
    assert_eq!(h.tcp.state(), State::Established);
}

/// Two ends that take each other's segments for old must not answer each other for ever; text that comes again is answered
/// each time, for its sender waits for it.
#[test]
fn of_what_is_outside_the_window_only_text_is_always_answered() {
    let outside = |flags| Header {
        seq: IRS - 100,
        ack: ISS + 1,
        flags,
        window: 50_000,
        ..Header::default()
    };
    for (flags, text, answers) in [
        (Flags::ACK, &b""[..], [1, 0, 0]),
        (Flags::SYN, b"", [1, 0, 0]),
        (Flags::ACK, b"old", [1, 1, 1]),
        (Flags::FIN.with(Flags::ACK), b"", [1, 1, 1]),
    ] {
        let mut h = host();
        for expected in answers {
            h.hears(outside(flags), text);
            assert_eq!(h.sends().len(), expected, "{flags:?} {text:?}");
        }
    }
}

/// Two segments, and nobody polls between them: what the first asked for is said in TIME_WAIT still.
#[test]
fn an_acknowledgment_that_is_owed_outlives_closing() {
    let mut h = host();
    h.tcp.shutdown(&h.config, h.now).unwrap();
    assert_eq!(h.sends(), [(0, 0)]);
    let fin = |ack, flags| Header {
        seq: IRS + 1,
        ack,
        flags,
        window: 1_000,
        ..Header::default()
    };
    h.hears(fin(ISS + 1, Flags::FIN.with(Flags::ACK)), &[]);
    assert_eq!(h.tcp.state(), State::Closing);
    let acknowledges = Header {
        seq: IRS + 2,
        ..fin(ISS + 2, Flags::ACK)
    };
    h.hears(acknowledges, &[]);
    assert_eq!(h.tcp.state(), State::TimeWait);
    assert_eq!(h.sends(), [(1, 0)]);
    assert_eq!((h.last.flags, h.last.ack), (Flags::ACK, IRS + 2));
}

/// RFC 9293 3.10.7.3: "If there are other controls or text in the segment, then continue processing".
#[test]
fn what_stands_behind_a_syn_is_taken() {
    for (text, fin) in [(&b"abc"[..], true), (b"abc", false), (b"", true)] {
        let mut h = Host::opening(config(), 1_000);
        let mut flags = Flags::SYN.with(Flags::ACK);
        if fin {
            flags = flags.with(Flags::FIN);
        }
        let header = Header {
            seq: IRS,
            ack: ISS + 1,
            flags,
            window: h.window,
            options: syn_of_the_peer(),
            ..Header::default()
        };
        h.hears(header, text);
        let state = [State::Established, State::CloseWait][usize::from(fin)];
        assert_eq!(h.tcp.state(), state);
        h.sends();
        assert_eq!(h.last.ack, IRS + 1 + text.len() as u32 + u32::from(fin));
        let mut into = [0; 9];
        if !text.is_empty() {
            let read = h.tcp.receive(&h.config, &mut into);
            assert_eq!(read, Ok(Received::Data(3)));
            assert_eq!(&into[..3], text);
        }
        let then = h.tcp.receive(&h.config, &mut into);
        assert_eq!(then == Ok(Received::End), fin);
    }
}

/// SHLD-3 is of text that nobody will read; what was read comes again because its acknowledgment was lost.
#[test]
fn what_was_read_before_does_not_abort() {
    let fin = Flags::FIN.with(Flags::ACK);
    for (from, flags, state) in [
        (0, Flags::ACK, State::FinWait1),
        (0, fin, State::Closing),
        (1, Flags::ACK, State::TimeWait), // who aborts lingers
    ] {
        let mut h = host();
        let header = Header {
            seq: h.next + from,
            ack: ISS + 1,
            flags,
            window: h.window,
            ..Header::default()
        };
        h.text(b"abc");
        let mut into = [0; 9];
        let read = h.tcp.receive(&h.config, &mut into);
        assert_eq!(read, Ok(Received::Data(3)));
        h.tcp.close(&h.config, h.now).unwrap();
        assert_eq!(h.sends(), [(0, 0)]);
        h.hears(header, b"abc");
        assert_eq!(h.tcp.state(), state, "{from} {flags:?}");
    }
}

/// [`Endpoint`] and the stack keep such calls away; a connection by itself answers them.
#[test]
fn calls_on_a_connection_that_is_over() {
    let c = config();
    let now = Instant(0);
    let begin = Begin {
        iss: ISS,
        ts_offset: 0,
        timestamps: false,
    };
    let over = |then: &[(Flags, u32)]| {
        let mut tcp = Connection::connect(&c, now, &begin, Owned::new(100, 100), Reno::default());
        for (flags, seq) in then {
            let header = Header {
                seq: IRS + *seq,
                ack: tcp.snd_nxt(),
                flags: *flags,
                window: 100,
                ..Header::default()
            };
            let _ = tcp.handle_segment(
                &c,
                now,
                &Segment {
                    header,
                    payload: &[],
                },
            );
            if *flags == Flags::ACK {
                tcp.shutdown(&c, now).unwrap();
            }
            while tcp.poll_transmit(&c, now).is_some() {}
        }
        tcp
    };
    let syn_ack = (Flags::SYN.with(Flags::ACK), 0);
    let fin = (Flags::FIN.with(Flags::ACK), 1);
    let mut reset = over(&[syn_ack, (Flags::RST, 1)]);
    assert_eq!(reset.state(), State::Closed);
    assert_eq!(reset.send(&c, now, b"x"), Err(CallError::DoesNotExist));
    assert_eq!(reset.receive(&c, &mut [0]), Err(CallError::DoesNotExist));
    assert_eq!(reset.shutdown(&c, now), Err(CallError::DoesNotExist));
    assert_eq!(reset.close(&c, now), Err(CallError::DoesNotExist));
    assert_eq!(reset.abort(&c), Err(CallError::DoesNotExist));
    let segment = Segment {
        header: Header::default(),
        payload: &[],
    };
    let nobody = Err(Dropped::NoConnection);
    assert_eq!(reset.handle_segment(&c, now, &segment), nobody);

    let mut waits = over(&[syn_ack, (Flags::ACK, 1), fin]);
    assert_eq!(waits.state(), State::TimeWait);
    assert_eq!(waits.send(&c, now, b"x"), Err(CallError::Closing));
    assert_eq!(waits.receive(&c, &mut [0]), Ok(Received::End));
    assert_eq!(waits.shutdown(&c, now), Err(CallError::Closing));
    assert_eq!(waits.close(&c, now), Err(CallError::Closing));
    assert_eq!(waits.handle_segment(&c, now, &segment), nobody);
    assert_eq!(waits.abort(&c), Ok(()));
    assert_eq!(waits.state(), State::Closed);
    assert_eq!(
        waits.poll_transmit(&c, now),
        None,
        "no RST: the peer is through"
    );
}

/// Nobody polls between what made it owe something and the end: it is not said any more.
#[test]
fn nothing_is_said_after_the_end() {
    let c = Config {
        keep_alive: Some(farewell::config::KeepAlive {
            idle: Duration::from_secs(10),
            probes: None,
        }),
        ..config()
    };
    let reset = |h: &mut Host| {
        let header = Header {
            seq: h.next,
            flags: Flags::RST,
            ..Header::default()
        };
        h.hears(header, &[]);
        assert_eq!(h.tcp.state(), State::Closed);
        h.sends()
    };
    let fires = |h: &mut Host| {
        h.now = h.tcp.poll_timeout().unwrap();
        h.tcp.handle_timeout(&h.config, h.now);
    };
    // The front of the queue.
    let mut h = host();
    h.writes(10);
    fires(&mut h);
    assert_eq!(reset(&mut h), []);
    // The FIN.
    let mut h = host();
    h.tcp.shutdown(&h.config, h.now).unwrap();
    assert_eq!(h.sends(), [(0, 0)]);
    fires(&mut h);
    assert_eq!(reset(&mut h), []);
    // A keep-alive.
    let mut h = Host::established(c, syn_of_the_peer());
    fires(&mut h);
    assert_eq!(reset(&mut h), []);
    // A probe of a closed window.
    let mut h = host();
    h.window = 0;
    h.acked(0);
    h.writes(10);
    fires(&mut h);
    assert_eq!(reset(&mut h), []);
    // An acknowledgment, and text.
    let mut h = host();
    let header = Header {
        seq: h.next,
        ack: ISS + 1,
        flags: Flags::ACK,
        window: h.window,
        ..Header::default()
    };
    h.hears(header, b"text");
    h.next += 4;
    assert_eq!(h.tcp.send(&h.config, h.now, b"late"), Ok(4));
    assert_eq!(reset(&mut h), []);
    // A SYN.
    let mut h = Host::opening(config(), 1_000);
    fires(&mut h);
    let refusal = Header {
        ack: ISS + 1,
        flags: Flags::RST.with(Flags::ACK),
        ..Header::default()
    };
    h.hears(refusal, &[]);
    assert_eq!((h.tcp.state(), h.sends()), (State::Closed, vec![]));
}

/// What was read before an orderly end stays, a reset flushes it.
#[test]
fn unread_text_outlives_an_orderly_end_only() {
    for resets in [false, true] {
        let mut h = host();
        h.text(b"unread");
        let fin = Header {
            seq: h.next,
            ack: ISS + 1,
            flags: Flags::FIN.with(Flags::ACK),
            window: h.window,
            ..Header::default()
        };
        h.hears(fin, &[]);
        h.next += 1;
        h.tcp.shutdown(&h.config, h.now).unwrap();
        assert_eq!(h.sends().len(), 1, "the FIN, with the ACK of theirs");
        assert_eq!(h.tcp.state(), State::LastAck);
        let flags = if resets { Flags::RST } else { Flags::ACK };
        let last = Header {
            seq: h.next,
            ack: ISS + 2,
            flags,
            ..fin
        };
        h.hears(last, &[]);
        assert_eq!(h.tcp.state(), State::Closed);
        let mut into = [0; 9];
        let read = h.tcp.receive(&h.config, &mut into);
        if resets {
            assert!(read.is_err());
        } else {
            assert_eq!(read, Ok(Received::Data(6)));
            assert_eq!(h.tcp.receive(&h.config, &mut into), Ok(Received::End));
        }
    }
}

/// RFC 7323 section 5.5.
#[test]
fn an_old_timestamp_is_believed_after_24_days() {
    for (days, taken) in [(23, false), (24, true), (25, true)] {
        let mut c = config();
        c.timestamps = true;
        c.give_up = None;
        let stamp = |val| Options {
            timestamps: Some(Timestamps { val, ecr: 0 }),
            ..Options::default()
        };
        let mut h = Host::established(
            c,
            Options {
                timestamps: stamp(1_000_000).timestamps,
                ..syn_of_the_peer()
            },
        );
        h.now = h.now + Duration::from_secs(days * 24 * 60 * 60);
        let header = Header {
            seq: h.next,
            ack: ISS + 1,
            flags: Flags::ACK,
            window: h.window,
            options: stamp(999_999),
            ..Header::default()
        };
        h.hears(header, b"x");
        let mut into = [0; 9];
        let read = h.tcp.receive(&h.config, &mut into);
        let expected = if taken {
            Received::Data(1)
        } else {
            Received::Nothing
        };
        assert_eq!(read, Ok(expected), "{days}");
    }
}
