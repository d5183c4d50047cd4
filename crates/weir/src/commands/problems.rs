//! What is wrong with manifests? Standard error names it.

use std::process::ExitCode;
use weir_control::{LeftOut, Loaded};

/// Reports problems of manifests to standard error. A failure, if one takes away a whole object or document.
pub(crate) fn report(loaded: &Loaded) -> ExitCode {
    let Loaded { report, refused, .. } = loaded;
    for problem in refused {
        eprintln!("warning: {problem}");
    }
    let mut code = ExitCode::SUCCESS;
    for problem in &report.problems {
        if problem.refused {
            eprintln!("error: {problem}");
            code = ExitCode::FAILURE;
        } else if problem.left_out.is_some_and(LeftOut::is_wanted) {
            eprintln!("note: {problem}");
        } else {
            // A part that the API server itself would tolerate (semantics A2, A3, A5).
            eprintln!("warning: {problem}");
        }
    }
    for (kind, count) in &report.skipped {
        eprintln!("note: {count} x {kind}: not a kind that weir reads");
    }
    code
}
