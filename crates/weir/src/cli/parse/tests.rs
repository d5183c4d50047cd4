//! Does a flag override a variable, a variable the file, and the file the default?

mod modes;

use super::*;
use crate::{
    cli::{AskedFlow, Question},
    output::format::Output,
};
use std::{fs, net::Ipv4Addr, num::NonZeroUsize, time::Duration};
use weir_capture::Forwarding;
use weir_control::Source;
use weir_core::{NodePortAddresses, Pods};

/// Parses `weir run` with these flags, variables, and lines of a config file.
fn run(flags: &[&str], variables: &[(&str, &str)], file: &str) -> Result<RunOptions, String> {
    let path = std::env::temp_dir().join(format!("weir-cli-{:x}.yaml", rand::random::<u64>()));
    fs::write(&path, file).unwrap();
    let config = ["--config".to_owned(), path.display().to_string()];
    let arguments = ["weir", "run"].into_iter().chain(flags.iter().copied()).map(str::to_owned).chain(config);
    let environment = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let parsed = parse(arguments, environment);
    fs::remove_file(&path).unwrap();
    match parsed {
        Ok(Command::Run(options)) => Ok(*options),
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            assert_eq!(error.exit_code(), 2);
            Err(error.to_string())
        }
    }
}

fn paths(source: &Source) -> Option<Vec<&str>> {
    match source {
        Source::File(source) => Some(source.paths.iter().map(|path| path.to_str().unwrap()).collect()),
        Source::Kube(_) => None,
    }
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn flags_override_variables_override_the_file_overrides_defaults() {
    let workers =
        |flags: &[&str], variables: &[(&str, &str)], file| run(flags, variables, file).unwrap().workers.get();
    let variables = [("WEIR_WORKERS", "3")];
    assert_eq!(workers(&["--workers", "2"], &variables, "workers: 4"), 2);
    assert_eq!(workers(&[], &variables, "workers: 4"), 3);
    assert_eq!(workers(&[], &[], "workers: 4"), 4);
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    assert_eq!(workers(&[], &[], ""), cores);
}

#[test]
fn defaults_are_those_of_the_design() {
    let options = run(&["--node-name", " Node-A "], &[], "").unwrap();
    assert_eq!(options.health_address, Some("127.0.0.1:10256".parse().unwrap()));
    assert_eq!(options.admin.address, Some("127.0.0.1:10249".parse().unwrap()));
    assert_eq!(options.drain_timeout, Duration::from_secs(25));
    assert_eq!(options.node_port_addresses, NodePortAddresses::default());
    assert_eq!(options.scope.node_name, "node-a");
    assert_eq!(paths(&options.source), None);
    assert!(!options.map_loopback);
}

#[test]
fn limits_are_of_the_process_or_of_all_services() {
    let flags = ["--max-connections", "9", "--accept-rate", "5", "--max-udp-flows-per-client", "3"];
    let options = run(&flags, &[("WEIR_RELAY_MEMORY", "64MiB")], "max-connections-per-client: 2").unwrap();
    let config = options.proxy_config();
    assert_eq!((config.max_connections, config.relay_memory), (9, 64 << 20));
    let limits = options.scope.defaults.limits;
    let set = [limits.accept_rate, limits.udp_flows_per_client, limits.connections_per_client];
    assert_eq!(set.map(|limit| limit.map_or(0, u32::from)), [5, 3, 2]);
    let options = run(&[], &[], "").unwrap();
    let defaults = weir_proxy::Config::with_workers(options.workers);
    assert_eq!(options.proxy_config().max_connections, defaults.max_connections);
    assert_eq!(options.scope.defaults, weir_core::Settings::default());
}

#[test]
fn a_bad_limit_says_what_is_allowed() {
    let limits =
        ["max-connections", "max-udp-flows", "max-connections-per-service", "max-udp-flows-per-client"];
    for limit in limits {
        for value in ["0", "many", "-1", "1.5", "4294967296"] {
            let problem = run(&[&format!("--{limit}={value}")], &[], "").unwrap_err();
            let said = format!("'--{limit} <N>': must be a whole number from 1 to 4294967295");
            assert!(problem.contains(&said), "{problem}");
        }
    }
    let problem = run(&[], &[("WEIR_MAX_CONNECTIONS", "0")], "").unwrap_err();
    assert!(problem.contains("whole number from 1"), "{problem}");
}

#[test]
fn lists_come_repeated_with_commas_or_as_yaml() {
    let manifests = |flags: &[&str], variables: &[(&str, &str)], file| {
        let options = run(flags, variables, file).unwrap();
        paths(&options.source).unwrap().join(" ")
    };
    assert_eq!(manifests(&["--manifests", "a", "--manifests", "b"], &[], ""), "a b");
    assert_eq!(manifests(&[], &[("WEIR_MANIFESTS", "a,b")], ""), "a b");
    assert_eq!(manifests(&[], &[], "manifests: [a, b]"), "a b");
    assert_eq!(manifests(&["--manifests", "c"], &[("WEIR_MANIFESTS", "a,b")], "manifests: d"), "c");
}

#[test]
fn the_strongest_origin_decides_where_objects_come_from() {
    let kube = [("WEIR_KUBECONFIG", "kubeconfig")];
    let options = run(&["--manifests", "a"], &kube, "context: c").unwrap();
    assert_eq!(paths(&options.source), Some(vec!["a"]));
    let Source::Kube(source) = run(&["--context", "c"], &kube, "manifests: a").unwrap().source else {
        panic!("the flag is stronger than the file");
    };
    assert_eq!((source.context.as_deref(), source.kubeconfig), (Some("c"), Some("kubeconfig".into())));
    let conflict = run(&["--manifests", "a", "--context", "c"], &[], "").unwrap_err();
    assert!(conflict.contains("--manifests cannot be used together"), "{conflict}");
}

#[test]
fn the_state_is_kept_unless_its_folder_is_empty() {
    let folder = |flags: &[&str], variables: &[(&str, &str)], file| {
        let Source::Kube(source) = run(flags, variables, file).unwrap().source else { panic!() };
        source.state_dir.map(|path| path.display().to_string())
    };
    let variable = [("WEIR_STATE_DIR", "/variable")];
    assert_eq!(folder(&["--state-dir", "/flag"], &variable, "state-dir: /file").as_deref(), Some("/flag"));
    assert_eq!(folder(&[], &variable, "state-dir: /file").as_deref(), Some("/variable"));
    assert_eq!(folder(&[], &[], "state-dir: /file").as_deref(), Some("/file"));
    assert_eq!(folder(&["--state-dir="], &variable, ""), None);
    assert_eq!(folder(&[], &[("WEIR_STATE_DIR", "")], "state-dir: /file"), None);
    assert_eq!(folder(&[], &[], "state-dir: ''"), None);
    let default = crate::cli::defaults::state_dir::default().map(|path| path.display().to_string());
    assert_eq!(folder(&[], &[], ""), default);
}

#[test]
fn bad_values_name_the_variable_or_the_file_and_key() {
    let problem = run(&[], &[("WEIR_WORKERS", "many")], "").unwrap_err();
    assert!(problem.starts_with("error: variable WEIR_WORKERS: invalid value 'many'"), "{problem}");
    let problem = run(&[], &[], "mode: kernel").unwrap_err();
    assert!(
        problem.contains(".yaml: mode: ") && problem.contains("possible values: bind, node"),
        "{problem}"
    );
    let missing = parse(["weir", "run", "--config", "/nowhere"], []).unwrap_err();
    assert_eq!(missing.exit_code(), 2);
    assert!(missing.to_string().starts_with("error: config file /nowhere: cannot be read"), "{missing}");
}

#[test]
fn the_log_level_has_a_short_variable_too() {
    let level = |variables: &[(&str, &str)]| run(&[], variables, "log-level: error").unwrap().log_level;
    assert_eq!(level(&[]), "error");
    assert_eq!(level(&[("WEIR_LOG", "debug")]), "debug");
    assert_eq!(level(&[("WEIR_LOG", "debug"), ("WEIR_LOG_LEVEL", "warn")]), "warn");
}

#[test]
fn guards_are_as_the_source_wants_them_unless_they_are_switched() {
    let guards =
        |flags: &[&str], variables: &[(&str, &str)], file| run(flags, variables, file).unwrap().scope.guards;
    assert_eq!(guards(&[], &[], ""), None);
    assert_eq!(guards(&["--guards"], &[("WEIR_GUARDS", "false")], ""), Some(true));
    assert_eq!(guards(&[], &[("WEIR_GUARDS", "false")], "guards: true"), Some(false));
    assert_eq!(guards(&["--manifests", "a"], &[], "guards: true"), Some(true));
    let problem = run(&["--guards=maybe"], &[], "").unwrap_err();
    assert!(problem.contains("--guards"), "{problem}");
    let resolve = |flag: &[&str]| {
        let arguments =
            ["weir", "resolve", "--manifests", "-"].iter().chain(flag).map(|&text| text.to_owned());
        let Ok(Command::Resolve(options)) = parse(arguments, []) else { panic!("{flag:?}") };
        options.objects.scope.guards
    };
    assert_eq!((resolve(&[]), resolve(&["--guards"])), (Some(false), Some(true)));
}

#[test]
fn external_ips_are_allowed_in_the_networks_that_are_named_and_in_none_by_default() {
    let allowed = |flags: &[&str], variables: &[(&str, &str)], file| {
        let rules = run(flags, variables, file).unwrap().scope.guard_rules;
        assert!(rules.host.contains(&Ipv4Addr::LOCALHOST.into()), "the addresses of this host are known");
        rules.virtual_ips.allowed_external_ips.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(allowed(&[], &[], "").is_empty());
    let two = ["203.0.113.0/24", "2001:db8::/32"];
    assert_eq!(allowed(&["--allow-external-ips", "203.0.113.9/24,2001:db8::/32"], &[], ""), two);
    assert_eq!(allowed(&[], &[("WEIR_ALLOW_EXTERNAL_IPS", "203.0.113.0/24")], ""), two[..1]);
    assert_eq!(allowed(&[], &[], "allow-external-ips: [203.0.113.0/24, 2001:db8::/32]"), two);
    let problem = run(&["--allow-external-ips", "203.0.113.7"], &[], "").unwrap_err();
    assert!(problem.contains("203.0.113.7/32"), "{problem}");
    let resolve = |flags: &[&str]| {
        let manifests = ["weir", "resolve", "--manifests", "-", "--allow-external-ips", "203.0.113.0/24"];
        parse(manifests.iter().chain(flags).map(|&text| text.to_owned()), [])
    };
    let Ok(Command::Resolve(options)) = resolve(&["--guards"]) else { panic!() };
    assert_eq!(options.objects.scope.guard_rules.virtual_ips.allowed_external_ips.len(), 1);
    assert!(resolve(&[]).unwrap_err().to_string().contains("--guards"), "without guards it means nothing");
}

#[test]
fn resolve_takes_an_empty_node_name_as_no_node() {
    let parsed = parse(["weir", "resolve", "--manifests", "-", "--node-name", "", "-o", "json"], []);
    let Ok(Command::Resolve(options)) = parsed else { panic!("{parsed:?}") };
    assert_eq!((&*options.objects.scope.node_name, options.output), ("", Output::Json));
}

fn explain(flags: &[&str]) -> Result<ExplainOptions, String> {
    let arguments = ["weir", "explain", "--manifests", "m"].into_iter().chain(flags.iter().copied());
    match parse(arguments, []) {
        Ok(Command::Explain(options)) => Ok(*options),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

const FLOW: [&str; 4] = ["--from", "10.244.0.1", "--to", "10.96.0.10:80/TCP"];

#[test]
fn pods_are_recognised_as_kube_proxys_flags_say() {
    let pods = |flags: &[&str]| explain(&[&FLOW, flags].concat()).map(|options| options.network.pods);
    let network = || vec!["10.244.0.0/16".parse().unwrap()];
    assert_eq!(pods(&[]), Ok(Pods::Unknown), "without a network nobody is recognised");
    assert_eq!(pods(&["--cluster-cidr", "10.244.7.7/16"]), Ok(Pods::Within(network())));
    assert_eq!(pods(&["--detect-local-mode", "nodecidr"]), Ok(Pods::OfNode));
    let none = ["--cluster-cidr", "10.244.0.0/16", "--detect-local-mode", "none"];
    assert_eq!(pods(&none), Ok(Pods::Unknown));
    let bridge = ["--detect-local-mode", "BridgeInterface", "--pod-bridge-interface", "cni0"];
    assert_eq!(pods(&bridge), Ok(Pods::OnBridge("cni0".into())));
    assert!(pods(&bridge[..2]).unwrap_err().contains("--pod-bridge-interface"));
    let prefix = ["--detect-local-mode", "InterfaceNamePrefix", "--pod-interface-name-prefix", "cali"];
    assert_eq!(pods(&prefix), Ok(Pods::OnInterfaces("cali".into())));
    assert!(pods(&prefix[..2]).unwrap_err().contains("--pod-interface-name-prefix"));
    assert!(pods(&["--cluster-cidr", "10.244.0.0"]).unwrap_err().contains("must be a network, as in"));
}

#[test]
fn explain_is_asked_about_one_flow_or_many() {
    let AskedFlow { from, to } = match explain(&FLOW).unwrap().question {
        Question::One(flow, Output::Table) => flow,
        other => panic!("{other:?}"),
    };
    assert_eq!((from.to_string(), to.to_string()), (FLOW[1].to_owned(), FLOW[3].to_owned()));
    assert_eq!(explain(&["--flows", "-"]).unwrap().question, Question::Many("-".into()));
    for (flags, said) in [
        (&[][..], "--from"),
        (&FLOW[..2], "--to"),
        (&FLOW[2..], "--from"),
        (&["--flows", "f", "--from", "10.0.0.1", "--to", "10.0.0.2:1/TCP"], "--flows"),
        (&["--flows", "f", "-o", "json"], "--output"),
        (&["--flows", "-", "--manifests", "-"], "standard input"),
        (&["--from", "10.244.0.1", "--to", "[fd00::1]:80/TCP"], "IPv6"),
    ] {
        let problem = explain(flags).unwrap_err();
        assert!(problem.contains(said), "{flags:?}: {problem}");
    }
}

#[test]
fn node_mode_is_probed_from_anywhere_and_owns_the_cluster_unless_it_serves_one_name() {
    let node = |flags: &[&str]| {
        let options = run(&[&["--mode", "node"], flags].concat(), &[], "").unwrap();
        (options.health_address.unwrap().to_string(), options.node.unwrap())
    };
    let (health, options) = node(&[]);
    assert_eq!(health, "0.0.0.0:10256");
    assert!(options.exclusive && options.keep_rules && !options.takeover);
    assert_eq!(options.forwarding, Forwarding::Auto);
    assert_eq!(options.network.pods, Pods::Unknown, "without a network nobody is recognised");
    assert!(options.network.lacks_cluster_cidr);
    let (health, options) = node(&[
        "--service-proxy-name=weir",
        "--health-address=127.0.0.1:1",
        "--takeover",
        "--keep-rules=false",
        "--forwarding=always",
        "--cluster-cidr=10.244.0.0/16,fd00:10:244::/48",
    ]);
    assert_eq!(health, "127.0.0.1:1");
    assert!(!options.exclusive && !options.keep_rules && options.takeover);
    assert_eq!(options.forwarding, Forwarding::Always);
    assert_eq!(options.network.pods, Pods::Within(options.network.pod_networks));
    assert!(run(&[], &[], "").unwrap().node.is_none());
    assert!(run(&["--mode", "node", "--map", "loopback"], &[], "").unwrap_err().contains("--mode bind"));
}

#[test]
fn metadata_services_are_refused_as_endpoints_unless_the_operator_names_others() {
    let refused = |flags: &[&str]| {
        let networks = run(flags, &[], "").unwrap().scope.guard_rules.refused_endpoints;
        networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert!(refused(&[]).contains("168.63.129.16/32") && refused(&[]).contains("fd00:ec2::254/128"));
    assert_eq!(refused(&["--refuse-endpoints", "192.0.2.0/24,2001:db8::/32"]), "192.0.2.0/24 2001:db8::/32");
    assert!(run(&["--refuse-endpoints", "192.0.2.1"], &[], "").unwrap_err().contains("192.0.2.1"));
}

#[test]
fn pods_are_recognised_as_kube_proxy_names_it() {
    let pods = |flags: &[&str]| {
        run(&[&["--mode=node"], flags].concat(), &[], "").map(|o| o.node.unwrap().network.pods)
    };
    let mode = |mode: &'static str| ["--detect-local-mode", mode];
    assert_eq!(pods(&mode("NodeCIDR")), Ok(Pods::OfNode));
    assert_eq!(pods(&mode("none")), Ok(Pods::Unknown));
    let bridge = [&mode("bridgeinterface")[..], &["--pod-bridge-interface=cni0"]].concat();
    assert_eq!(pods(&bridge), Ok(Pods::OnBridge("cni0".into())));
    let prefix = [&mode("InterfaceNamePrefix")[..], &["--pod-interface-name-prefix=cali"]].concat();
    assert_eq!(pods(&prefix), Ok(Pods::OnInterfaces("cali".into())));
    assert!(pods(&mode("BridgeInterface")).unwrap_err().contains("--pod-bridge-interface"));
    let hostile = [&mode("BridgeInterface")[..], &["--pod-bridge-interface=\" } flush ruleset"]].concat();
    assert!(pods(&hostile).unwrap_err().contains("--pod-bridge-interface"));
}
