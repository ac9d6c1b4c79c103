//! What goes in and out as a capture (the flag `pcapng=FILE`): a packet is in the view of the engine and in that of the script, at
//! the same virtual time, for nothing is between them.
//!
//! The file is there whole or not at all. It is first written, without packets, when packetdrill loads the library, so that what
//! is wrong with it is known before the script begins; and again when the host goes, or packetdrill ends without freeing it, as it
//! does when a script fails.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use farewell::Instant;
use farewell_pcapng::{Capture, CaptureError, Heading, write_whole};

const HOSTS: [&str; 2] = ["farewell", "packetdrill"];
const FAREWELL: u32 = 0;
const PACKETDRILL: u32 = 1;

/// A file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("pcapng={}: {why}", path.display())]
pub struct RecordError {
    path: PathBuf,
    why: CaptureError,
}

/// Records whose hosts live.
static OPEN: Mutex<Vec<Weak<Mutex<Inner>>>> = Mutex::new(Vec::new());

/// A capture that is written when it is dropped, or when the process exits.
#[derive(Debug)]
pub struct Record(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// None once it is written, or if it cannot be.
    capture: Option<Capture<Vec<u8>>>,
}

impl Record {
    /// Writes a capture without packets.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn create(path: &Path) -> Result<Record, RecordError> {
        let failed = |why| RecordError {
            path: path.into(),
            why,
        };
        let begin = || Capture::new(Vec::new(), &HOSTS).map_err(failed);
        write(path, begin()?)?;
        let inner = Arc::new(Mutex::new(Inner {
            path: path.into(),
            capture: Some(begin()?),
        }));
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|record| record.strong_count() > 0);
        open.push(Arc::downgrade(&inner));
        Ok(Record(inner))
    }

    /// A packet of the script's arrives at the engine.
    pub(crate) fn arrives(&self, at: Instant, packet: &[u8]) {
        self.add(PACKETDRILL, Heading::Out, at, packet);
        self.add(FAREWELL, Heading::In, at, packet);
    }

    /// The engine sends a packet; whether the script can see it, for only so many wait for it.
    pub(crate) fn leaves(&self, at: Instant, packet: &[u8], is_seen: bool) {
        self.add(FAREWELL, Heading::Out, at, packet);
        if is_seen {
            self.add(PACKETDRILL, Heading::In, at, packet);
        }
    }

    fn add(&self, host: u32, heading: Heading, at: Instant, packet: &[u8]) {
        let mut inner = lock(&self.0);
        if let Some(capture) = &mut inner.capture {
            // To memory, on an interface that is there: it does not fail.
            let _ = capture.packet(host, heading, Duration::from_micros(at.0), packet);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        lock(&self.0).end();
    }
}

impl Inner {
    /// Writes it; what is wrong is told in a line.
    fn end(&mut self) {
        if let Some(capture) = self.capture.take()
            && let Err(e) = write(&self.path, capture)
        {
            eprintln!("farewell-packetdrill: {e}");
        }
    }
}

/// Writes every capture whose host was not freed.
pub(crate) fn write_all() {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    for record in open.iter().filter_map(Weak::upgrade) {
        lock(&record).end();
    }
}

fn write(path: &Path, capture: Capture<Vec<u8>>) -> Result<(), RecordError> {
    let bytes = capture.finish();
    let written = bytes.and_then(|bytes| Ok(write_whole(path, &bytes)?));
    written.map_err(|why| RecordError {
        path: path.into(),
        why,
    })
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}
