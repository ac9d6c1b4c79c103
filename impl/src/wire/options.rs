//! TCP's options: those that the engine uses (RFC 9293 section 3.2, RFC 7323).

use super::{be16, be32};

/// A timestamp option (RFC 7323 section 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Timestamps {
    /// TSval: the sender's clock.
    pub val: u32,
    /// TSecr: the receiver's clock, echoed.
    pub ecr: u32,
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
    pub fn parse(mut bytes: &[u8]) -> Result<Options, OptionsError> {
        let mut options = Options::default();
        while let Some((&kind, rest)) = bytes.split_first() {
            match kind {
                END => break,
                NO_OPERATION => {
                    bytes = rest;
                    continue;
                }
                _ => {}
            }
            let len = rest.first().copied().unwrap_or(0);
            let (Some(option), Some(after)) =
                (bytes.get(..usize::from(len)), bytes.get(usize::from(len)..))
            else {
                return Err(bad_length(kind, len, bytes));
            };
            if len < 2 {
                return Err(bad_length(kind, len, bytes));
            }
            let sized = |must: u8| {
                if len == must {
                    Ok(())
                } else {
                    Err(OptionsError::Size { kind, len, must })
                }
            };
            match kind {
                MSS => {
                    sized(4)?;
                    options.mss = Some(be16(option, 2));
                }
                WINDOW_SCALE => {
                    sized(3)?;
                    options.window_scale = option.get(2).map(|s| (*s).min(MAX_SHIFT));
                }
                TIMESTAMPS => {
                    sized(10)?;
                    options.timestamps = Some(Timestamps {
                        val: be32(option, 2),
                        ecr: be32(option, 6),
                    });
                }
                _ => {}
            }
            bytes = after;
        }
        Ok(options)
    }

    /// Writes them, padded with no-operations to a whole number of words. Returns how many bytes there are.
    pub fn emit(&self) -> ([u8; Self::MAX_LEN], usize) {
        let mut out = [NO_OPERATION; Self::MAX_LEN];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            for (to, from) in out.iter_mut().skip(at).zip(bytes) {
                *to = *from;
            }
            at += bytes.len();
        };
        if let Some(mss) = self.mss {
            let [a, b] = mss.to_be_bytes();
            put(&[MSS, 4, a, b]);
        }
        if let Some(shift) = self.window_scale {
            put(&[NO_OPERATION, WINDOW_SCALE, 3, shift.min(MAX_SHIFT)]);
        }
        if let Some(ts) = self.timestamps {
            put(&[NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10]);
            put(&ts.val.to_be_bytes());
            put(&ts.ecr.to_be_bytes());
        }
        (out, at)
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
}
