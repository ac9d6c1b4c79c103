//! What workers send each other, and how timely is made to deliver it.
//!
//! A parcel is filled for one worker by the sender, so that the exchange hands it over whole instead of sorting
//! its records anew.

use std::io::Write;

use ::timely::Accountable;
use ::timely::bytes::arc::Bytes;
use ::timely::communication::Push;
use ::timely::dataflow::channels::pushers::exchange::Distributor;
use ::timely::dataflow::channels::{ContainerBytes, Message};
use ::timely::progress::Stamp;

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
}

impl<S, F> Default for Parcel<S, F> {
    fn default() -> Self {
        Parcel {
            owner: 0,
            records: Vec::new(),
        }
    }
}

impl<S, F> Accountable for Parcel<S, F> {
    fn record_count(&self) -> i64 {
        self.records.len() as i64
    }
}

/// Parcels stay in the process: its threads hand them over as they are and never come here. Running timely on
/// several processes takes a `Parcel` that has bytes.
impl<S, F> ContainerBytes for Parcel<S, F> {
    fn from_bytes(_: Bytes) -> Self {
        unreachable!("parcels stay in the process")
    }

    fn length_in_bytes(&self) -> usize {
        unreachable!("parcels stay in the process")
    }

    fn into_bytes<W: Write>(&self, _: &mut W) {
        unreachable!("parcels stay in the process")
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
