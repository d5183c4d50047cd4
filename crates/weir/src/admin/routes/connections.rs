//! What is told of connections and flows?

pub(in crate::admin) mod flows;
mod form;
pub(in crate::admin) mod live;
mod query;
