//! Which system calls does the data plane make?

pub(crate) mod host;
pub(crate) mod marks;
pub(crate) mod pipe;
pub(crate) mod self_connect;
pub(crate) mod send_queue;
pub(crate) mod socket;
pub(crate) mod source_filter;
