//! What does the host say where no flag does?

pub(super) mod node_name;
pub(super) mod state_dir;
