//! Which failures has the test asked for?

use std::collections::BTreeSet;

use super::resource::{Resource, Target};
use super::status::Failure;

/// An answer that never gets anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// No answer comes.
    Silence,
    /// The connection ends in good order, without an answer.
    Hangup,
    /// The answer begins, and ends in good order in the middle of a line.
    HalfALine,
    /// The answer begins, and the connection breaks in the middle of a line.
    Cut,
    /// The answer begins, and byte follows byte, but no line ends.
    Trickle,
    /// The answer begins with a line that has no end, sent as fast as possible.
    EndlessLine,
}

/// Lists that never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndlessList {
    /// Each page names itself as the next one.
    SamePage,
    /// Each page is empty and names another one as the next.
    EmptyPages,
}

/// Failures that a test has asked for.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) forbidden: BTreeSet<Resource>,
    pub(super) absent: BTreeSet<Resource>,
    /// Number of further requests that fail, and with which status code.
    pub(super) failing: (u32, u16),
    /// Number of further requests that get a foreign answer, with its content type and body.
    pub(super) foreign: (u32, &'static str, &'static str),
    /// The misbehaviour in every answer from now on.
    pub(super) misbehaviour: Option<Misbehaviour>,
    /// The status code of every other request, and whether the next request gets it.
    pub(super) alternating: Option<(u16, bool)>,
    pub(super) endless_list: Option<EndlessList>,
    /// URL to which requests are redirected.
    pub(super) redirect: Option<String>,
    /// The status code of refused streaming lists; `None` has them answered.
    pub(super) streaming_lists_refused: Option<u16>,
    /// Whether watches end as soon as they have delivered what there is.
    pub(super) brief_watches: bool,
    pub(super) token: Option<String>,
}

impl Faults {
    /// The content type and body of the next answer, if it is to be a foreign one.
    pub(super) fn foreign(&mut self) -> Option<(&'static str, &'static str)> {
        let (count, content_type, body) = &mut self.foreign;
        *count = count.checked_sub(1)?;
        Some((content_type, body))
    }

    /// Whether requests with this token are those of a known client.
    pub(super) fn accepts(&self, token: Option<&str>) -> bool {
        self.token.is_none() || self.token.as_deref() == token
    }

    /// Checks a request against the failures, in the order in which an API server would.
    pub(super) fn check(&mut self, target: &Target, verb: &str, token: Option<&str>) -> Result<(), Failure> {
        if self.failing.0 > 0 {
            self.failing.0 -= 1;
            return Err(Failure::injected(self.failing.1));
        }
        if let Some((code, fails)) = &mut self.alternating {
            *fails = !*fails;
            if !*fails {
                return Err(Failure::injected(*code));
            }
        }
        if let Some(location) = &self.redirect {
            return Err(Failure::elsewhere(location));
        }
        if !self.accepts(token) {
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
