//! Which names does the running weir know that may come next? It is asked while somebody types, and has half a second.

use crate::{
    client::{AdminSocket, Query, with_client},
    commands::operate::list,
    output::part::Part,
};
use clap::{Arg, Command};
use clap_complete::{ArgValueCompleter, CompletionCandidate};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env,
    ffi::{OsStr, OsString},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};
use weir_capture::RuntimeDir;

/// Time that somebody waits who has pressed the Tab key.
const PATIENCE: Duration = Duration::from_millis(500);

/// Items that are looked at, at most.
const MAX_ITEMS: NonZeroUsize = NonZeroUsize::new(5000).expect("is not 0");

/// Completes the values of these flags and arguments with names: of a command, the argument, and the kind of its names.
const NAMED: [(&str, &str, Kind); 14] = [
    ("conns", "service", Kind::Service),
    ("conns", "namespace", Kind::Namespace),
    ("conns", "endpoint", Kind::Endpoint),
    ("conns", "node", Kind::Node),
    ("endpoints", "service", Kind::Service),
    ("endpoints", "namespace", Kind::Namespace),
    ("endpoints", "endpoint", Kind::Endpoint),
    ("endpoints", "node", Kind::Node),
    ("services", "namespace", Kind::Namespace),
    ("events", "service", Kind::Service),
    ("events", "namespace", Kind::Namespace),
    ("explain", "target", Kind::Service),
    ("explain", "namespace", Kind::Namespace),
    ("status", "namespace", Kind::Namespace),
];

/// Kind of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Service,
    Namespace,
    Endpoint,
    Node,
}

/// What the line so far says about the names that may come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line {
    socket: Option<PathBuf>,
    runtime_dir: Option<PathBuf>,
    namespace: Option<String>,
}

/// Adds the names that the running weir knows to what a command line can be completed with.
pub(super) fn with_names(weir: Command, line: &[OsString]) -> Command {
    let line = Line::of(line);
    NAMED.into_iter().fold(weir, |weir, (command, argument, kind)| {
        let line = line.clone();
        let complete = move |begun: &OsStr| line.candidates(kind, begun);
        weir.mut_subcommand(command, |command| {
            command.mut_arg(argument, |argument: Arg| argument.add(ArgValueCompleter::new(complete)))
        })
    })
}

impl Line {
    fn of(words: &[OsString]) -> Self {
        let value = |flags: &[&str]| {
            let position = words.iter().position(|word| flags.iter().any(|flag| word == flag));
            let apart = position.and_then(|position| words.get(position + 1).cloned());
            let joined = words.iter().filter_map(|word| word.to_str()).find_map(|word| {
                let (flag, value) = word.split_once('=')?;
                flags.contains(&flag).then(|| value.into())
            });
            apart.or(joined).filter(|value: &OsString| !value.is_empty())
        };
        Self {
            socket: value(&["--socket"]).map(PathBuf::from),
            runtime_dir: value(&["--runtime-dir"]).map(PathBuf::from),
            namespace: value(&["-n", "--namespace"]).and_then(|value| value.into_string().ok()),
        }
    }

    fn admin_socket(&self) -> Option<AdminSocket> {
        if let Some(path) = &self.socket {
            return Some(AdminSocket::at(path.clone()));
        }
        let variable =
            || env::var_os("WEIR_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let folder = self.runtime_dir.clone().or_else(variable).or_else(RuntimeDir::default_path)?;
        Some(AdminSocket::in_runtime_dir(&folder))
    }

    /// Names that begin so; none where nobody answers.
    fn candidates(&self, kind: Kind, begun: &OsStr) -> Vec<CompletionCandidate> {
        let Some(begun) = begun.to_str() else { return Vec::new() };
        let query = match kind {
            Kind::Service => Query::of("services").with_some("namespace", self.namespace.as_ref()),
            Kind::Namespace => Query::of("services"),
            Kind::Endpoint | Kind::Node => {
                Query::of("endpoints").with_some("namespace", self.namespace.as_ref())
            }
        };
        let Some(socket) = self.admin_socket() else { return Vec::new() };
        let asked = with_client(socket, async |client| {
            Ok(tokio::time::timeout(PATIENCE, list(&client, &query, Some(MAX_ITEMS))).await??)
        });
        let names = asked.map(|found| self.names(kind, begun, &found)).unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    }

    fn names(&self, kind: Kind, begun: &str, found: &Value) -> BTreeSet<String> {
        let item_name = |item: Part<'_>| -> Option<String> {
            let text = |key: &str| item.text(key).filter(|text| is_plain(text));
            Some(match kind {
                Kind::Namespace => text("namespace")?.to_owned(),
                Kind::Endpoint => text("endpoint")?.to_owned(),
                Kind::Node => text("node")?.to_owned(),
                Kind::Service if self.namespace.is_some() || begun.starts_with("svc/") => {
                    format!("svc/{}", text("service")?)
                }
                Kind::Service => format!("{}/{}", text("namespace")?, text("service")?),
            })
        };
        let names = Part::of(found).items("items").filter_map(item_name);
        names.filter(|name| name.starts_with(begun)).collect()
    }
}

/// Whether a name from elsewhere may be put on a command line: it says nothing to a shell or a terminal.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
    (1..=253).contains(&name.len()) && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_line_tells_which_weir_is_asked_and_for_which_namespace() {
        let line = |words: &[&str]| Line::of(&words.iter().map(OsString::from).collect::<Vec<_>>());
        let found = line(&["weir", "conns", "-n", "shop", "--socket=/x", "svc/"]);
        assert_eq!((found.socket, found.namespace.as_deref()), (Some("/x".into()), Some("shop")));
        let found = line(&["weir", "conns", "--runtime-dir", "/run/x", "-n", ""]);
        assert_eq!((found.runtime_dir, found.namespace), (Some("/run/x".into()), None));
        assert_eq!(line(&["weir", "conns", "--socket"]), Line::default());
    }

    #[test]
    fn names_come_in_the_form_that_was_begun_and_none_that_says_something_to_a_shell() {
        let services = json!({"items": [
            {"namespace": "shop", "service": "web"}, {"namespace": "shop", "service": "web"},
            {"namespace": "shop", "service": "$(reboot)"}, {"namespace": "a\nb", "service": "x"}, {"service": 7}
        ]});
        let names = |namespace: Option<&str>, begun: &str| {
            let line = Line { namespace: namespace.map(str::to_owned), ..Line::default() };
            line.names(Kind::Service, begun, &services).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(names(None, ""), ["shop/web"]);
        assert_eq!(names(None, "svc/"), ["svc/web", "svc/x"]);
        assert_eq!(names(Some("shop"), ""), ["svc/web", "svc/x"]);
        assert!(names(None, "default/").is_empty());
    }
}
