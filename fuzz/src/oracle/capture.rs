//! A run as a capture that Wireshark and tshark read: the subject's view, with what its user did and which states explain it
//! in the comments of the packet that follows; what comes after the last packet, in that of the last.

use std::time::Duration;

use farewell_model::endpoint::Event;
use farewell_model::report::pcapng::{Capture, CaptureError};

use super::drive::{Moment, Run};
use super::ladder::{came, input_words, states};

/// The bytes of a capture of a run, on one interface of that name.
///
/// # Errors
///
/// The format cannot say it.
pub fn capture(interface: &str, run: &Run) -> Result<Vec<u8>, CaptureError> {
    let mut w = Capture::new(&[interface])?;
    let mut packets = run.packets.iter();
    let mut last = Duration::ZERO;
    // What happens at one moment is a microsecond apart.
    let mut write = |w: &mut Capture, count: usize| {
        for (at, _, bytes) in packets.by_ref().take(count) {
            last = Duration::from_micros(*at).max(last + Duration::from_micros(1));
            w.packet(0, last, bytes.clone())?;
        }
        Ok::<_, CaptureError>(())
    };
    let mut told = String::new();
    for m in &run.moments {
        let arrives = matches!(m.input, Some((Event::Segment(_), _)));
        if m.input.is_some() && !arrives {
            w.comment(input_words(m));
        }
        write(&mut w, arrives.into())?;
        if let Some(words) = user(m) {
            w.comment(words);
        }
        write(&mut w, m.seen.segments.len())?;
        let explained = states(m);
        if explained != told {
            w.comment(format!("explained by {explained}"));
            told = explained;
        }
    }
    write(&mut w, usize::MAX)?; // what was no segment
    w.finish()
}

/// What the user was told or read.
fn user(m: &Moment) -> Option<String> {
    let words = came(m, false);
    (!words.is_empty()).then(|| words.join("; "))
}
