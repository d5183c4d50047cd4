//! What does a running weir tell its operators, and how do they steer it? `docs/api.md` is the contract.

mod api_error;
mod asked;
mod caller;
mod clock;
mod explaining;
mod frontends;
mod guard;
mod knowledge;
mod leases;
mod metrics_page;
mod overview;
mod page;
mod query;
mod router;
mod routes;
mod serving;
mod socket;
mod tls;

pub(crate) use explaining::Explain;
pub(crate) use knowledge::{Knowledge, NodeFacts};
pub(crate) use metrics_page::Metrics;
pub(crate) use serving::AdminServer;
