//! What does a Service port do with an endpoint at this moment?

pub(crate) mod families;

use std::fmt;
use weir_core::{Endpoint, Load};

/// State of an endpoint of a Service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointStanding {
    /// New clients get it, as soon as it has room.
    Ready,
    /// Connections to it failed: it gets none for a while, unless too few others are left.
    Ejected,
    /// Active checks fail, or weir itself answers at its address.
    Down,
    /// It is terminating, or an operator drains it: its connections go on, and it gets no new clients but terminating ones if
    /// no endpoint is ready.
    Draining,
}

impl EndpointStanding {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Ejected, Self::Down, Self::Draining];

    /// The word in metrics and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Ejected => "ejected",
            Self::Down => "down",
            Self::Draining => "draining",
        }
    }
}

/// An endpoint of a Service port at one moment.
#[derive(Clone, Copy, Debug)]
pub struct EndpointReading<'a> {
    /// What EndpointSlices say of it.
    pub endpoint: &'a Endpoint,
    /// Its state.
    pub state: EndpointStanding,
    /// What this node knows of its address, whichever Services use it.
    pub load: &'a Load,
}

/// A Service port in one family, for whoever only looks.
pub(crate) trait ReadPort: fmt::Debug + Send + Sync {
    /// Clients that wait for an endpoint with room.
    fn waiting(&self) -> u32;

    /// Calls `look` with every endpoint that is in some state. An endpoint that is not ready and not terminating, or that
    /// no policy lets this node use, is in none.
    fn for_each_endpoint(&self, look: &mut dyn FnMut(EndpointReading<'_>));
}
