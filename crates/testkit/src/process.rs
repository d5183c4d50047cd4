//! How does a test run a program as a user does?

mod program;

pub use program::Program;
