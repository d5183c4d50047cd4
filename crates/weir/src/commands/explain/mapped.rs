//! Where does `weir run --map loopback` serve what is asked about?

use std::collections::HashMap;
use weir_core::{Claim, Claimant, Frontend, FrontendKind, PortKey, Snapshot, claims};
use weir_proxy::LoopbackMapping;

/// Addresses of this host that stand for cluster IPs; none without `--map loopback`.
#[derive(Default)]
pub(super) struct Mapped {
    mapping: Option<LoopbackMapping>,
    /// Where each mapped cluster IP and port is served, for whom; sorted by rank.
    listens: HashMap<Frontend, Vec<(Frontend, PortKey)>>,
    /// Cluster IP and port that a mapped address stands for.
    frontends: HashMap<Frontend, Frontend>,
}

impl Mapped {
    /// The mapped addresses of a Snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mapping = LoopbackMapping::of(snapshot);
        let cluster_ips = |claim: &Claim| claim.kind == FrontendKind::ClusterIp;
        let mut all: Vec<Claim> =
            snapshot.services().flat_map(|service| claims(service, &[]).filter(cluster_ips)).collect();
        all.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let (mut listens, mut frontends) = (HashMap::<_, Vec<_>>::new(), HashMap::new());
        for claim in all {
            let listen = mapping.listen(&claim);
            if listen != claim.frontend {
                listens.entry(claim.frontend).or_default().push((listen, claim.port.key.clone()));
                frontends.entry(listen).or_insert(claim.frontend);
            }
        }
        Self { mapping: Some(mapping), listens, frontends }
    }

    /// Where a claim is served.
    pub(super) fn place(&self, claim: &Claim, frontend: Frontend) -> Frontend {
        self.mapping.as_ref().map_or(frontend, |mapping| mapping.listen(claim))
    }

    /// Where a client has to connect to for what was asked: a cluster IP that is mapped cannot be dialled on this host.
    pub(super) fn dialled(&self, asked: Frontend) -> Frontend {
        self.listens.get(&asked).and_then(|listens| listens.first()).map_or(asked, |(listen, _)| *listen)
    }

    /// Cluster IP and port that a mapped address stands for; `None` for any other address.
    pub(super) fn frontend(&self, listen: Frontend) -> Option<Frontend> {
        self.frontends.get(&listen).copied()
    }

    /// Service ports that share a cluster IP and port with others, all but the first, and where they are served instead.
    pub(super) fn others(&self, asked: Frontend) -> impl Iterator<Item = &(Frontend, PortKey)> {
        self.listens.get(&asked).into_iter().flatten().skip(1)
    }
}
