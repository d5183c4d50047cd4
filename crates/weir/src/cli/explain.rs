//! Which settings does `weir explain` take?

mod running;

use super::{
    client::SocketArgs,
    network::{ClusterNetwork, NetworkArgs},
    objects::{ObjectArgs, ObjectOptions},
    values::{self, usage},
};
use crate::output::format::Output;
use clap::{ArgAction, Args, Error};
use std::{net::IpAddr, path::PathBuf};
use weir_core::{Family, Frontend};

pub use running::RunningExplainOptions;
pub(crate) use running::Target;
pub(super) use running::is_about_objects;
use running::target;

/// The flags of `weir explain`.
#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// What the client dials: IP:PORT/PROTOCOL, as in 10.96.0.10:80/TCP, or at the running weir a Service, as in svc/web:http
    #[arg(value_name = "TARGET", value_parser = target, conflicts_with_all = ["to", "flows"])]
    target: Option<Target>,

    /// The client's address [default: the node itself, where the running weir is asked]
    #[arg(long, value_name = "IP", value_parser = values::address)]
    from: Option<IpAddr>,

    /// What the client dials, as in 10.96.0.10:80/TCP
    #[arg(long, value_name = "IP:PORT/PROTOCOL", value_parser = values::frontend)]
    to: Option<Frontend>,

    /// Namespace of the Service that is dialled
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// A file with a flow a line, FROM and TO with a blank between, or - for standard input; answers are JSON, one a line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to", "output"])]
    flows: Option<PathBuf>,

    /// Addresses of the node, comma separated; the first of each family is the primary one
    /// [default: the InternalIPs of the Node among the objects]
    #[arg(long, value_name = "IP", value_delimiter = ',', action = ArgAction::Append, value_parser = values::address)]
    node_addresses: Vec<IpAddr>,

    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: Output,

    #[command(flatten)]
    objects: ObjectArgs,

    #[command(flatten)]
    network: NetworkArgs,

    #[command(flatten)]
    socket: SocketArgs,
}

/// Settings of `weir explain`, checked and complete.
#[derive(Clone, Debug)]
pub struct ExplainOptions {
    /// Objects to read, and the node that they are judged for.
    pub(crate) objects: ObjectOptions,
    /// Addresses of the node; empty for the InternalIPs of its Node object.
    pub(crate) node_addresses: Vec<IpAddr>,
    /// Network of the cluster.
    pub(crate) network: ClusterNetwork,
    /// Question to answer.
    pub(crate) question: Question,
}

/// Question to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// One flow, answered at length.
    One(AskedFlow, Output),
    /// Many flows, one a line of this file, answered in brief.
    Many(PathBuf),
}

/// Flow that is asked about; both addresses are of one family, unless Service addresses are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AskedFlow {
    /// The client's address.
    pub(crate) from: IpAddr,
    /// Frontend that the client dials.
    pub(crate) to: Frontend,
}

impl AskedFlow {
    /// Checks that both addresses are of one family.
    pub(crate) fn new(from: IpAddr, to: Frontend) -> Result<Self, String> {
        let (of, at) = (Family::of(from), Family::of(to.address.ip()));
        if of != at {
            return Err(format!("{from} is {of} and {to} is {at}: no flow goes from one to the other"));
        }
        Ok(Self { from, to })
    }
}

impl std::str::FromStr for AskedFlow {
    type Err = String;

    /// Reads a line of `--flows`.
    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let (Some(from), Some(to), None) = (words.next(), words.next(), words.next()) else {
            return Err("must be FROM and TO with a blank between, as in 10.244.0.1 10.96.0.10:80/TCP".into());
        };
        Self::new(values::address(from)?, values::frontend(to)?)
    }
}

