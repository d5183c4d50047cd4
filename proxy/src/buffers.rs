//! Where are bytes between being read and being written?

pub(crate) mod memory;
pub(crate) mod pipe;
