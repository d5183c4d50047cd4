//! What is wrong with an object or a file, where, and what does weir do about it?

use std::{fmt, path::Path, sync::Arc};

/// What is wrong with an object, where, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{object}: {field}: {message}")]
pub struct Problem {
    /// Which object, as in `Service default/web`.
    pub object: String,
    /// The path of the field, as in `spec.ports[0].port`.
    pub field: String,
    /// What is wrong and what weir does about it.
    pub message: String,
    /// Whether the whole object is refused; else only this part of it is left out.
    pub refused: bool,
}

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
    pub(crate) fn of_file(file: &Arc<Path>, message: impl Into<String>) -> Self {
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
