//! What is wrong with the objects that were read? Standard error names it.

use serde::Serialize;
use std::{fmt, process::ExitCode};
use weir_control::{LeftOut, Loaded};

/// One thing that somebody should know about the objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// What it is about, what is wrong, and what follows, on one line.
    pub(crate) message: String,
    /// Whether something that is written would not be served, or not as it is written.
    #[serde(skip)]
    is_lost: bool,
}

/// Weight of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// An object, a document or a file is lost.
    Error,
    /// Something would not be served, or not as it is written.
    Warning,
    /// Nothing is wrong.
    Note,
}

impl Finding {
    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, message: message.into(), is_lost: true }
    }

    pub(crate) fn note(message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, message: message.into(), is_lost: false }
    }

    /// Error if something is refused as a whole. What the API server itself would tolerate is a warning (semantics A2, A3,
    /// A5), and what is left out as its author wants it a note.
    fn of(refused: bool, left_out: Option<LeftOut>, problem: &impl ToString) -> Self {
        let severity = match left_out {
            _ if refused => Severity::Error,
            Some(reason) if reason.is_wanted() => Severity::Note,
            _ => Severity::Warning,
        };
        Self { severity, message: problem.to_string(), is_lost: true }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        write!(f, "{severity}: {}", self.message)
    }
}

/// What was found while objects were read.
pub(crate) fn findings(loaded: &Loaded) -> Vec<Finding> {
    let refused = loaded.refusals.iter().flat_map(|refusals| refusals.problems().into_values());
    let mut found: Vec<Finding> = refused.map(|problem| Finding::warning(problem.to_string())).collect();
    found.extend(
        loaded.problems.iter().map(|problem| Finding::of(problem.refused, problem.left_out, problem)),
    );
    found.extend(
        loaded.report.problems.iter().map(|problem| Finding::of(problem.refused, problem.left_out, problem)),
    );
    let skipped = loaded.report.skipped.iter();
    found.extend(
        skipped.map(|(kind, count)| Finding::note(format!("{count} x {kind}: not a kind that weir reads"))),
    );
    found.extend(loaded.notes.iter().map(Finding::note));
    found
}

/// Reports findings to standard error. A failure, if something is lost as a whole; with `strict`, if anything is lost.
pub(crate) fn report(findings: &[Finding], strict: bool) -> ExitCode {
    for finding in findings {
        eprintln!("{finding}");
    }
    let fails = |finding: &Finding| finding.severity == Severity::Error || (strict && finding.is_lost);
    if findings.iter().any(fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
