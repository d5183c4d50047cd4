//! What is wrong in which file, document, object and field?

use crate::Problem;
use std::{fmt, path::Path, sync::Arc};

/// One thing that is wrong with the manifests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileProblem {
    /// The file or directory; `-` is standard input.
    pub file: Arc<Path>,
    /// Which document of the file, from 1.
    pub document: Option<usize>,
    /// The line in the file, from 1: of the mistake where it is known, else of the document's start.
    pub line: Option<usize>,
    /// The object, as in `Service default/web`.
    pub object: Option<String>,
    /// The path of the field, as in `spec.ports[0].port`.
    pub field: Option<String>,
    /// What is wrong and what weir does about it.
    pub message: String,
    /// Whether an object, a document or a file is refused; else only a part of an object is left out.
    pub refused: bool,
}

impl FileProblem {
    /// A problem with a file or directory as a whole.
    pub(super) fn of_file(file: &Arc<Path>, message: impl Into<String>) -> Self {
        Self {
            file: Arc::clone(file),
            document: None,
            line: None,
            object: None,
            field: None,
            message: message.into(),
            refused: true,
        }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.file {
            file if file == Path::new("-") => f.write_str("standard input")?,
            file => write!(f, "{}", file.display())?,
        }
        match (self.document, self.line) {
            (Some(document), Some(line)) => write!(f, ": document {document}, line {line}")?,
            (Some(document), None) => write!(f, ": document {document}")?,
            (None, Some(line)) => write!(f, ": line {line}")?,
            (None, None) => {}
        }
        for part in [&self.object, &self.field].into_iter().flatten() {
            write!(f, ": {part}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for FileProblem {}

/// Where in which file an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Arc<Path>,
    pub(super) document: usize,
    pub(super) line: usize,
    /// The path of the object inside the document: empty, or `items[3]` in a List.
    pub(super) item: String,
}

impl Place {
    /// A problem with what is here.
    pub(super) fn problem(&self, message: impl Into<String>) -> FileProblem {
        FileProblem {
            document: Some(self.document),
            line: Some(self.line),
            field: (!self.item.is_empty()).then(|| self.item.clone()),
            ..FileProblem::of_file(&self.file, message)
        }
    }

    /// What comes before the path of a field of the object here.
    pub(super) fn prefix(&self) -> String {
        if self.item.is_empty() { String::new() } else { format!("{}.", self.item) }
    }

    /// A problem with a field of the object here.
    pub(super) fn field_problem(&self, problem: Problem) -> FileProblem {
        let Problem { object, field, message, refused } = problem;
        let field = format!("{}{field}", self.prefix());
        FileProblem { object: Some(object), field: Some(field), refused, ..self.problem(message) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: document {}, line {}", self.file.display(), self.document, self.line)?;
        if self.item.is_empty() { Ok(()) } else { write!(f, ": {}", self.item) }
    }
}
