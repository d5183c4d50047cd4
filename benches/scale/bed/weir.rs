//! What does the weir that is measured do and use?

use super::{client::HANG, metrics::Metrics};
use crate::pause::pause;
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use weir_bench::usage;
use weir_testkit::{Program, cluster::Host};

/// Address at which weir answers probes.
const HEALTH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 10256);
/// Address at which weir shows metrics.
const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 10249);

/// The wait between two probes, as answering takes time from what is measured.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// A running weir, which is killed, and whose rules are removed, when this is dropped.
#[derive(Debug)]
pub(crate) struct Weir<'bed> {
    node: &'bed Host,
    path: &'bed Path,
    program: Program,
    /// Whether the rules stay when weir ends.
    crashed: bool,
}

impl<'bed> Weir<'bed> {
    /// Starts weir on a node, without waiting until it serves.
    pub(crate) fn start(node: &'bed Host, path: &'bed Path, arguments: &[&str]) -> Result<Self> {
        let program = node.spawn(&path.to_string_lossy(), arguments, &[]);
        Ok(Self { node, path, program: program.context("weir cannot be started")?, crashed: false })
    }

    /// Waits until weir is ready, and returns when that was.
    pub(crate) fn wait_until_ready(&mut self) -> Result<Instant> {
        let start = Instant::now();
        loop {
            let answer = self.node.http(HEALTH, "/readyz").unwrap_or_default();
            if answer.split(' ').nth(1) == Some("200") {
                return Ok(Instant::now());
            }
            if self.program.has_ended()? || start.elapsed() > HANG {
                bail!("weir does not become ready; it said:\n{}", self.program.log()?);
            }
            pause(BETWEEN_LOOKS);
        }
    }

    /// Kills weir, whose rules stay.
    pub(crate) fn crash(mut self) -> Result<()> {
        self.crashed = true;
        self.program.kill().context("weir cannot be killed")
    }

    /// Scrapes weir's metrics.
    pub(crate) fn metrics(&self) -> Result<Metrics> {
        self.node.http(ADMIN, "/metrics").map(Metrics::new).context("weir shows no metrics")
    }

    /// Processor time that all of weir's threads have used.
    pub(crate) fn cpu(&self) -> Duration {
        usage::cpu(&BTreeSet::from([self.program.id()]))
    }

    /// Memory of weir now.
    pub(crate) fn memory(&self) -> Result<usage::Memory> {
        usage::memory(self.program.id()).context("the memory of weir cannot be read: has it ended?")
    }
}

impl Drop for Weir<'_> {
    fn drop(&mut self) {
        let _ = self.program.kill();
        if self.crashed {
            return;
        }
        let mut cleanup = self.node.namespace().command(&self.path.to_string_lossy());
        let _ = cleanup.arg("cleanup").stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
