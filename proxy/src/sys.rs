//! Which system calls does the data plane make?

pub(crate) mod host;
pub(crate) mod marks;
pub(crate) mod pipe;
pub(crate) mod port_unreachable;
pub(crate) mod socket;
pub(crate) mod source_filter;
