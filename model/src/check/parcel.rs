//! What workers send each other, and how timely is made to deliver it.
//!
//! A parcel is filled for one worker by the sender, so that the exchange hands it over whole instead of sorting
//! its records anew. Threads of a process hand it over as it is. Between processes it is: how many records (4 bytes,
//! little-endian), then of each the two fingerprints, the length of the state (4) and its bytes; zeros up to a
//! multiple of eight.

use std::io::Write;

use ::timely::Accountable;
use ::timely::bytes::arc::Bytes;
use ::timely::communication::Push;
use ::timely::dataflow::channels::pushers::exchange::Distributor;
use ::timely::dataflow::channels::{ContainerBytes, Message};
use ::timely::progress::Stamp;

use super::fingerprint::Print;
use crate::space::Plain;

/// A state found, with its fingerprint and that of the state it was found from.
#[derive(Clone, Copy)]
pub(super) struct Successor<S, F> {
    pub(super) state: S,
    pub(super) print: F,
    pub(super) parent: F,
}

/// Successors for the worker that owns them.
#[derive(Clone)]
pub(super) struct Parcel<S, F> {
    pub(super) owner: usize,
    pub(super) records: Vec<Successor<S, F>>,
    /// It came from another process and makes no sense.
    pub(super) is_malformed: bool,
}

impl<S, F> Parcel<S, F> {
    pub(super) fn new(owner: usize, records: Vec<Successor<S, F>>) -> Self {
        Parcel {
            owner,
            records,
            is_malformed: false,
        }
    }
}

impl<S, F> Default for Parcel<S, F> {
    fn default() -> Self {
        Parcel::new(0, Vec::new())
    }
}

impl<S, F> Accountable for Parcel<S, F> {
    fn record_count(&self) -> i64 {
        self.records.len() as i64
    }
}

const COUNT: usize = 4;
const LENGTH: usize = 4;

impl<S: Plain, F: Print> Successor<S, F> {
    fn put(&self, to: &mut Vec<u8>) {
        let state = self.state.bytes();
        self.print.put(to);
        self.parent.put(to);
        to.extend_from_slice(&(state.len() as u32).to_le_bytes());
        to.extend_from_slice(state);
    }

    /// Takes one from the front of `bytes`; none if its state is not the one of its fingerprint.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let print = F::take(bytes)?;
        let parent = F::take(bytes)?;
        let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
        let (own, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        *bytes = rest;
        let state = S::of_bytes(own)?;
        (F::of(&state) == print).then_some(Successor {
            state,
            print,
            parent,
        })
    }
}

impl<S: Plain, F: Print> Parcel<S, F> {
    fn of_bytes(mut bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<COUNT>()?;
        let count = u32::from_le_bytes(*count) as usize;
        bytes = rest;
        if count > bytes.len() {
            return None;
        }
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            records.push(Successor::take(&mut bytes)?);
        }
        (bytes.len() < 8 && bytes.iter().all(|byte| *byte == 0)).then(|| Parcel::new(0, records))
    }
}

impl<S: Plain, F: Print> ContainerBytes for Parcel<S, F> {
    fn from_bytes(bytes: Bytes) -> Self {
        Self::of_bytes(&bytes).unwrap_or_else(|| Parcel {
            is_malformed: true,
            ..Parcel::default()
        })
    }

    fn length_in_bytes(&self) -> usize {
        let record = |record: &Successor<S, F>| 2 * F::BYTES + LENGTH + record.state.bytes().len();
        let length = COUNT + self.records.iter().map(record).sum::<usize>();
        length.next_multiple_of(8)
    }

    /// # Panics
    ///
    /// When `to` has no room for as many bytes as were announced: timely has made it.
    fn into_bytes<W: Write>(&self, to: &mut W) {
        let mut bytes = Vec::with_capacity(self.length_in_bytes());
        bytes.extend_from_slice(&(self.records.len() as u32).to_le_bytes());
        for record in &self.records {
            record.put(&mut bytes);
        }
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        to.write_all(&bytes).expect("room for a parcel");
    }
}

/// Delivers each parcel to its owner.
pub(super) struct Post;

impl<S, F> Distributor<Parcel<S, F>> for Post {
    fn partition<T: Clone, P: Push<Message<T, Parcel<S, F>>>>(
        &mut self,
        parcel: &mut Parcel<S, F>,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        let owner = parcel.owner;
        Message::push_at(parcel, stamp.clone(), &mut pushers[owner]);
    }

    fn flush<T: Clone, P: Push<Message<T, Parcel<S, F>>>>(&mut self, _: &Stamp<T>, _: &mut [P]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::node;

    fn parcel(ids: &[u64]) -> Vec<u8> {
        let record = |id: &u64| {
            let state = node(*id);
            Successor {
                state,
                print: u64::of(&state),
                parent: id + 1,
            }
        };
        let parcel = Parcel::new(3, ids.iter().map(record).collect());
        let mut bytes = Vec::new();
        parcel.into_bytes(&mut bytes);
        assert_eq!(
            (bytes.len(), bytes.len() % 8),
            (parcel.length_in_bytes(), 0)
        );
        bytes
    }

    #[test]
    fn a_parcel_arrives_as_it_was_sent() {
        for ids in [&[][..], &[7], &[1, 16, 17, 900]] {
            let bytes = parcel(ids);
            let back =
                Parcel::<crate::check::tests::Node, u64>::of_bytes(&bytes).expect("a parcel");
            let got: Vec<_> = back
                .records
                .iter()
                .map(|r| (r.state.id, r.parent))
                .collect();
            let sent: Vec<_> = ids.iter().map(|id| (*id, id + 1)).collect();
            assert_eq!(got, sent);
        }
    }

    #[test]
    fn no_byte_can_change_unnoticed_but_a_parent_s() {
        let bytes = parcel(&[5, 30]);
        let is_parcel =
            |bytes: &[u8]| Parcel::<crate::check::tests::Node, u64>::of_bytes(bytes).is_some();
        assert!(is_parcel(&bytes));
        for cut in 0..bytes.len() {
            assert!(!is_parcel(&bytes[..cut]) || bytes.len() - cut < 8, "{cut}");
        }
        let first = COUNT + 2 * 8 + LENGTH + node(5).bytes().len();
        let is_parent = |at: usize| {
            [COUNT + 8, first + 8]
                .iter()
                .any(|from| (*from..from + 8).contains(&at))
        };
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(is_parcel(&changed), is_parent(at), "byte {at}");
            }
        }
    }
}
