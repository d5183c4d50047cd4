//! Are flags of one mode refused in the other?

use super::run;
use clap::{Args, Command};

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
            let in_node_mode = run(&[&["--mode=node"], flags].concat(), variables, file);
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
