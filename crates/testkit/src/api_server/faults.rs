//! Which requests does the test want refused?

use std::collections::BTreeSet;

use super::resource::{Resource, Target};
use super::status::Failure;

/// Failures that a test has asked for.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) forbidden: BTreeSet<Resource>,
    pub(super) absent: BTreeSet<Resource>,
    /// How many further requests fail, and with which code.
    pub(super) failing: (u32, u16),
    /// How many further requests get an answer that is none of an API server's: its content type and body.
    pub(super) foreign: (u32, &'static str, &'static str),
    /// The status code of streaming lists that are not served.
    pub(super) streaming_lists_refused: Option<u16>,
    pub(super) brief_watches: bool,
    pub(super) token: Option<String>,
}

impl Faults {
    /// The content type and body of a foreign answer, if the next one is to be one.
    pub(super) fn foreign(&mut self) -> Option<(&'static str, &'static str)> {
        let (count, content_type, body) = &mut self.foreign;
        *count = count.checked_sub(1)?;
        Some((content_type, body))
    }

    /// Whether a request gets past them, in the order in which an API server would look.
    pub(super) fn check(&mut self, target: &Target, verb: &str, token: Option<&str>) -> Result<(), Failure> {
        if self.failing.0 > 0 {
            self.failing.0 -= 1;
            return Err(Failure::injected(self.failing.1));
        }
        if self.token.is_some() && self.token.as_deref() != token {
            return Err(Failure::unauthorized());
        }
        if self.forbidden.contains(&target.resource) {
            return Err(Failure::forbidden(target.resource, verb, target.namespace.as_deref()));
        }
        if self.absent.contains(&target.resource) {
            return Err(Failure::not_served());
        }
        Ok(())
    }
}
