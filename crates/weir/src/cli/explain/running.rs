//! Which settings does `weir explain` take when it asks the running weir?

use crate::{
    cli::{
        client::{ServiceName, SocketArgs, service_name},
        network::NetworkArgs,
        objects::ObjectArgs,
        values::{self, usage},
    },
    client::AdminSocket,
    output::format::Output,
};
use clap::{ArgMatches, Args, Command, Error, parser::ValueSource};
use std::net::IpAddr;
use weir_core::Frontend;

/// Flags that name objects: with one of them the answer is by objects.
const SOURCES: [&str; 5] = ["manifests", "kubeconfig", "context", "api_server", "flows"];

/// What a client dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Address, port and protocol.
    Frontend(Frontend),
    /// Service, at its cluster IP.
    Service(ServiceName),
}

/// Parses `IP:PORT/PROTOCOL` or the name of a Service.
pub(super) fn target(text: &str) -> Result<Target, String> {
    let begins_as_address = text.trim().starts_with(|c: char| c.is_ascii_digit() || c == '[');
    match values::frontend(text) {
        Ok(frontend) => Ok(Target::Frontend(frontend)),
        Err(problem) if begins_as_address && !text.contains(|c: char| c.is_ascii_lowercase()) => {
            Err(problem.to_owned())
        }
        Err(problem) => {
            service_name(text).map(Target::Service).map_err(|service| format!("{problem}; or {service}"))
        }
    }
}

/// Settings of `weir explain` of the running weir, checked and complete.
#[derive(Clone, Debug)]
pub struct RunningExplainOptions {
    /// Weir that is asked.
    pub(crate) socket: AdminSocket,
    /// The client's address; `None` for the node itself.
    pub(crate) from: Option<IpAddr>,
    /// What the client dials.
    pub(crate) target: Target,
    /// Output format.
    pub(crate) output: Output,
}

/// Whether the answer is by objects, since a flag names some.
///
/// # Errors
/// A flag that means nothing then, or without objects.
pub(in crate::cli) fn is_about_objects(matches: &ArgMatches) -> Result<bool, Error> {
    let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let about_objects = SOURCES.into_iter().any(is_given);
    let mut flags = Command::new("explain");
    flags = match about_objects {
        true => SocketArgs::augment_args(flags),
        false => NetworkArgs::augment_args(ObjectArgs::augment_args(flags)),
    };
    let others = ["namespace"].into_iter().filter(|_| about_objects);
    let others = others.chain(["node_addresses"].into_iter().filter(|_| !about_objects));
    let mut meaningless = flags.get_arguments().map(|flag| flag.get_id().as_str()).chain(others);
    let Some(flag) = meaningless.find(|id| is_given(id)) else { return Ok(about_objects) };
    let flag = flag.replace('_', "-");
    Err(usage(match about_objects {
        true => format!("--{flag} is for the running weir, and the flags name objects"),
        false => format!(
            "--{flag} is for objects, and the running weir is asked: name objects with --manifests, --kubeconfig, \
             --context or --api-server"
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dialled_is_an_address_or_a_service() {
        let frontend = |text: &str| Target::Frontend(values::frontend(text).unwrap());
        assert_eq!(target("10.96.0.10:80/TCP"), Ok(frontend("10.96.0.10:80/TCP")));
        assert_eq!(target("[fd00::1]:53/udp"), Ok(frontend("[fd00::1]:53/UDP")));
        let service = |namespace: Option<&str>, port: Option<&str>| {
            let [namespace, port] = [namespace, port].map(|text| text.map(str::to_owned));
            Target::Service(ServiceName { namespace, name: "web".into(), port })
        };
        assert_eq!(target("svc/web"), Ok(service(None, None)));
        assert_eq!(target("shop/web:80"), Ok(service(Some("shop"), Some("80"))));
        for (wrong, said) in [
            ("10.96.0.10:80", "10.96.0.10:80/TCP"),
            ("10.96.0.10", "10.96.0.10:80/TCP"),
            ("web", "did you mean svc/web?"),
            ("svc/", "svc/NAME"),
        ] {
            assert!(target(wrong).unwrap_err().contains(said), "{wrong}: {}", target(wrong).unwrap_err());
        }
    }
}
