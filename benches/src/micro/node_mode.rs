//! How does a benchmark have weir serve very many Services? As in node mode: with a constant number of sockets.

use std::num::NonZeroUsize;
use tokio::runtime::{Builder, Runtime};
use weir_core::{Pods, Snapshot};
use weir_proxy::{Config, Marks, Proxy};

/// Marks whose values do not matter, as no rules bring packets.
const MARKS: Marks = Marks { to_clients: 0x0001_0000, to_endpoints: 0x0002_0000, forwarded: 0x0004_0000 };

/// A data plane in node mode with one worker, that no packet reaches.
#[derive(Debug)]
pub struct NodeMode {
    proxy: Proxy,
    runtime: Runtime,
}

impl NodeMode {
    /// Starts the data plane. `None`, said loudly, where this process may not open its sockets.
    ///
    /// # Panics
    /// When no runtime can be had.
    pub fn start() -> Option<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let node_mode = weir_proxy::NodeMode { marks: MARKS, pods: Pods::Unknown, masquerade_all: false };
        let config = Config { workers: NonZeroUsize::MIN, node_mode: Some(node_mode), ..Config::default() };
        let started = runtime.block_on(async { Proxy::start(config) });
        match started {
            Ok(proxy) => Some(Self { proxy, runtime }),
            Err(error) => {
                eprintln!("SKIPPED: node mode needs CAP_NET_ADMIN: {error}");
                None
            }
        }
    }

    /// Applies a Snapshot; returns when every worker has it.
    pub fn apply(&mut self, snapshot: &Snapshot) {
        self.runtime.block_on(self.proxy.apply(snapshot));
    }
}
