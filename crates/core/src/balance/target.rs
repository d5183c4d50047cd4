//! What is chosen from, and what may a choice depend on?

use crate::{health::Load, model::Flow};
use std::{net::SocketAddr, sync::Arc, time::Instant};

/// An endpoint to choose, with its load.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its load on this node.
    pub load: Arc<Load>,
}

/// What a choice may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The flow to place.
    pub flow: &'a Flow,
    /// The time, for algorithms that age what they measured.
    pub now: Instant,
    /// 64 random bits.
    pub entropy: u64,
    /// Endpoints that must not be chosen, because they were tried already. A handful at most.
    pub tried: &'a [SocketAddr],
}
