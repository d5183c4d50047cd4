//! What does a running weir tell its operators, and how do they steer it? `docs/api.md` is the contract.

mod basics;
mod guard;
mod known;
mod router;
mod routes;
mod serving;
mod steering;

pub(crate) use known::{
    explaining::{Explain, PassedOver},
    knowledge::{Knowledge, NodeFacts},
};
pub(crate) use serving::AdminServer;
