//! What would this node serve? `weir resolve` prints what follows from objects.

mod doubts;
mod endpoints;
mod print;
mod rows;
mod view;

pub(crate) use print::resolve;
