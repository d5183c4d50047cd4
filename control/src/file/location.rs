//! Where in which file is an object?

use crate::{FileProblem, Problem};
use std::{
    fmt::{self, Display},
    path::Path,
    sync::Arc,
};

/// Location of an object in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) file: Arc<Path>,
    pub(super) document: usize,
    pub(super) line: usize,
    /// Path of the object inside the document: empty, or `items[3]` in a List.
    pub(super) item: String,
}

impl Location {
    /// Creates a problem with the object at this location.
    pub(super) fn problem(&self, message: impl Display) -> FileProblem {
        FileProblem {
            document: Some(self.document),
            line: Some(self.line),
            field: (!self.item.is_empty()).then(|| self.item.clone()),
            ..FileProblem::of_file(&self.file, message)
        }
    }

    /// Prefix of the path of a field of the object at this location.
    pub(super) fn prefix(&self) -> String {
        if self.item.is_empty() { String::new() } else { format!("{}.", self.item) }
    }

    /// Locates a problem with a field of the object at this location, or with the whole object.
    pub(super) fn field_problem(&self, problem: Problem) -> FileProblem {
        let Problem { object, field, message, refused, left_out, count } = problem;
        let field = match &*field {
            "" if self.item.is_empty() => None,
            "" => Some(self.item.clone()),
            field => Some(format!("{}{field}", self.prefix())),
        };
        FileProblem { object: Some(object), field, refused, left_out, count, ..self.problem(message) }
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: document {}, line {}", self.file.display(), self.document, self.line)?;
        if self.item.is_empty() { Ok(()) } else { write!(f, ": {}", self.item) }
    }
}
