//! Who takes the writes? The API server of weir's tests, or a real one.

mod real;

use crate::arguments::ApiServer;
use anyhow::{Context, Result};
use real::Real;
use weir_testkit::{Resource, cluster::Cluster, load::Write};

/// The API server of a cluster.
#[derive(Debug)]
pub(crate) enum Api {
    /// The test API server of the cluster.
    Test,
    /// A real one on the host of the cluster's.
    Real(Box<Real>),
}

impl Api {
    /// Starts the API server, unless it is the cluster's, which runs already.
    pub(crate) fn start(which: ApiServer, cluster: &Cluster) -> Result<Self> {
        match which {
            ApiServer::Test => Ok(Self::Test),
            ApiServer::Real => Ok(Self::Real(Box::new(Real::start(cluster.control_plane())?))),
        }
    }

    /// A kubeconfig for the API server.
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

    /// Takes the API server away: connections are cut, and connects are refused from now on.
    pub(crate) fn stop(&self, cluster: &Cluster) {
        match self {
            Self::Test => cluster.stop_api(),
            Self::Real(real) => real.stop(),
        }
    }

    /// Number of lists that the server has sent to their end, of the kind with fewer ones. `None` of a real one, which does not
    /// count them.
    pub(crate) fn complete_lists(&self, cluster: &Cluster) -> Option<u64> {
        let count = |resource| cluster.api().requests(resource).complete_lists;
        matches!(self, Self::Test).then(|| count(Resource::Services).min(count(Resource::EndpointSlices)))
    }
}
