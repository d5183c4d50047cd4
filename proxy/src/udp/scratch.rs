//! What does a worker need to forward a batch of datagrams?

use super::{
    datagrams::{batch::Batch, by_flow::ByFlow, gso::Train, sender::Outbox},
    flow::UdpFlow,
};
use std::rc::Rc;

/// What a worker needs to forward a batch of datagrams. It has one, lent while they are in flight, so that neither a
/// datagram nor a batch allocates.
pub(super) struct Datagrams {
    pub(super) batch: Batch,
    pub(super) outbox: Outbox,
    /// The flows that have datagrams in the batch, while it is being forwarded.
    pub(super) flows: Vec<Rc<UdpFlow>>,
    /// The trains of the batch with the place of their flow in `flows`.
    pub(super) placed: Vec<(usize, Train)>,
    pub(super) by_flow: ByFlow,
}

impl Default for Datagrams {
    fn default() -> Self {
        Self {
            batch: Batch::new(),
            outbox: Outbox::new(),
            flows: Vec::new(),
            placed: Vec::new(),
            by_flow: ByFlow::default(),
        }
    }
}
