//! Both ends of the link as pcapng, which Wireshark and tshark read.
//!
//! A packet stands twice in it: where it was sent and where it arrived, or once if it was lost, or three times if it came
//! twice. Checksums are those that were on the link.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farewell::Instant;
pub use farewell_pcapng::{CaptureError, Heading};

/// The two hosts: interfaces 0 and 1 of the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum Host {
    /// At the device.
    Kernel,
    /// At the stack.
    Farewell,
}

/// A capture that is being written.
pub struct Capture {
    inner: farewell_pcapng::Capture<Box<dyn Write>>,
    /// The wall clock when the clock stood at zero.
    zero: Duration,
}

impl Capture {
    /// Begins a file; one that is there is replaced. `now` is what the clock says that will date the packets.
    ///
    /// # Errors
    ///
    /// The file cannot be made or written.
    pub fn create(path: &Path, now: Instant) -> Result<Capture, CaptureError> {
        let zero = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_sub(Duration::from_micros(now.0));
        Capture::new(Box::new(BufWriter::new(File::create(path)?)), zero)
    }

    /// Begins a capture anywhere; `zero` is the time since 1970 at which the clock stood at zero.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(to: Box<dyn Write>, zero: Duration) -> Result<Capture, CaptureError> {
        let inner = farewell_pcapng::Capture::new(to, &["kernel", "farewell"])?;
        Ok(Capture { inner, zero })
    }

    /// A packet leaves a host, or reaches it.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn record(
        &mut self,
        host: Host,
        heading: Heading,
        now: Instant,
        packet: &[u8],
    ) -> Result<(), CaptureError> {
        let at = self.zero + Duration::from_micros(now.0);
        self.inner.packet(host as u32, heading, at, packet)
    }

    /// Writes out what is still in memory.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        self.inner.flush()
    }
}

impl Drop for Capture {
    /// Where a run ends by an error, it has all packets all the same.
    fn drop(&mut self) {
        let _ = self.inner.flush();
    }
}
