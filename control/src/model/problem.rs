//! What is wrong with an object or a file, where, and what does weir do about it?

use std::{fmt, path::Path, sync::Arc};

/// Problem with an object: where it is, what is wrong, and what weir does about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{object}: {field}: {message}")]
pub struct Problem {
    /// Name of the object, as in `Service default/web`.
    pub object: String,
    /// Path of the field, as in `spec.ports[0].port`.
    pub field: String,
    /// What is wrong and what weir does about it.
    pub message: String,
    /// Whether the whole object is refused; else only the field is left out.
    pub refused: bool,
}

/// Problem with manifests on disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileProblem {
    /// File or directory; `-` is standard input.
    pub file: Arc<Path>,
    /// Number of the document in the file, from 1.
    pub document: Option<usize>,
    /// Line in the file, from 1: that of the mistake where it is known, else the document's first.
    pub line: Option<usize>,
    /// Name of the object, as in `Service default/web`.
    pub object: Option<String>,
    /// Path of the field, as in `spec.ports[0].port`.
    pub field: Option<String>,
    /// What is wrong and what weir does about it.
    pub message: String,
    /// Whether an object, a document or a file is refused; else only a part of an object is left out.
    pub refused: bool,
}

impl FileProblem {
    /// Creates a problem with a file or directory as a whole.
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
