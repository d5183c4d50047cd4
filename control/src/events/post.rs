//! What does the writer of Events get?

use weir_core::EventDraft;

/// Event to be written, and the Service's uid, if it is known.
#[derive(Clone, Debug)]
pub(crate) struct EventPost {
    /// What is written.
    pub(crate) draft: EventDraft,
    /// Uid of the Service.
    pub(crate) uid: Option<u128>,
}
