//! A connection between two processes, as timely sees it: it never fails.
//!
//! Timely's threads panic when a connection ends in the middle, or brings what is not theirs. So a link looks at the
//! headers that come in before timely does. When the other process is lost it says so on the [`Board`], which ends
//! the run; lets the reading thread wait until the workers have gone; and then ends the stream as timely expects.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use ::timely::communication::allocator::zero_copy::stream::Stream;
use ::timely::communication::networking::MessageHeader;

use super::TeamError;
use super::board::Board;

/// Bytes of timely's header: six numbers.
const HEADER: usize = 48;
/// Bytes read at once.
const STAGE: usize = 1 << 16;
/// The most bytes in one of timely's messages, and the most channels.
const LONGEST: usize = 1 << 28;
const MOST_CHANNELS: usize = 1 << 16;

/// Whether the workers of a run have gone.
#[derive(Default)]
pub(in crate::check) struct Gone(Mutex<bool>, Condvar);

impl Gone {
    pub(in crate::check) fn set(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let gone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _gone = self.1.wait_while(gone, |gone| !*gone);
    }
}

/// What is known of both ends.
#[derive(Clone)]
pub(super) struct Ends {
    pub(super) board: Arc<Board>,
    /// The process at the other end.
    pub(super) process: usize,
    /// Its workers, and those here.
    pub(super) theirs: Range<usize>,
    pub(super) ours: Range<usize>,
    pub(super) gone: Arc<Gone>,
}

/// One end of a connection; its clones read and write independently.
pub(super) struct Link {
    stream: TcpStream,
    ends: Ends,
    frames: Frames,
    is_lost: bool,
}

impl Link {
    pub(super) fn new(stream: TcpStream, ends: Ends) -> Link {
        Link {
            stream,
            frames: Frames::new(ends.theirs.clone(), ends.ours.clone()),
            ends,
            is_lost: false,
        }
    }

    fn lose(&mut self, error: TeamError) {
        self.is_lost = true;
        self.ends.board.fail(error);
    }

    fn is_gone(&self) -> TeamError {
        self.ends.board.gone(self.ends.process)
    }
}

impl Read for Link {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let handed = self.frames.hand(to);
            if handed > 0 || self.frames.is_over || to.is_empty() {
                return Ok(handed);
            }
            if self.is_lost {
                self.ends.gone.wait();
                self.frames.pad();
                continue;
            }
            match self.frames.fill(&mut self.stream) {
                Ok(true) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                    let error = self.ends.board.malformed(self.ends.process, &e.to_string());
                    self.lose(error);
                }
                Ok(false) | Err(_) => self.lose(self.is_gone()),
            }
        }
    }
}

impl Write for Link {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        if !self.is_lost {
            match self.stream.write(from) {
                Ok(n) if n > 0 => return Ok(n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(e),
                _ => self.lose(self.is_gone()),
            }
        }
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Link {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Link::new(self.stream.try_clone()?, self.ends.clone()))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        // Whoever is gone needs no goodbye, and is noticed by the reader.
        let _ = self.stream.shutdown(how);
        Ok(())
    }
}

/// Timely's messages in a stream of bytes: a header is handed on when it is whole and makes sense, what follows it at
/// once.
struct Frames {
    theirs: Range<usize>,
    ours: Range<usize>,
    stage: Vec<u8>,
    /// Bytes of the stage handed on, and those that may be.
    handed: usize,
    cleared: usize,
    /// Bytes still to come of the message.
    left: usize,
    /// The last message has come.
    is_over: bool,
}

impl Frames {
    fn new(theirs: Range<usize>, ours: Range<usize>) -> Frames {
        Frames {
            theirs,
            ours,
            stage: Vec::new(),
            handed: 0,
            cleared: 0,
            left: 0,
            is_over: false,
        }
    }

    /// Hands on what may be.
    fn hand(&mut self, to: &mut [u8]) -> usize {
        let n = to.len().min(self.cleared - self.handed);
        to[..n].copy_from_slice(&self.stage[self.handed..self.handed + n]);
        self.handed += n;
        n
    }

    /// Reads more; false at the end of the stream.
    fn fill(&mut self, from: &mut impl Read) -> io::Result<bool> {
        self.stage.drain(..self.handed);
        self.cleared -= self.handed;
        self.handed = 0;
        let kept = self.stage.len();
        self.stage.resize(kept + STAGE, 0);
        let read = from.read(&mut self.stage[kept..]);
        self.stage.truncate(kept + read.as_ref().map_or(0, |n| *n));
        let more = read? > 0;
        self.clear()?;
        Ok(more)
    }

