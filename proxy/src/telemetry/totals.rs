//! How much has a Service port served so far?

/// What a Service port has served since its first client, up to a second ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortTotals {
    /// Connections or flows that were begun.
    pub opened: u64,
    /// Connections or flows that ended.
    pub closed: u64,
    /// Those that ended before an endpoint served them, or because one failed.
    pub failed: u64,
    /// Clients that were refused at a limit.
    pub rejected: u64,
    /// Clients that waited because of the accept rate.
    pub delayed: u64,
    /// Attempts to connect begun after all earlier ones of the client had failed.
    pub retried: u64,
    /// Attempts to connect begun while an earlier one had no answer yet.
    pub hedged: u64,
    /// Ejections of endpoints.
    pub ejections: u64,
    /// Bytes to endpoints.
    pub to_endpoint: u64,
    /// Bytes to clients.
    pub to_client: u64,
    /// Datagrams to endpoints.
    pub datagrams_to_endpoint: u64,
    /// Datagrams to clients.
    pub datagrams_to_client: u64,
    /// Datagrams that could not be relayed.
    pub dropped: u64,
}

impl PortTotals {
    /// Connections or flows that are open.
    pub fn active(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }
}

impl std::ops::AddAssign for PortTotals {
    fn add_assign(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.failed += other.failed;
        self.rejected += other.rejected;
        self.delayed += other.delayed;
        self.retried += other.retried;
        self.hedged += other.hedged;
        self.ejections += other.ejections;
        self.to_endpoint += other.to_endpoint;
        self.to_client += other.to_client;
        self.datagrams_to_endpoint += other.datagrams_to_endpoint;
        self.datagrams_to_client += other.datagrams_to_client;
        self.dropped += other.dropped;
    }
}
