//! What does each command do?

mod cleanup;
mod demo;
mod doctor;
mod execute;
mod explain;
mod load;
mod names;
mod operate;
mod problems;
mod resolve;
mod run;
mod signals;
mod tools;
mod top;

pub use execute::execute;
pub use tools::{answer_shell, is_asked_by_shell};
