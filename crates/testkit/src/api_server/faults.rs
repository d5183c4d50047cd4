//! Which requests does the test want refused?

use std::collections::BTreeSet;

use super::resource::{Resource, Target};
use super::status::Failure;

/// An answer that never gets anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// None comes.
    Silence,
    /// The connection ends instead, in good order.
    Hangup,
    /// It begins, and ends in good order in the middle of a line.
    HalfALine,
    /// It begins, and the connection ends in the middle of a line.
    Cut,
    /// It begins, and then byte follows byte but no line ends.
    Trickle,
    /// It begins with a line that has no end, as fast as it can.
    EndlessLine,
}

/// Lists that never end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndlessList {
    /// Each page says that the same page comes next.
    SamePage,
    /// Each page says that another one comes next, and holds nothing.
    EmptyPages,
}

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
    /// How requests are answered from now on, if not at all well.
    pub(super) misbehaviour: Option<Misbehaviour>,
    /// The status code of every other request, and whether the next one is such.
    pub(super) alternating: Option<(u16, bool)>,
    pub(super) endless_list: Option<EndlessList>,
    /// Where requests are sent on to.
    pub(super) redirect: Option<String>,
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
        if let Some((code, fails)) = &mut self.alternating {
            *fails = !*fails;
            if !*fails {
                return Err(Failure::injected(*code));
            }
        }
        if let Some(location) = &self.redirect {
            return Err(Failure::elsewhere(location));
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
