//! How are requests read, and refusals, times and callers written?

pub(super) mod api_error;
pub(super) mod caller;
pub(super) mod clock;
pub(super) mod query;
