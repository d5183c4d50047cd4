//! What does a running weir tell its operators, and how do they steer it? `docs/api.md` is the contract.

mod basics;
mod guard;
mod known;
mod router;
mod routes;
mod serving;

pub(crate) use known::{
    explaining::Explain,
    knowledge::{Knowledge, NodeFacts},
    metrics_page::Metrics,
};
pub(crate) use serving::AdminServer;
