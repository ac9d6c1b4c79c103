//! A run as a capture that Wireshark and tshark read: both hosts' views, the subject's and its peer's. Each packet is in its
//! sender's and then, at the same time, in its receiver's: nothing is between them. What the user did and which states explain
//! it is in the comments of the packet that follows; what comes after the last packet, in that of the last.

use std::time::Duration;

use farewell_model::endpoint::Event;
use farewell_pcapng::{Capture, CaptureError, Heading};

use super::drive::{Moment, Run};
use super::ladder::{came, input_words, states};

/// The name of the other interface.
pub const PEER: &str = "peer";

/// The bytes of a capture of a run: an interface of the subject's name, and [`PEER`].
///
/// # Errors
///
/// The format cannot say it.
pub fn capture(subject: &str, run: &Run) -> Result<Vec<u8>, CaptureError> {
    let mut w = Capture::new(Vec::new(), &[subject, PEER])?;
    let mut packets = run.packets.iter();
    let mut last = Duration::ZERO;
    // What happens at one moment is a microsecond apart.
    let mut write = |w: &mut Capture<Vec<u8>>, count: usize| {
        for (at, out, bytes) in packets.by_ref().take(count) {
            last = Duration::from_micros(*at).max(last + Duration::from_micros(1));
            let [from, to] = if *out { [0, 1] } else { [1, 0] };
            w.packet(from, Heading::Out, last, bytes)?;
            w.packet(to, Heading::In, last, bytes)?;
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
