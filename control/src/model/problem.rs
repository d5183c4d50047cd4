//! What is wrong with an object or a file, where, and what does weir do about it?

use super::{
    left_out::LeftOut,
    text::{MAX_MESSAGE_CHARS, MAX_TEXT_CHARS, shown},
};
use std::{
    fmt::{self, Display},
    path::Path,
    sync::Arc,
};

/// Problem with an object: where it is, what is wrong, and what weir does about it. Its texts are short and fit for one
/// line of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// Name of the object, as in `Service default/web`.
    pub object: String,
    /// Path of the field, as in `spec.ports[0].port`; empty for the whole object.
    pub field: String,
    /// What is wrong and what weir does about it.
    pub message: String,
    /// Whether the whole object is refused; else only the field is left out.
    pub refused: bool,
    /// Why the object as a whole is left out, although nothing is wrong with it; `None` for all other problems.
    pub left_out: Option<LeftOut>,
    /// Problems that this one stands for: 1, or those beyond the ones that are listed for an object.
    pub count: usize,
}

impl Problem {
    /// Creates a problem with one field, which does not refuse the object.
    pub(crate) fn new(object: impl Display, field: impl Display, message: impl Display) -> Self {
        Self {
            // A kind and two names.
            object: shown(object, 3 * MAX_TEXT_CHARS),
            field: shown(field, MAX_TEXT_CHARS),
            message: shown(message, MAX_MESSAGE_CHARS),
            refused: false,
            left_out: None,
            count: 1,
        }
    }

    /// Stands for `count` more problems with an object, which are not listed.
    pub(crate) fn more(object: impl Display, count: usize) -> Self {
        let s = if count == 1 { "" } else { "s" };
        let message = format_args!("and {} more problem{s} with this object", grouped(count));
        Self { count, ..Self::new(object, "", message) }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, field, message, .. } = self;
        match &**field {
            "" => write!(f, "{object}: {message}"),
            field => write!(f, "{object}: {field}: {message}"),
        }
    }
}

impl std::error::Error for Problem {}

/// Problem with manifests on disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileProblem {
    /// File or directory; `-` is standard input.
    pub file: Arc<Path>,
    /// Number of the document in the file, from 1.
    pub document: Option<usize>,
    /// Line in the file, from 1: that of the field or the mistake where it is known, else the document's first.
    pub line: Option<usize>,
    /// Name of the object, as in `Service default/web`.
    pub object: Option<String>,
    /// Path of the field, as in `spec.ports[0].port`.
    pub field: Option<String>,
    /// What is wrong and what weir does about it.
    pub message: String,
    /// Whether an object, a document or a file is refused; else only a part of an object is left out.
    pub refused: bool,
    /// Why an object as a whole is left out, although nothing is wrong with it; `None` for all other problems.
    pub left_out: Option<LeftOut>,
    /// Problems that this one stands for: 1, or those beyond the ones that are listed.
    pub count: usize,
}

impl FileProblem {
    /// Creates a problem with a file or directory as a whole, which refuses it.
    pub(crate) fn of_file(file: &Arc<Path>, message: impl Display) -> Self {
        Self {
            file: Arc::clone(file),
            document: None,
            line: None,
            object: None,
            field: None,
            message: shown(message, MAX_MESSAGE_CHARS),
            refused: true,
            left_out: None,
            count: 1,
        }
    }
}

impl Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.file {
            file if file == Path::new("-") => f.write_str("standard input")?,
            file => f.write_str(&shown(file.display(), 4096))?,
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

/// A count with commas between thousands, as in `14,990`.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1000, 14_990, 1_234_567].map(grouped),
            ["0", "999", "1,000", "14,990", "1,234,567"]
        );
    }

    #[test]
    fn no_text_of_a_problem_begins_a_line_or_fills_one() {
        let long = "\n".repeat(100_000);
        let problem = Problem::new(&long, &long, &long).to_string();
        assert!(!problem.contains('\n') && problem.len() < 2_000, "{}", problem.len());
    }
}
