//! Are flags of one mode refused in the other?

use super::{parse, run};
use clap::{Args, Command};
use weir_control::Source;

/// Flags under a heading of node mode, and a value for each that the flag itself accepts.
fn node_mode_flags() -> Vec<(String, &'static str)> {
    let run = crate::cli::run::RunArgs::augment_args(Command::new("run"));
    let of_node_mode =
        |arg: &&clap::Arg| arg.get_help_heading().is_some_and(|heading| heading.contains("node mode"));
    let flags = run.get_arguments().filter(of_node_mode).map(|arg| arg.get_long().unwrap().to_owned());
    let value = |flag: String| {
        let value = match &*flag {
            "cluster-cidr" | "service-cidr" => "10.96.0.0/12",
            "detect-local-mode" => "NodeCIDR",
            "pod-bridge-interface" => "cni0",
            "pod-interface-name-prefix" => "cali",
            "source-ports" => "1024-2048",
            "when-taken-over" => "wait",
            "forwarding" => "always",
            _ => "true",
        };
        (flag, value)
    };
    flags.map(value).collect()
}

#[test]
fn every_flag_of_node_mode_is_refused_in_bind_mode_wherever_it_is_set() {
    let flags = node_mode_flags();
    assert!(flags.len() >= 11, "{flags:?}");
    for (flag, value) in flags {
        let variable = format!("WEIR_{}", flag.replace('-', "_").to_uppercase());
        let (given, line) = (format!("--{flag}={value}"), format!("{flag}: {value}"));
        let is_refused = |flags: &[&str], variables: &[(&str, &str)], file: &str| {
            let problem = run(flags, variables, file).unwrap_err();
            assert!(problem.contains(&format!("--{flag} ")), "{problem}");
            assert!(
                problem.contains("is for --mode node") && problem.trim().lines().count() == 1,
                "{problem}"
            );
            let by = match &*flag {
                "pod-bridge-interface" => &["--detect-local-mode=BridgeInterface"][..],
                "pod-interface-name-prefix" => &["--detect-local-mode=InterfaceNamePrefix"],
                _ => &[],
            };
            let in_node_mode = run(&[&["--mode=node"], by, flags].concat(), variables, file);
            assert!(in_node_mode.is_ok(), "{in_node_mode:?}");
        };
        is_refused(&[&given], &[], "");
        is_refused(&[], &[(&variable, value)], "");
        is_refused(&[], &[], &line);
    }
}

#[test]
fn several_flags_of_node_mode_are_named_together_and_where_they_are_set() {
    let variables = [("WEIR_KEEP_RULES", "true")];
    let problem = run(&["--takeover"], &variables, "cluster-cidr: 10.0.0.0/8").unwrap_err();
    let said = "--cluster-cidr (in the --config file), --takeover, --keep-rules (as WEIR_KEEP_RULES) are for --mode node";
    assert!(problem.contains(said), "{problem}");
}

#[test]
fn events_are_written_in_node_mode_and_where_that_is_asked_for() {
    let writes = |flags: &[&str]| match run(flags, &[], "").unwrap().source {
        Source::Kube(source) => source.write_events,
        Source::File(_) => panic!("no API server"),
    };
    assert!(!writes(&[]) && writes(&["--events=on"]), "a guest of the cluster does not write unasked");
    assert!(writes(&["--mode=node"]) && !writes(&["--mode=node", "--events=off"]));
    let problem = run(&["--events=of"], &[], "").unwrap_err();
    assert!(problem.contains("on, off"), "{problem}");
}

#[test]
fn a_runtime_folder_is_one_that_every_weir_finds_wherever_it_was_started() {
    let folder = |value: &str| run(&["--mode=node", &format!("--runtime-dir={value}")], &[], "");
    assert_eq!(folder("/srv/weir").unwrap().node.unwrap().runtime_dir, Some("/srv/weir".into()));
    assert_eq!(folder("").unwrap().node.unwrap().runtime_dir, None);
    for relative in ["run/weir", "./weir", "~/weir"] {
        let problem = folder(relative).unwrap_err();
        assert!(problem.contains("--runtime-dir") && problem.contains("/run/weir"), "{problem}");
    }
    let problem = run(&["--mode=node"], &[("WEIR_RUNTIME_DIR", "weir")], "").unwrap_err();
    assert!(problem.contains("WEIR_RUNTIME_DIR") && problem.contains("absolute"), "{problem}");
}

