//! What processes tell each other beside the states: small messages in a plain form.
//!
//! On the wire, all numbers little-endian: a kind (1 byte), the run (8), how many words (4), how many bytes of text
//! (4), the words (8 each), the text in UTF-8. A connection begins with [`MAGIC`] and one [`Kind::Hello`].

use std::io::{self, Read, Write};

/// How a connection begins; the last byte counts versions of this protocol.
pub(super) const MAGIC: [u8; 8] = *b"farewel\x01";

/// The most words, and the most bytes of text, in a message.
const MOST: usize = 1 << 21;
const HEAD: usize = 17;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a message is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(in crate::check) enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            fn of(byte: u8) -> Option<Kind> {
                [$(Kind::$name,)*].into_iter().find(|kind| *kind as u8 == byte)
            }
        }
    };
}

kinds! {
    /// Who calls, and what for. Words: process, purpose ([`super::door::Purpose`]). Text: what must agree.
    Hello,
    /// From process 0: all are here.
    Welcome,
    /// From process 0: these are still missing. Text: a sentence.
    Waiting,
    /// From process 0: the caller cannot take part. Text: why.
    Refused,
    /// All is over for everyone. Text: why.
    Failed,
    /// A sign of life, with counts ([`super::board::Tally`]).
    Beat,
    /// To process 0: ready for a run. Words: where it could begin. Text: what must agree.
    Begin,
    /// From process 0: the run begins. Words: where.
    Start,
    /// To process 0: a level has arrived whole. Words: the level, the least level with a violation.
    Arrived,
    /// From process 0: it has arrived everywhere. Words as before.
    Enter,
    /// To process 0: what the workers found.
    Found,
    /// From process 0: where does this state come from? Words: its fingerprint, its level.
    Trace,
    /// The answer. Words: whether it is known, the parent's fingerprint, the level.
    Traced,
    /// From process 0: what all found.
    Ended,
    /// Nothing more will come, and nothing is wrong.
    Bye,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::check) struct Message {
    pub(in crate::check) kind: Kind,
    /// The exploration it is about, counted from 1; 0 for none.
    pub(in crate::check) run: u64,
    pub(in crate::check) words: Vec<u64>,
    pub(in crate::check) text: String,
}

impl Message {
    pub(in crate::check) fn new(kind: Kind, run: u64, words: Vec<u64>) -> Message {
        Message {
            kind,
            run,
            words,
            text: String::new(),
        }
    }

    pub(super) fn saying(kind: Kind, text: String) -> Message {
        Message {
            kind,
            run: 0,
            words: Vec::new(),
            text,
        }
    }

    /// Writes it in one piece.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEAD + self.words.len() * 8 + self.text.len());
        bytes.push(self.kind as u8);
        bytes.extend(self.run.to_le_bytes());
        bytes.extend((self.words.len() as u32).to_le_bytes());
        bytes.extend((self.text.len() as u32).to_le_bytes());
        bytes.extend(self.words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(self.text.as_bytes());
        to.write_all(&bytes)
    }

    /// Reads one. What is no message is [`io::ErrorKind::InvalidData`].
    pub(super) fn read(from: &mut impl Read) -> io::Result<Message> {
        let bad = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        let kind = Kind::of(head[0]).ok_or_else(|| bad("an unknown kind of message"))?;
        let count = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            u32::from_le_bytes(bytes) as usize
        };
        let (words, text) = (count(9), count(13));
        if words > MOST || text > MOST {
            return Err(bad("a message that is too long"));
        }
        let mut bytes = vec![0; words * 8];
        from.read_exact(&mut bytes)?;
        let mut letters = vec![0; text];
        from.read_exact(&mut letters)?;
        let (run, _) = head[1..].split_first_chunk().unwrap_or((&[0; 8], &[]));
        Ok(Message {
            kind,
            run: u64::from_le_bytes(*run),
            words: bytes
                .as_chunks()
                .0
                .iter()
                .map(|w| u64::from_le_bytes(*w))
                .collect(),
            text: String::from_utf8(letters).map_err(|_| bad("text that is not UTF-8"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let mut wire = Vec::new();
        let mut sent = vec![
            Message::new(Kind::Arrived, 7, vec![1, u64::MAX]),
            Message::saying(Kind::Failed, "größer".into()),
            Message::new(Kind::Bye, 0, vec![]),
        ];
        sent[0].text = "x".into();
        for message in &sent {
            message.write(&mut wire).unwrap();
        }
        let mut from = &wire[..];
        for message in &sent {
            assert_eq!(&Message::read(&mut from).unwrap(), message);
        }
        assert!(from.is_empty());
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let mut good = Vec::new();
        Message::new(Kind::Beat, 1, vec![5])
            .write(&mut good)
            .unwrap();
        let error = |bytes: &[u8]| Message::read(&mut &bytes[..]).unwrap_err().kind();
        for cut in 0..good.len() {
            assert_eq!(error(&good[..cut]), io::ErrorKind::UnexpectedEof, "{cut}");
        }
        let with = |at: usize, byte| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            error(&bytes)
        };
        assert_eq!(with(0, 200), io::ErrorKind::InvalidData, "the kind");
        assert_eq!(
            with(12, 200),
            io::ErrorKind::InvalidData,
            "the number of words"
        );
        assert_eq!(
            with(16, 200),
            io::ErrorKind::InvalidData,
            "the length of the text"
        );
        let mut text = Vec::new();
        Message::saying(Kind::Failed, "ab".into())
            .write(&mut text)
            .unwrap();
        *text.last_mut().unwrap() = 0xff;
        assert_eq!(error(&text), io::ErrorKind::InvalidData);
    }
}
