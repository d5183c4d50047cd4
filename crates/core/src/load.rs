//! How busy is an endpoint right now?

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The load of one endpoint address. Shared by all Services that use the address and kept across Snapshots.
#[derive(Debug, Default)]
pub struct Load {
    live: AtomicUsize,
}

impl Load {
    /// Connections and flows that are being opened or are open.
    pub fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Counts one more until the lease is dropped.
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.live.fetch_add(1, Ordering::Relaxed);
        Lease { load: Arc::clone(self) }
    }
}

/// One connection or flow counted in a [`Load`]; it is counted for as long as this lives.
#[derive(Debug)]
pub struct Lease {
    load: Arc<Load>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.load.live.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_exactly_as_long_as_it_lives() {
        let load = Arc::new(Load::default());
        let first = load.lease();
        let second = load.lease();
        assert_eq!(load.live(), 2);
        drop(first);
        assert_eq!(load.live(), 1);
        drop(second);
        assert_eq!(load.live(), 0);
    }
}