#[test]
fn events_that_nobody_could_be_given_are_refused_wherever_they_are_asked_for() {
    let manifests = ["--manifests", "a"];
    for (flags, variables, file, named) in [
        (&["--events=on"][..], &[][..], "", "--events is for"),
        (&[], &[("WEIR_EVENTS", "on")], "", "--events (as WEIR_EVENTS) is for"),
        (&["--mode=node"], &[], "events: 'on'", "--events (in the --config file) is for"),
    ] {
        let problem = run(&[flags, &manifests].concat(), variables, file).unwrap_err();
        assert!(problem.contains(named) && problem.contains("--manifests"), "{problem}");
        assert!(problem.contains("--events=off") && problem.trim().lines().count() == 1, "{problem}");
    }
    for mode in ["--mode=bind", "--mode=node"] {
        run(&[mode, "--manifests", "a"], &[], "").unwrap();
        run(&[mode, "--manifests", "a", "--events=off"], &[], "events: 'on'").unwrap();
    }
    let api_server = run(&["--kubeconfig", "k"], &[("WEIR_MANIFESTS", "a")], "events: 'on'").unwrap();
    assert!(matches!(api_server.source, Source::Kube(source) if source.write_events));
}

#[test]
fn lists_for_guards_are_refused_where_guards_are_off() {
    for flag in [
        "--allow-external-ips=203.0.113.0/24",
        "--allow-load-balancer-ips=203.0.113.0/24",
        "--allow-node-endpoints",
        "--refuse-endpoints=203.0.113.0/24",
    ] {
        for without in [&["--manifests", "a"][..], &["--guards=false"]] {
            let problem = run(&[&[flag], without].concat(), &[], "").unwrap_err();
            assert!(problem.contains("means nothing without --guards"), "{flag}: {problem}");
        }
        run(&[flag], &[], "").unwrap();
        run(&[flag, "--guards", "--manifests", "a"], &[], "").unwrap();
    }
}

#[test]
fn an_interface_of_pods_is_refused_where_pods_are_recognised_by_something_else() {
    for (flag, mode) in [
        ("--pod-bridge-interface", "BridgeInterface"),
        ("--pod-interface-name-prefix", "InterfaceNamePrefix"),
    ] {
        let named = format!("{flag}=cni0");
        let problem = run(&["--mode=node", &named], &[], "").unwrap_err();
        assert!(problem.contains(&format!("{flag} is for --detect-local-mode {mode}")), "{problem}");
        let by_node = ["--mode=node", "--detect-local-mode=NodeCIDR", &named];
        assert!(run(&by_node, &[], "").unwrap_err().contains(flag));
        run(&["--mode=node", &format!("{flag}=")], &[], "").unwrap();
        run(&["--mode=node", "--detect-local-mode", mode, &named], &[], "").unwrap();
    }
}

#[test]
fn flags_of_node_mode_are_refused_where_explain_is_asked_about_bind_mode() {
    let flow =
        ["explain", "--manifests", "m", "--map=loopback", "--from=127.0.0.1", "--to=10.96.0.10:80/TCP"];
    for flag in ["--service-cidr=10.96.0.0/12", "--masquerade-all"] {
        let asked = ["weir"].into_iter().chain(flow).chain([flag]);
        let problem = parse(asked, []).unwrap_err().to_string();
        assert!(problem.contains(flag.split('=').next().unwrap()) && problem.contains("--map"), "{problem}");
    }
    let pods = ["weir"].into_iter().chain(flow).chain(["--cluster-cidr=10.244.0.0/16"]);
    assert!(parse(pods, []).is_ok(), "it says who is a pod");
}
