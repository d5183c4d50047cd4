//! What is wrong with an object? Collected during its translation.

use crate::Problem;
use std::{fmt::Display, num::NonZeroU16};

/// Collector of what is wrong with one object.
pub struct Problems {
    pub(super) object: String,
    pub(super) list: Vec<Problem>,
}

impl Problems {
    /// Creates a problem with one field, for which the object is refused.
    pub(super) fn refusal(&self, field: impl Display, message: impl Display) -> Problem {
        Problem {
            object: self.object.clone(),
            field: field.to_string(),
            message: message.to_string(),
            refused: true,
        }
    }

    /// Adds a problem with one field, which does not refuse the object.
    pub(super) fn add(&mut self, field: impl Display, message: impl Display) {
        let problem = self.refusal(field, message);
        self.list.push(Problem { refused: false, ..problem });
    }

    /// Reads a required port.
    pub(super) fn port(&self, field: impl Display, value: i32) -> Result<NonZeroU16, Problem> {
        let port = u16::try_from(value).ok().and_then(NonZeroU16::new);
        port.ok_or_else(|| self.refusal(field, format_args!("{value} is not a port; ports are 1 to 65535")))
    }

    /// Reads an optional port; 0 means absent.
    pub(super) fn optional_port(
        &self,
        field: impl Display,
        value: Option<i32>,
    ) -> Result<Option<NonZeroU16>, Problem> {
        value.filter(|&value| value != 0).map(|value| self.port(field, value)).transpose()
    }
}
