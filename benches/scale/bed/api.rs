//! Who takes the writes? The API server of weir's tests, or a real one.

mod real;

use crate::arguments::ApiServer;
use anyhow::{Context, Result};
use real::Real;
use weir_testkit::{Resource, cluster::Cluster, load::Write};

/// The API server of a cluster.
#[derive(Debug)]
pub(crate) enum Api {
    /// The cluster's own.
    Test,
    /// Another one on the same host.
    Real(Box<Real>),
}

impl Api {
    /// Starts it, if it does not run already.
    pub(crate) fn start(which: ApiServer, cluster: &Cluster) -> Result<Self> {
        match which {
            ApiServer::Test => Ok(Self::Test),
            ApiServer::Real => Ok(Self::Real(Box::new(Real::start(cluster.control_plane())?))),
        }
    }

    /// How weir reaches it.
    pub(crate) fn kubeconfig(&self, cluster: &Cluster) -> String {
        match self {
            Self::Test => cluster.api().kubeconfig(),
            Self::Real(real) => real.kubeconfig().to_owned(),
        }
    }

    /// Makes these writes, several at a time where that is faster; returns when all were answered.
    pub(crate) fn write(&self, cluster: &Cluster, writes: Vec<Write>) -> Result<()> {
        match self {
            Self::Test => {
                let refused = "the API server refuses a write";
                writes.into_iter().try_for_each(|write| write.apply(cluster.api()).context(refused))
            }
            Self::Real(real) => real.write(writes),
        }
    }

    /// Takes it away: connections are cut, and it refuses from now on.
    pub(crate) fn stop(&self, cluster: &Cluster) {
        match self {
            Self::Test => cluster.stop_api(),
            Self::Real(real) => real.stop(),
        }
    }

    /// How many lists it has sent to their end, of that kind of which they are fewer; a real one does not tell.
    pub(crate) fn complete_lists(&self, cluster: &Cluster) -> Option<u64> {
        let count = |resource| cluster.api().requests(resource).complete_lists;
        matches!(self, Self::Test).then(|| count(Resource::Services).min(count(Resource::EndpointSlices)))
    }
}
