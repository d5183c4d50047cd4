//! What would a flow get on this node, and why? `weir explain` judges flows by objects.

mod answer;
mod ask;
mod flows;
mod judge;
mod mapped;
mod notes;
mod running;
mod text;

pub(crate) use ask::explain;
pub(crate) use running::RunningExplainer;
pub(crate) use text::explanation_page;
