//! TCP's options: those that the engine uses (RFC 9293 section 3.2, RFC 7323).

/// A timestamp option (RFC 7323 section 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub val: u32,
    /// TSecr: the receiver's clock, echoed.
    pub ecr: u32,
}

impl Timestamps {
    const HEAD: u32 = u32::from_be_bytes([NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10]);

    /// The option in the layout of RFC 7323 appendix A, as words in the order of the wire.
    #[inline]
    pub(super) fn words(self) -> [u32; 3] {
        [Self::HEAD, self.val, self.ecr]
    }
}

/// The options of a segment. What is not here is skipped (MUST-6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Options {
    /// Maximum segment size in bytes; of a SYN.
    pub mss: Option<u16>,
    /// Shift count of the window; of a SYN. Above 14 it counts as 14 (RFC 7323 section 2.3).
    pub window_scale: Option<u8>,
    /// Timestamps.
    pub timestamps: Option<Timestamps>,
}

/// An option that is not what it says (MUST-7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OptionsError {
    /// A length below 2, or beyond the header.
    #[error("option {kind} has the length {len}, and {left} bytes are left")]
    Length {
        /// Its kind.
        kind: u8,
        /// Its length byte; 0 if that is missing.
        len: u8,
        /// Bytes left from its kind on.
        left: u8,
    },
    /// A known option with a length that it never has.
    #[error("option {kind} has the length {len}, not {must}")]
    Size {
        /// Its kind.
        kind: u8,
        /// Its length byte.
        len: u8,
        /// What it must be.
        must: u8,
    },
}

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const TIMESTAMPS: u8 = 8;
const MAX_SHIFT: u8 = 14;

impl Options {
    /// Bytes that all of them take, padded to a whole number of words.
    pub const MAX_LEN: usize = 20;

    /// Reads options; the last of a kind counts.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Options, OptionsError> {
        if bytes.is_empty() {
            return Ok(Options::default());
        }
        match bytes.try_into().ok().and_then(Self::stamped) {
            Some(stamped) => Ok(stamped),
            None => Self::parse_any(bytes),
        }
    }

    /// Timestamps in the layout of RFC 7323 appendix A, which all but SYNs have if they have any options.
    #[inline(always)]
    pub(super) fn stamped(bytes: &[u8; 12]) -> Option<Options> {
        let word = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let timestamps = Timestamps {
            val: word(4),
            ecr: word(8),
        };
        (word(0) == Timestamps::HEAD).then_some(Options {
            timestamps: Some(timestamps),
            ..Options::default()
        })
    }

    fn parse_any(mut bytes: &[u8]) -> Result<Options, OptionsError> {
        let mut options = Options::default();
        loop {
            let (kind, len, content, after) = match *bytes {
                [] | [END, ..] => return Ok(options),
                [NO_OPERATION, ref rest @ ..] => {
                    bytes = rest;
                    continue;
                }
                [kind, len, ref rest @ ..] if len >= 2 => {
                    match rest.split_at_checked(usize::from(len) - 2) {
                        Some((content, after)) => (kind, len, content, after),
                        None => return Err(bad_length(kind, len, bytes)),
                    }
                }
                [kind, ref rest @ ..] => {
                    let len = rest.first().copied().unwrap_or(0);
                    return Err(bad_length(kind, len, bytes));
                }
            };
            let size = |must| Err(OptionsError::Size { kind, len, must });
            match (kind, content) {
                (MSS, &[a, b]) => options.mss = Some(u16::from_be_bytes([a, b])),
                (WINDOW_SCALE, &[shift]) => options.window_scale = Some(shift.min(MAX_SHIFT)),
                (TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                    options.timestamps = Some(Timestamps {
                        val: u32::from_be_bytes([a, b, c, d]),
                        ecr: u32::from_be_bytes([e, f, g, h]),
                    });
                }
                (MSS, _) => return size(4),
                (WINDOW_SCALE, _) => return size(3),
                (TIMESTAMPS, _) => return size(10),
                _ => {}
            }
            bytes = after;
        }
    }

    /// Bytes that these take, padded to a whole number of words.
    #[inline]
    pub fn emitted_len(&self) -> usize {
        4 * usize::from(self.mss.is_some())
            + 4 * usize::from(self.window_scale.is_some())
            + 12 * usize::from(self.timestamps.is_some())
    }

    /// Writes them, padded with no-operations to a whole number of words. Returns how many bytes there are.
    pub fn emit(&self) -> ([u8; Self::MAX_LEN], usize) {
        let mut out = [NO_OPERATION; Self::MAX_LEN];
        let (words, len) = self.words();
        for (to, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *to = word.to_be_bytes();
        }
        (out, len)
    }

    /// What [`Options::emit`] writes, as words in the order of the wire, behind its end zero; and how many bytes of it count.
    #[inline]
    pub(super) fn words(&self) -> ([u32; Self::MAX_LEN / 4], usize) {
        let scale = |shift: u8| [NO_OPERATION, WINDOW_SCALE, 3, shift.min(MAX_SHIFT)];
        let mss = self
            .mss
            .map(|m| u32::from(MSS) << 24 | 4 << 16 | u32::from(m));
        let scale = self.window_scale.map(|s| u32::from_be_bytes(scale(s)));
        let stamps = self.timestamps.map(Timestamps::words);
        let all = mss
            .into_iter()
            .chain(scale)
            .chain(stamps.into_iter().flatten());
        let mut words = [0; Self::MAX_LEN / 4];
        for (to, word) in words.iter_mut().zip(all) {
            *to = word;
        }
        (words, self.emitted_len())
    }
}

