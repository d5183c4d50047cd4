//! Which system calls does the data plane make?

pub(crate) mod hop_limit;
pub(crate) mod host;
pub(crate) mod inherited;
pub(crate) mod marks;
pub(crate) mod peer;
pub(crate) mod pipe;
pub(crate) mod port_holders;
pub(crate) mod port_unreachable;
pub(crate) mod self_connect;
pub(crate) mod sock_diag;
pub(crate) mod socket;
pub(crate) mod source_filter;
pub(crate) mod tcp;
pub(crate) mod watch;
