//! Does a build know its commit, and never fail for not knowing it?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

#[allow(dead_code, reason = "Cargo runs the whole of it")]
#[path = "../build.rs"]
mod build;
mod common;

use common::{folder, run, texts};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const PACKED: &str =
    r#"{ "git": { "sha1": "0123456789012345678901234567890123456789" }, "path_in_vcs": "crates/weir" }"#;

/// A folder with a package at this path, which is removed when dropped.
struct Sources(PathBuf, PathBuf);

impl Sources {
    fn with_package_at(path: &str) -> Self {
        let top = folder();
        let package = top.join(path);
        fs::create_dir_all(&package).unwrap();
        Self(top, package)
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(&self.0)
            .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
            .args(arguments);
        let output = weir_testkit::output(&mut git, "").unwrap();
        assert!(output.status.success(), "{}", texts(&output).1);
        texts(&output).0.trim().to_owned()
    }

    fn commit(&self) -> String {
        self.git(&["init", "--quiet"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn package(&self) -> &Path {
        &self.1
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_cargo_sets_for_a_program_that_it_runs_is_no_setting_of_weir() {
    // Cargo gives the test what it gives `cargo run`; the others are set by whoever runs tests.
    let of_tests = ["WEIR_REQUIRE_NETNS", "WEIR_BLESS", "WEIR_FULL"];
    let given = std::env::vars().map(|(name, _)| name);
    let settings: Vec<String> =
        given.filter(|name| name.starts_with("WEIR_") && !of_tests.contains(&&**name)).collect();
    assert!(settings.is_empty(), "weir run refuses {settings:?}");
}

#[test]
fn the_commit_is_that_of_weirs_repository_and_not_that_of_one_around_it() {
    let own = Sources::with_package_at("crates/weir");
    let commit = own.commit();
    assert_eq!(build::commit(own.package(), None), Some(commit));
    let around = Sources::with_package_at("vendor/weir/crates/weir");
    around.commit();
    assert_eq!(build::commit(around.package(), None), None);
}

#[test]
fn outside_of_git_the_commit_is_that_which_was_packed_or_given_or_none() {
    let sources = Sources::with_package_at("weir-0.1.0");
    let package = sources.package();
    assert_eq!(build::commit(package, None), None);
    assert_eq!(build::commit(package, Some(" abcdef0 \n")).as_deref(), Some("abcdef0"));
    assert_eq!(build::commit(package, Some("main")), None, "what is no commit is not told as one");
    fs::write(package.join(".cargo_vcs_info.json"), PACKED).unwrap();
    assert_eq!(build::commit(package, Some("")).as_deref(), Some("0123456789".repeat(4).as_str()));
    fs::write(package.join(".cargo_vcs_info.json"), "{ \"git\": { \"sha1\"").unwrap();
    assert_eq!(build::commit(package, None), None);
}

#[test]
fn the_version_names_the_commit_in_all_formats() {
    let (page, _) = texts(&run(&["version"], ""));
    assert!(page.starts_with(concat!("weir ", env!("CARGO_PKG_VERSION"), "\ncommit    ")), "{page}");
    let json: Value = serde_json::from_str(&texts(&run(&["version", "-o", "json"], "")).0).unwrap();
    let yaml: Value = serde_saphyr::from_str(&texts(&run(&["version", "-o", "yaml"], "")).0).unwrap();
    assert_eq!(json, yaml);
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    let (line, _) = texts(&run(&["--version"], ""));
    match json["commit"].as_str() {
        Some(commit) => {
            assert!(page.contains(commit));
            assert_eq!(line, format!("weir {} ({})\n", env!("CARGO_PKG_VERSION"), &commit[..12]));
        }
        None => assert_eq!(line, concat!("weir ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}
