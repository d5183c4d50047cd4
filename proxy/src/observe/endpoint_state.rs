//! In which states can an endpoint be?

/// State of an endpoint: the first that applies, of what weir has found out itself and then of what Kubernetes says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointState {
    /// Gets new connections.
    Ready,
    /// Serves clients of other nodes or zones.
    Elsewhere,
    /// Gets nothing new, and may have connections.
    Draining,
    /// Kubernetes says that it is not ready.
    NotReady,
    /// Has as many connections as it may have.
    Full,
    /// An address that weir itself serves.
    Loop,
    /// Fails, and gets nothing until it is tried again.
    Ejected,
    /// Active checks fail.
    Down,
}

impl EndpointState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Ejected,
        Self::Down,
        Self::Draining,
        Self::Full,
        Self::NotReady,
        Self::Elsewhere,
        Self::Loop,
    ];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Ejected => "ejected",
            Self::Down => "down",
            Self::Draining => "draining",
            Self::Full => "full",
            Self::NotReady => "not-ready",
            Self::Elsewhere => "elsewhere",
            Self::Loop => "loop",
        }
    }
}
