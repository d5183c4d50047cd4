//! How is one thing found?

use serde::Serialize;

/// Result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// Name of the check, which programs may rely on.
    #[serde(rename = "check")]
    pub(super) name: &'static str,
    /// Outcome of the check.
    #[serde(rename = "result")]
    pub(super) outcome: Outcome,
    /// Finding, and what it means.
    pub(super) finding: String,
    /// Advice on what to do, if anything.
    pub(super) advice: Option<String>,
}

/// Outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// All is well.
    Ok,
    /// Node mode works, with a drawback.
    Warn,
    /// Node mode does not work.
    Fail,
}

impl Outcome {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Check {
    pub(super) fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Ok, finding: finding.into(), advice: None }
    }

    pub(super) fn warn(name: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warn, advice: Some(advice.into()), ..Self::ok(name, finding) }
    }

    pub(super) fn fail(name: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, advice: Some(advice.into()), ..Self::ok(name, finding) }
    }
}
