//! Between which hosts do clients and endpoints exchange what is measured?

pub(crate) mod endpoints;
pub(crate) mod network;
