//! Why is there no answer, and what can be done about it?

use serde_json::Value;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Duration,
};
use weir_core::Printable;

/// Sockets of other weirs that are named at most.
const MAX_OTHERS: usize = 3;

/// Characters of a text from elsewhere that are shown at most.
const MAX_CHARS: usize = 300;

/// Reason why a question has no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Socket that was asked.
    socket: PathBuf,
    cause: Cause,
}

/// Cause of a failure.
#[derive(Debug)]
pub(crate) enum Cause {
    /// Nothing is at the path.
    NoSocket { others: Vec<PathBuf> },
    /// Nobody listens at the socket any more.
    NobodyListens { others: Vec<PathBuf> },
    /// The kernel does not let this user connect.
    Forbidden,
    /// Another error of the connection.
    Connection(io::Error),
    /// Nothing came for so long.
    Silent(Duration),
    /// The answer is larger than any answer may be, in bytes.
    TooLarge(usize),
    /// What came is no answer of the admin API.
    NoAnswer(String),
    /// The weir refuses the question.
    Refused { status: u16, message: String, nearest: Option<String> },
}

impl Failure {
    /// Failure at a socket.
    pub(super) fn new(socket: &Path, cause: Cause) -> Self {
        Self { socket: socket.to_owned(), cause }
    }

    /// Whether what was asked is at fault, so that the exit code is that of wrong usage.
    pub(crate) fn is_wrong_usage(&self) -> bool {
        matches!(self.cause, Cause::Refused { status: 400 | 404, .. })
    }

    /// Whether the weir says that too many others ask for details.
    pub(crate) fn is_too_many(&self) -> bool {
        matches!(self.cause, Cause::Refused { status: 429, .. })
    }
}

impl Cause {
    /// Cause that a connection could not be made.
    pub(super) fn of_connecting(error: io::Error, others: impl FnOnce() -> Vec<PathBuf>) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoSocket { others: others() },
            io::ErrorKind::ConnectionRefused => Self::NobodyListens { others: others() },
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Connection(error),
        }
    }

    /// Cause that an answer with this status tells, which is no success.
    pub(super) fn of_refusal(status: u16, body: &[u8]) -> Self {
        let Ok(answer) = serde_json::from_slice::<Value>(body) else {
            return Self::NoAnswer(format!("HTTP status {status}, {}", quoted(body)));
        };
        let text =
            |value: &Value| value.as_str().map(|text| text.chars().take(MAX_CHARS).collect::<String>());
        match text(&answer["message"]) {
            Some(message) => Self::Refused { status, message, nearest: text(&answer["details"]["nearest"]) },
            None => Self::NoAnswer(format!("HTTP status {status}, {}", quoted(body))),
        }
    }
}

/// Beginning of a text from elsewhere, in quotes.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown: String = text.chars().take(MAX_CHARS).collect();
    let more = if shown.len() < text.len() { " and more" } else { "" };
    format!("{shown:?}{more}")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = self.socket.display();
        match &self.cause {
            Cause::NoSocket { others } => {
                write!(f, "no weir runs here: there is no socket {socket}{}", elsewhere(others))
            }
            Cause::NobodyListens { others } => write!(
                f,
                "no weir runs here: nobody listens at {socket}, which a weir has left that was killed{}",
                elsewhere(others)
            ),
            Cause::Forbidden => write!(
                f,
                "may not connect to {socket}: ask as root, or as the user that weir runs as (sudo weir ...)"
            ),
            Cause::Connection(error) => write!(f, "asked weir at {socket}: {error}"),
            Cause::Silent(time) => write!(
                f,
                "whoever listens at {socket} has said nothing for {}: is the host overloaded, or the process stopped?",
                humantime::format_duration(*time)
            ),
            Cause::TooLarge(bytes) => {
                write!(
                    f,
                    "the answer at {socket} has more than {} MiB: it was not read to its end",
                    bytes >> 20
                )
            }
            Cause::NoAnswer(what) => write!(
                f,
                "what answers at {socket} does not answer as weir does ({what}): is it a weir of another version, or \
                 something else?"
            ),
            Cause::Refused { message, nearest, .. } => {
                write!(f, "{}", Printable(message))?;
                match nearest {
                    Some(nearest) if !message.contains("did you mean") => {
                        write!(f, " (did you mean {nearest:?}?)")
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Advice where no weir runs: others that do, or how to start one.
fn elsewhere(others: &[PathBuf]) -> String {
    let known: Vec<String> = others.iter().take(MAX_OTHERS).map(|path| path.display().to_string()).collect();
    match (known.is_empty(), others.len() - known.len()) {
        (true, _) => {
            "; start one with 'weir run', or name another one's socket with --socket or --runtime-dir"
                .to_owned()
        }
        (false, 0) => format!("; sockets of others: {} (--socket asks one)", known.join(", ")),
        (false, more) => {
            format!("; sockets of others: {} and {more} more (--socket asks one)", known.join(", "))
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(cause: Cause) -> String {
        Failure::new(Path::new("/run/weir/admin.sock"), cause).to_string()
    }

    #[test]
    fn where_no_weir_runs_other_sockets_are_named_or_how_to_start_one() {
        let missing = |others: &[&str]| {
            let others: Vec<PathBuf> = others.iter().map(PathBuf::from).collect();
            said(Cause::of_connecting(io::ErrorKind::NotFound.into(), || others))
        };
        assert!(missing(&[]).contains("/run/weir/admin.sock") && missing(&[]).contains("weir run"));
        assert!(missing(&["/run/user/1/weir/admin.sock"]).contains("/run/user/1/weir/admin.sock (--socket"));
        assert!(missing(&["a", "b", "c", "d", "e"]).contains("a, b, c and 2 more"));
        let left = said(Cause::of_connecting(io::ErrorKind::ConnectionRefused.into(), Vec::new));
        assert!(left.contains("nobody listens"), "{left}");
        let forbidden = said(Cause::of_connecting(io::ErrorKind::PermissionDenied.into(), Vec::new));
        assert!(forbidden.contains("as root"), "{forbidden}");
    }

    #[test]
    fn a_refusal_tells_what_weir_says_and_the_nearest_and_steers_no_terminal() {
        let body = br#"{"kind":"Error","status":400,"message":"state=ejectd:\n must be \u001b[2J one","details":{"nearest":"ejected"}}"#;
        let failure = Failure::new(Path::new("/x"), Cause::of_refusal(400, body));
        assert!(failure.is_wrong_usage());
        let text = failure.to_string();
        assert!(text.contains("did you mean \"ejected\"?") && !text.contains(['\n', '\u{1b}']), "{text}");
        let other = Failure::new(Path::new("/x"), Cause::of_refusal(503, br#"{"message":"ending"}"#));
        assert!(!other.is_wrong_usage());
    }

    #[test]
    fn an_answer_that_is_no_weirs_is_quoted_in_part() {
        let text = said(Cause::of_refusal(404, "\u{1b}[31m404 page not found\n".repeat(1000).as_bytes()));
        assert!(text.contains("404 page not found") && text.len() < 1_000, "{text}");
        assert!(!text.contains(['\n', '\u{1b}']), "{text:?}");
    }
}
