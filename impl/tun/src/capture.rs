//! Both ends of the link as pcapng, which Wireshark and tshark read.
//!
//! A packet stands twice in it: where it was sent and where it arrived, or once if it was lost, or three times if it came
//! twice. Checksums are those that were on the link.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use farewell::Instant;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};

/// The two hosts: interfaces 0 and 1 of the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum Host {
    /// At the device.
    Kernel,
    /// At the stack.
    Farewell,
}

/// Whether a host sent a packet or it reached it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Heading {
    /// It arrives.
    In = 1,
    /// It leaves.
    Out = 2,
}

/// Why a capture could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file.
    #[error("the capture cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The format.
    #[error("the capture cannot be written: {0}")]
    Format(PcapError),
}

impl From<PcapError> for CaptureError {
    fn from(error: PcapError) -> Self {
        match error {
            PcapError::IoError(e) => CaptureError::Io(e),
            e => CaptureError::Format(e),
        }
    }
}

/// Nanoseconds: 10^-9.
const RESOLUTION: u8 = 9;

/// A capture that is being written.
pub struct Capture {
    writer: PcapNgWriter<Box<dyn Write>>,
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
        let mut writer = PcapNgWriter::new(to)?;
        for (name, what) in [
            ("kernel", "the kernel's end of the link"),
            ("farewell", "the engine's end of the link"),
        ] {
            writer.write_pcapng_block(InterfaceDescriptionBlock {
                linktype: DataLink::RAW,
                snaplen: 0,
                options: vec![
                    InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
                    InterfaceDescriptionOption::IfDescription(Cow::Borrowed(what)),
                    InterfaceDescriptionOption::IfTsResol(RESOLUTION),
                ],
            })?;
        }
        Ok(Capture { writer, zero })
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
        self.writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id: host as u32,
            timestamp: self.zero + Duration::from_micros(now.0),
            original_len: u32::try_from(packet.len()).unwrap_or(u32::MAX),
            data: Cow::Borrowed(packet),
            options: vec![EnhancedPacketOption::Flags(heading as u32)],
        })?;
        Ok(())
    }

    /// Writes out what is still in memory.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        Ok(self.writer.get_mut().flush()?)
    }
}
