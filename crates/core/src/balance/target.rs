//! What does a balancer choose from, and on what may its choice depend?

use crate::{health::Load, model::Flow};
use std::{net::SocketAddr, sync::Arc, time::Instant};

/// An endpoint that may be chosen.
#[derive(Clone, Debug)]
pub struct Target {
    /// The address and port that it listens on.
    pub address: SocketAddr,
    /// What is known of it on this node, shared by all sets that it is in.
    pub load: Arc<Load>,
}

/// A new flow for which an endpoint is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The flow as the client sees it, for algorithms that hash.
    pub flow: &'a Flow,
    /// The time of the request, for probes of ejected endpoints.
    pub now: Instant,
    /// 64 uniformly random bits.
    pub entropy: u64,
    /// Endpoints that were tried already and must not be chosen: at most [`MAX_CONNECT_ATTEMPTS`](crate::MAX_CONNECT_ATTEMPTS).
    pub tried: &'a [SocketAddr],
}