fn bad_length(kind: u8, len: u8, left: &[u8]) -> OptionsError {
    OptionsError::Length {
        kind,
        len,
        left: left.len().min(u8::MAX.into()) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_comes_back() {
        let ts = Timestamps {
            val: u32::MAX,
            ecr: 1,
        };
        for bits in 0..8 {
            let options = Options {
                mss: (bits & 1 != 0).then_some(1460),
                window_scale: (bits & 2 != 0).then_some(7),
                timestamps: (bits & 4 != 0).then_some(ts),
            };
            let (bytes, len) = options.emit();
            assert_eq!(len % 4, 0);
            assert_eq!(Options::parse(&bytes[..len]), Ok(options));
        }
    }

    #[test]
    fn what_is_unknown_is_skipped_and_the_end_is_the_end() {
        let with_sack = [
            4, 2, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 5, 180, 0, 2, 3,
        ];
        let options = Options::parse(&with_sack).unwrap();
        assert_eq!(options.mss, Some(1460)); // behind the end stands a broken one
        assert_eq!(Options::parse(&[]), Ok(Options::default()));
        let shift = Options::parse(&[3, 3, 200]).unwrap().window_scale;
        assert_eq!(shift, Some(14));
    }

    #[test]
    fn a_bad_length_is_an_error_and_no_loop() {
        let length = |kind, len, left| Err(OptionsError::Length { kind, len, left });
        assert_eq!(Options::parse(&[77, 0, 1, 1]), length(77, 0, 4));
        assert_eq!(Options::parse(&[1, 77, 1, 1]), length(77, 1, 3));
        assert_eq!(Options::parse(&[77, 5, 1, 1]), length(77, 5, 4));
        assert_eq!(Options::parse(&[1, 1, 1, 8]), length(8, 0, 1));
        let size = Err(OptionsError::Size {
            kind: 2,
            len: 3,
            must: 4,
        });
        assert_eq!(Options::parse(&[2, 3, 1, 0]), size);
    }

    #[test]
    fn the_short_cut_is_no_detour() {
        let ts = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
        let read = Options::parse(&ts).unwrap();
        assert_eq!(Ok(read), Options::parse_any(&ts));
        let (val, ecr) = (0x0102_0304, 0x0506_0708);
        assert_eq!(read.timestamps, Some(Timestamps { val, ecr }));
        for at in 0..4 {
            for value in 0..=255 {
                let mut other = ts;
                other[at] = value;
                assert_eq!(Options::parse(&other), Options::parse_any(&other));
            }
        }
        // The same option, laid out otherwise.
        let later = [8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];
        assert_eq!(Options::parse(&later), Ok(read));
    }
}
