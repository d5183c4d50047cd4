//! What is told of Services and their endpoints?

mod endpoint_form;
pub(in crate::admin) mod endpoints;
pub(in crate::admin) mod port_form;
pub(in crate::admin) mod ports;
pub(in crate::admin) mod service;
