//! Does the built `weir` complete command lines in shells, and write pages that man(1) shows?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{WEIR, folder, run, texts};
use std::{env, fs, path::Path, process::Command};
use weir_testkit::installed;

/// The words that a shell's script gets for a command line whose last word is being typed.
fn words(shell: &str, line: &[&str]) -> String {
    let mut weir = Command::new(WEIR);
    weir.env("_WEIR_COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string());
    weir.env("_CLAP_IFS", "\n").arg("--").args(line);
    let output = weir_testkit::output(&mut weir, "").unwrap();
    assert!(texts(&output).1.is_empty(), "{}", texts(&output).1);
    texts(&output).0
}

#[test]
fn every_shell_gets_commands_flags_and_values() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        for (line, wanted) in [
            (&["weir", "res"][..], "resolve"),
            (&["weir", "run", "--drain"], "--drain-timeout"),
            (&["weir", "run", "--mode", ""], "node"),
            (&["weir", "resolve", "-o", "w"], "wide"),
            (&["weir", "completion", "fi"], "fish"),
        ] {
            let words = words(shell, line);
            assert!(words.contains(wanted), "{shell} {line:?}: {words}");
        }
        let script = texts(&run(&["completion", shell], "")).0;
        assert!(script.contains("_WEIR_COMPLETE") && script.contains("weir"), "{script}");
    }
}

#[test]
fn a_line_that_makes_no_sense_gets_no_words_and_no_message() {
    for line in
        [&["weir"][..], &["weir", "fly", ""], &["weir", "--", "--", ""], &["weir", "run", "--workers", ""]]
    {
        for shell in ["bash", "zsh", "fish"] {
            words(shell, line);
        }
    }
    assert_eq!(words("nosuchshell", &["weir", "r"]), "");
    let mut beyond = Command::new(WEIR);
    beyond.env("_WEIR_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "99").args(["--", "weir", "r"]);
    assert_eq!(texts(&weir_testkit::output(&mut beyond, "").unwrap()), (String::new(), String::new()));
}

#[test]
fn bash_completes_by_the_script_of_weir_completion() {
    let folder = Path::new(WEIR).parent().unwrap();
    let path = format!("{}:{}", folder.display(), env::var("PATH").unwrap());
    let script = r#"
        source <(weir completion bash)
        COMP_WORDS=(weir expl) COMP_CWORD=1 COMP_TYPE=9
        _clap_complete_weir weir expl weir
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output =
        weir_testkit::output(Command::new("bash").args(["-c", script]).env("PATH", path), "").unwrap();
    assert_eq!(texts(&output).0.trim(), "explain", "{}", texts(&output).1);
}

#[test]
fn an_unknown_shell_or_command_is_wrong_usage_with_the_nearest() {
    let output = run(&["completion", "fihs"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(&output).1.contains("fish"), "{}", texts(&output).1);
    let output = run(&["man", "reslove"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(&output).1.contains("did you mean \"resolve\"?"), "{}", texts(&output).1);
}

#[test]
fn a_page_for_every_command_is_written_and_groff_has_nothing_to_say_about_it() {
    let folder = folder();
    let manual = folder.join("man1");
    let output = run(&["man", "--dir", manual.to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(0), "{}", texts(&output).1);
    let printed = texts(&run(&["man", "run"], "")).0;
    assert_eq!(fs::read_to_string(manual.join("weir-run.1")).unwrap(), printed);
    assert_eq!(texts(&output).0.lines().count(), fs::read_dir(&manual).unwrap().count());
    for page in fs::read_dir(&manual).unwrap() {
        let page = page.unwrap().path();
        assert!(fs::read_to_string(&page).unwrap().contains(".SH NAME"));
        if installed("groff") {
            let mut groff = Command::new("groff");
            let output =
                weir_testkit::output(groff.args(["-man", "-Tutf8", "-ww", "-z"]).arg(&page), "").unwrap();
            let said = texts(&output).1;
            assert!(output.status.success() && said.is_empty(), "{}: {said}", page.display());
        }
    }
    fs::remove_dir_all(folder).unwrap();
}
