//! How does an operator steer a running weir? Only through the Unix socket.

pub(super) mod kill;
pub(super) mod overrides;