impl ExplainArgs {
    /// Checks the flags together.
    pub(super) fn options(self) -> Result<ExplainOptions, clap::Error> {
        let objects = self.objects.options(&self.node_addresses)?;
        let to = match self.target {
            Some(Target::Frontend(frontend)) => Some(frontend),
            Some(Target::Service(_)) => {
                return Err(usage(
                    "a Service is explained at the running weir: for objects say IP:PORT/PROTOCOL",
                ));
            }
            None => self.to,
        };
        let question = match (self.flows, self.from, to) {
            (None, Some(from), Some(to)) => {
                // A mapped address is IPv4 for IPv6 cluster IPs, too.
                let flow = match objects.map_loopback {
                    true => AskedFlow { from, to },
                    false => AskedFlow::new(from, to).map_err(usage)?,
                };
                Question::One(flow, self.output)
            }
            (Some(path), ..) if path.as_os_str() == "-" && objects.read_standard_input() => {
                return Err(usage("--flows and --manifests cannot both be standard input"));
            }
            (Some(path), ..) => Question::Many(path),
            _ => return Err(usage("give --from and --to, or --flows")),
        };
        let network = self.network.network()?;
        if objects.map_loopback && (network.masquerade_all || !network.service_cidrs.is_empty()) {
            return Err(usage(
                "--service-cidr and --masquerade-all are for node mode: with --map loopback nothing is captured, and \
                 endpoints always see this host's address",
            ));
        }
        Ok(ExplainOptions { objects, node_addresses: self.node_addresses, network, question })
    }
}

impl ExplainArgs {
    /// Checks the flags together, for the running weir.
    pub(in crate::cli) fn running(self) -> Result<RunningExplainOptions, Error> {
        let target = match (self.target, self.to) {
            (Some(Target::Service(service)), _) => {
                Target::Service(service.within(self.namespace.as_deref())?)
            }
            (Some(target), _) if self.namespace.is_none() => target,
            (Some(_), _) => return Err(usage("--namespace is that of a Service, as in svc/web")),
            (None, Some(to)) => Target::Frontend(to),
            (None, None) => {
                return Err(usage(
                    "say what is dialled: IP:PORT/PROTOCOL or svc/NAME, as in 10.96.0.10:80/TCP or svc/web",
                ));
            }
        };
        Ok(RunningExplainOptions {
            socket: self.socket.socket()?,
            from: self.from,
            target,
            output: self.output,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_two_addresses_of_one_family() {
        let flow: AskedFlow = "  10.244.0.1\t10.96.0.10:53/udp ".parse().unwrap();
        assert_eq!(
            (flow.from.to_string(), flow.to.to_string()),
            ("10.244.0.1".into(), "10.96.0.10:53/UDP".into())
        );
        let flow: AskedFlow = "fd00::1 [fd00:96::a]:80/SCTP".parse().unwrap();
        assert_eq!(flow.to.to_string(), "[fd00:96::a]:80/SCTP");
        let mapped: AskedFlow = "::ffff:10.0.0.1 [::ffff:10.96.0.10]:80/TCP".parse().unwrap();
        assert!(mapped.from.is_ipv4() && mapped.to.address.is_ipv4());
    }

    #[test]
    fn what_is_no_flow_is_refused_with_how_to_write_one() {
        for (line, said) in [
            ("10.244.0.1", "FROM and TO"),
            ("10.244.0.1 10.96.0.10:80/TCP more", "FROM and TO"),
            ("pod 10.96.0.10:80/TCP", "10.244.0.1"),
            ("10.244.0.1 10.96.0.10:80", "10.96.0.10:80/TCP"),
            ("10.244.0.1 10.96.0.10:0/TCP", "10.96.0.10:80/TCP"),
            ("10.244.0.1 web:80/TCP", "10.96.0.10:80/TCP"),
            ("10.244.0.1 10.96.0.10:80/ICMP", "10.96.0.10:80/TCP"),
            ("10.244.0.1 [fd00::1]:80/TCP", "IPv4"),
        ] {
            let problem = line.parse::<AskedFlow>().unwrap_err();
            assert!(problem.contains(said), "{line}: {problem}");
        }
    }
}
