//! How does the program speak to people? Results on standard output, log lines on standard error.

pub(crate) mod format;
pub(crate) mod logging;
pub(crate) mod part;
pub(crate) mod quantity;
pub(crate) mod stdout;
pub(crate) mod table;
pub(crate) mod terminal;
