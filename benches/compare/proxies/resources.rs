//! How much may each proxy use?

use crate::way::Way;

/// The resources that a proxy may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resources {
    /// Number of cores, and so of threads or processes that relay.
    pub(crate) cores: usize,
    /// Number of files that a process may open.
    pub(crate) descriptors: usize,
}

impl Resources {
    /// Number of connections that a way can relay at a time.
    pub(crate) fn connections(self, way: Way) -> usize {
        /// Listeners, logs, timers, pipes.
        const OTHERS: usize = 512;
        let most = self.descriptors.saturating_sub(OTHERS) / way.descriptors();
        // It keeps a seventeenth for Services that have few, and listening sockets take some.
        if way.is_weir() { most.saturating_sub(64) * 16 / 17 } else { most }
    }
}
