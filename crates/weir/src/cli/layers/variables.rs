//! Which variables take the place of flags, and which are mistakes?

use super::layer::{self, Layer};
use clap::Command;
use std::{collections::BTreeMap, ffi::OsString};
use weir_control::translate::did_you_mean;

/// What the names of weir's variables begin with.
const PREFIX: &str = "WEIR_";

/// Short for `WEIR_LOG_LEVEL`.
const SHORT_LOG_LEVEL: &str = "WEIR_LOG";

/// Environment of this process, as far as it may be meant for weir.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Variables(BTreeMap<String, OsString>);

impl Variables {
    /// Picks the variables whose names begin as weir's do.
    pub(in crate::cli) fn of(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let named =
            environment.into_iter().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self(named.filter(|(name, _)| name.starts_with(PREFIX)).collect())
    }

    /// Reads the variables `WEIR_<FLAG>` of `weir run`.
    ///
    /// # Errors
    /// A variable that stands for no flag, with the nearest that does; a value that the flag refuses.
    pub(in crate::cli) fn layer(&self, run: &Command) -> Result<Layer, String> {
        let layer = self.layer_of_known(run)?;
        let mut known = vec![SHORT_LOG_LEVEL.to_owned()];
        known.extend(layer::flags(run).map(|(flag, _)| variable_of(flag)));
        for (name, value) in &self.0 {
            if !known.contains(name) && !is_of_kubernetes(name, value) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let meant = did_you_mean(name, &known);
                return Err(format!(
                    "variable {name}: no flag of weir run has this name{meant}; WEIR_WORKERS stands for --workers, and so \
                     on: 'weir run --help' lists all flags"
                ));
            }
        }
        Ok(layer)
    }
}

impl Variables {
    /// Reads the variables `WEIR_<FLAG>` of a command. Others are no matter: they may be for `weir run`.
    ///
    /// # Errors
    /// A value that the flag refuses.
    pub(in crate::cli) fn layer_of_known(&self, command: &Command) -> Result<Layer, String> {
        let mut layer = Layer::default();
        for (flag, arg) in layer::flags(command) {
            let name = variable_of(flag);
            let short = (flag == "log-level").then_some(SHORT_LOG_LEVEL);
            let set = [Some(&*name), short].into_iter().flatten();
            if let Some((name, value)) = set.filter_map(|name| Some((name, self.0.get(name)?))).next() {
                layer
                    .add(command, arg, vec![value.clone()])
                    .map_err(|problem| format!("variable {name}: {problem}"))?;
            }
        }
        Ok(layer)
    }
}

/// Variable that stands for a long flag of `weir run`.
pub fn variable_of(flag: &str) -> String {
    format!("{PREFIX}{}", flag.replace('-', "_").to_uppercase())
}

/// Whether the kubelet has set the variable for a Service called `weir` or `weir-...`, as it does in the containers of
/// the same namespace: `WEIR_SERVICE_HOST=10.96.0.7`, `WEIR_PORT_80_TCP=tcp://10.96.0.7:80` (pkg/kubelet/envvars).
fn is_of_kubernetes(name: &str, value: &OsString) -> bool {
    let Some(value) = value.to_str() else { return false };
    let name: Vec<&str> = name.split('_').collect();
    let ends_with = |end: &[&str]| name.ends_with(end);
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let is_protocol = |text: &str| matches!(text, "TCP" | "UDP" | "SCTP");
    match &*name {
        _ if ends_with(&["SERVICE", "HOST"]) => weir_core::address::parse_ip(value).is_some(),
        _ if name.windows(2).any(|pair| pair == ["SERVICE", "PORT"]) && is_number(value) => true,
        [.., "PORT", port, protocol] if is_number(port) && is_protocol(protocol) => is_url,
        [.., "PORT", port, protocol, "PROTO" | "PORT" | "ADDR"] if is_number(port) => is_protocol(protocol),
        _ if ends_with(&["PORT"]) => is_url,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::RunArgs;
    use clap::Args;

    fn layer(variables: &[(&str, &str)]) -> Result<Layer, String> {
        let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Variables::of(environment).layer(&RunArgs::augment_args(Command::new("run")))
    }

    #[test]
    fn a_variable_that_stands_for_no_flag_is_refused_with_the_nearest_one() {
        for (name, meant) in [
            ("WEIR_WORKRES", "WEIR_WORKERS"),
            ("WEIR_CLUSTER_CIDRS", "WEIR_CLUSTER_CIDR"),
            ("WEIR_LOGLEVEL", "WEIR_LOG_LEVEL"),
            ("WEIR_NODENAME", "WEIR_NODE_NAME"),
        ] {
            let problem = layer(&[(name, "4")]).unwrap_err();
            assert!(problem.starts_with(&format!("variable {name}: ")), "{problem}");
            assert!(problem.contains(&format!("did you mean {meant:?}?")), "{problem}");
        }
        assert!(layer(&[("WEIR_HELP", "1")]).is_err());
        assert!(layer(&[("WEIRD", "1"), ("PATH", "/bin")]).is_ok());
    }

    #[test]
    fn what_the_kubelet_sets_for_a_service_called_weir_is_no_mistake() {
        assert!(
            layer(&[
                ("WEIR_SERVICE_HOST", "10.96.0.7"),
                ("WEIR_SERVICE_PORT", "80"),
                ("WEIR_SERVICE_PORT_HTTP_METRICS", "10249"),
                ("WEIR_PORT", "tcp://10.96.0.7:80"),
                ("WEIR_PORT_80_TCP", "tcp://10.96.0.7:80"),
                ("WEIR_PORT_80_TCP_PROTO", "tcp"),
                ("WEIR_PORT_80_TCP_PORT", "80"),
                ("WEIR_PORT_80_TCP_ADDR", "fd00::7"),
                ("WEIR_METRICS_SERVICE_HOST", "10.96.0.8"),
                ("WEIR_METRICS_PORT_53_UDP", "udp://10.96.0.8:53"),
            ])
            .is_ok()
        );
        for (name, value) in [("WEIR_PORT", "80"), ("WEIR_SERVICE_HOST", "web"), ("WEIR_PORT_80", "tcp://a")]
        {
            assert!(layer(&[(name, value)]).is_err(), "{name}");
        }
    }

    #[test]
    fn a_command_that_knows_few_flags_takes_their_variables_and_leaves_the_others() {
        let run = RunArgs::augment_args(Command::new("run"));
        let few = Command::new("few").arg(clap::Arg::new("workers").long("workers").value_parser(["1", "2"]));
        let of = |value: &str| {
            let environment = [("WEIR_WORKERS", value), ("WEIR_NO_FLAG", "x"), ("WEIR_DRAIN_TIMEOUT", "25s")];
            Variables::of(environment.map(|(name, value)| (name.into(), value.into())))
        };
        let layer = of("2").layer_of_known(&few).unwrap();
        assert_eq!(layer.get("workers").unwrap(), "2");
        assert!(layer.get("drain_timeout").is_none());
        assert!(of("2").layer(&run).unwrap_err().contains("WEIR_NO_FLAG"));
        assert!(of("3").layer_of_known(&few).unwrap_err().contains("WEIR_WORKERS"));
    }
}
