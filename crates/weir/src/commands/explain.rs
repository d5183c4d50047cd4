//! What would a flow get on this node, and why? `weir explain` judges flows by manifests.

mod answer;
mod flows;
mod judge;
mod notes;
mod text;

pub(crate) use judge::explain;
