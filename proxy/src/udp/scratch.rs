//! What does a worker need to forward a batch of datagrams?

use super::{
    datagrams::{batch::ReceiveBuffer, by_flow::ByFlow, gso::GroBatch, sender::Sender},
    flow::UdpFlow,
};
use std::rc::Rc;

/// Buffers for forwarding a batch of datagrams. A worker has one set, lent while datagrams are in flight, so that
/// neither a datagram nor a batch allocates.
pub(super) struct DatagramScratch {
    pub(super) received: ReceiveBuffer,
    pub(super) sender: Sender,
    /// Flows that have datagrams in the batch that is being forwarded.
    pub(super) flows: Vec<Rc<UdpFlow>>,
    /// GRO batches, each with the index of its flow in `flows`.
    pub(super) assigned: Vec<(usize, GroBatch)>,
    pub(super) by_flow: ByFlow,
}

impl Default for DatagramScratch {
    fn default() -> Self {
        Self {
            received: ReceiveBuffer::new(),
            sender: Sender::new(),
            flows: Vec::new(),
            assigned: Vec::new(),
            by_flow: ByFlow::default(),
        }
    }
}
