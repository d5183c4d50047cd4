//! How does a test run a program as a user does, and wait for what the program does?

mod environment;
mod logged_text;
mod output;
mod patience;
mod program;

pub use environment::without_test_settings;
pub use logged_text::LoggedText;
pub use output::{http_get, output};
pub use patience::{HANG, eventually, idle, uninterrupted, wait_until};
pub use program::Program;
