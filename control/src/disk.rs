//! How is the last known state kept, so that it can be served when the API server is away at the start?
//!
//! ```text
//! driver -> watch::Receiver<State> -> encode -> FILE      FILE -> decode -> events -> driver
//! ```

mod format;
mod objects;
mod wire;

pub use format::{About, Difference, Identity, MOST_BYTES, SCHEMA, Unusable, decode, encode};
