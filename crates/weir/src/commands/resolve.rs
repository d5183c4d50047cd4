//! What would this node serve? `weir resolve` prints what follows from manifests.

mod print;
mod rows;

pub(crate) use print::resolve;
