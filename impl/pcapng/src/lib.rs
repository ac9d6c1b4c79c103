//! Captures as pcapng, which Wireshark and tshark read: an interface for each host, and a packet in the capture of each host that
//! it leaves or reaches. What writes packets, the specification, the engine or the kernel, is all one here.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};

/// Nanoseconds: 10^-9.
const RESOLUTION: u8 = 9;

/// Whether a packet leaves a host or reaches it, as the flags of a packet say it (`epb_flags`).
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

/// A capture in the making: some interfaces, packets on them with comments.
pub struct Capture<W: Write> {
    writer: PcapNgWriter<W>,
    comments: Vec<String>,
    /// The last packet, which waits for comments.
    last: Option<EnhancedPacketBlock<'static>>,
}

impl<W: Write> fmt::Debug for Capture<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}

impl<W: Write> Capture<W> {
    /// No packets yet, on interfaces of these names.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(to: W, interfaces: &[&str]) -> Result<Self, CaptureError> {
        let mut writer = PcapNgWriter::new(to)?;
        for name in interfaces {
            writer.write_pcapng_block(InterfaceDescriptionBlock {
                linktype: DataLink::RAW,
                snaplen: 0,
                options: vec![
                    InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
                    InterfaceDescriptionOption::IfTsResol(RESOLUTION),
                ],
            })?;
        }
        Ok(Capture {
            writer,
            comments: Vec::new(),
            last: None,
        })
    }

    /// A comment on the next packet; on the last, if none follows before [`Self::finish`].
    pub fn comment(&mut self, text: String) {
        self.comments.push(text);
    }

    /// A packet of IP at a host, which is the number of its interface, with the comments that wait; `at` is the time since 1970.
    ///
    /// # Errors
    ///
    /// It cannot be written, or there is no such interface.
    pub fn packet(
        &mut self,
        host: u32,
        heading: Heading,
        at: Duration,
        data: &[u8],
    ) -> Result<(), CaptureError> {
        let mut options = vec![EnhancedPacketOption::Flags(heading as u32)];
        options.extend(self.take_comments());
        let next = EnhancedPacketBlock {
            interface_id: host,
            timestamp: at,
            original_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data: Cow::Owned(data.to_vec()),
            options,
        };
        self.write_last()?;
        self.last = Some(next);
        Ok(())
    }

    /// Writes out what is still in memory.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        self.write_last()?;
        Ok(self.writer.get_mut().flush()?)
    }

    /// No more packets come: what was written to.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        let comments: Vec<_> = self.take_comments().collect();
        if let Some(last) = &mut self.last {
            last.options.extend(comments);
        }
        self.flush()?;
        Ok(self.writer.into_inner())
    }

    fn write_last(&mut self) -> Result<(), CaptureError> {
        if let Some(packet) = self.last.take() {
            self.writer.write_pcapng_block(packet)?;
        }
        Ok(())
    }

    fn take_comments(&mut self) -> impl Iterator<Item = EnhancedPacketOption<'static>> + use<W> {
        std::mem::take(&mut self.comments)
            .into_iter()
            .map(|c| EnhancedPacketOption::Comment(Cow::Owned(c)))
    }
}

/// Writes a file so that it is there whole or not at all: to a temporary file beside it, renamed when complete.
///
/// # Errors
///
/// Those of the file system; a path that ends in no name.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file"));
    };
    let temporary = format!(".{}.{}", name.to_string_lossy(), std::process::id());
    let temporary = path.with_file_name(temporary);
    let written = fs::File::create(&temporary)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