    /// Finds out how much may be handed on.
    fn clear(&mut self) -> io::Result<()> {
        loop {
            let rest = self.stage.len() - self.cleared;
            let now = rest.min(self.left);
            self.cleared += now;
            self.left -= now;
            if self.left > 0 || self.is_over || rest - now < HEADER {
                return Ok(());
            }
            let mut header = [0u64; HEADER / 8];
            let bytes = self.stage[self.cleared..self.cleared + HEADER]
                .as_chunks()
                .0;
            for (number, bytes) in header.iter_mut().zip(bytes) {
                *number = u64::from_be_bytes(*bytes);
            }
            let header = header.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            self.left = self.judge(header)?;
            self.cleared += HEADER;
            self.is_over = self.left == 0;
        }
    }

    /// How long a message is.
    fn judge(&self, header: [usize; 6]) -> io::Result<usize> {
        let [channel, source, target_lower, target_upper, length, seqno] = header;
        let header = MessageHeader {
            channel,
            source,
            target_lower,
            target_upper,
            length,
            seqno,
        };
        if header.length == 0 {
            return Ok(0);
        }
        let makes_sense = header.channel < MOST_CHANNELS
            && header.length <= LONGEST
            && self.theirs.contains(&header.source)
            && header.target_lower < header.target_upper
            && self.ours.contains(&header.target_lower)
            && header.target_upper <= self.ours.end;
        if makes_sense {
            Ok(header.length)
        } else {
            let what = "a header that makes no sense";
            Err(io::Error::new(io::ErrorKind::InvalidData, what))
        }
    }

    /// Ends the stream as if all had come: zeros for what is missing, and the last header, which is all zeros.
    fn pad(&mut self) {
        self.stage.truncate(self.cleared);
        self.stage.resize(self.cleared + self.left + HEADER, 0);
        self.cleared = self.stage.len();
        self.left = 0;
        self.is_over = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(source: u64, target: u64, length: u64) -> Vec<u8> {
        let numbers = [3, source, target, target + 1, length, 0];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        bytes.extend(vec![7; length.min(1000) as usize]);
        bytes
    }

    /// What comes out of a stream that is read in pieces, and how it ends.
    fn through(stream: &[u8], piece: usize) -> (Vec<u8>, io::Result<bool>) {
        let mut frames = Frames::new(2..4, 0..2);
        let mut out = Vec::new();
        let mut buffer = [0; 5];
        for part in stream.chunks(piece) {
            let read = frames.fill(&mut &part[..]);
            loop {
                let n = frames.hand(&mut buffer);
                out.extend(&buffer[..n]);
                if n == 0 {
                    break;
                }
            }
            if read.is_err() {
                return (out, read);
            }
        }
        (out, Ok(frames.is_over))
    }

    #[test]
    fn whole_messages_pass_however_they_are_cut() {
        let mut stream = message(2, 0, 100);
        stream.extend(message(3, 1, 9));
        stream.extend([0; HEADER]);
        for piece in [1, 7, HEADER, 61, 1000] {
            let (out, over) = through(&stream, piece);
            assert_eq!(out, stream, "{piece}");
            assert!(over.unwrap());
        }
        let (out, over) = through(&stream[..stream.len() - 1], 13);
        assert_eq!(out.len(), stream.len() - HEADER, "no part of a header");
        assert!(!over.unwrap());
    }

    #[test]
    fn a_header_that_makes_no_sense_is_not_handed_on() {
        let good = message(2, 0, 100);
        for bad in [
            message(1, 0, 8),
            message(4, 0, 8),
            message(2, 2, 8),
            message(2, u64::MAX - 1, 8),
            message(2, 0, 1 << 40),
        ] {
            let stream = [good.clone(), bad].concat();
            let (out, end) = through(&stream, 50);
            assert_eq!(out, good);
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn what_was_cut_off_is_made_up() {
        let mut frames = Frames::new(2..4, 0..2);
        frames.fill(&mut &message(2, 0, 100)[..80]).unwrap();
        frames.pad();
        let mut out = vec![1; 1000];
        let n = frames.hand(&mut out);
        assert_eq!(n, HEADER + 100 + HEADER);
        assert_eq!(out[n - HEADER..n], [0; HEADER]);
        assert!(frames.is_over);
    }
}
