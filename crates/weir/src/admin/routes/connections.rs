//! What is told of connections and flows?

pub(in crate::admin) mod flows;
pub(in crate::admin) mod live;
mod query;
