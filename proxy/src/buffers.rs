//! Where are bytes between being read and being written?

pub(crate) mod buffer_budget;
pub(crate) mod pipe_pool;
