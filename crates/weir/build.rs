//! Which commit and which tools is this program built from? What cannot be told is left out: a build never fails for it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Variable of somebody who builds without a repository, as in a container image.
const COMMIT_VARIABLE: &str = "WEIR_COMMIT";

/// File that Cargo puts into a package, with the commit that was packed.
const PACKED: &str = ".cargo_vcs_info.json";

fn main() {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={COMMIT_VARIABLE}");
    for file in watched(&package) {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    let given = env::var(COMMIT_VARIABLE).ok();
    tell("BUILT_FROM", commit(&package, given.as_deref()));
    tell("BUILT_FOR", env::var("TARGET").ok());
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    tell("BUILT_BY", said(Command::new(rustc).arg("--version")));
    let features = env::vars().filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_owned()));
    let mut features: Vec<String> =
        features.map(|feature| feature.to_lowercase().replace('_', "-")).collect();
    features.sort();
    tell("BUILT_WITH", Some(features.join(",")).filter(|features| !features.is_empty()));
}

/// Tells the compiler. Cargo sets the variable for a program that it runs, too, and what begins with `WEIR_` is a setting there.
fn tell(variable: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo:rustc-env={variable}={value}");
    }
}

/// Commit of a package's sources: what the variable says, else that of its repository, else that of which it was packed.
pub(crate) fn commit(package: &Path, given: Option<&str>) -> Option<String> {
    let packed = || {
        let text = fs::read_to_string(package.join(PACKED)).ok()?;
        let (_, after) = text.split_once("\"sha1\"")?;
        after.split('"').nth(1).map(str::to_owned)
    };
    let checked_out = || is_own_repository(package).then(|| git(package, &["rev-parse", "HEAD"])).flatten();
    let found = given.map(str::trim).filter(|given| !given.is_empty()).map(str::to_owned);
    found.or_else(checked_out).or_else(packed).filter(|commit| is_commit(commit))
}

fn is_commit(text: &str) -> bool {
    (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether the repository around a package is weir's own, which has it two folders below the top: another one's commit says
/// nothing about weir.
fn is_own_repository(package: &Path) -> bool {
    git(package, &["rev-parse", "--show-cdup"]).is_some_and(|up| up == "../../")
}

/// Files that change when another commit is checked out. Cargo would build anew each time for one that does not exist.
fn watched(package: &Path) -> Vec<PathBuf> {
    if !is_own_repository(package) {
        return [package.join(PACKED)].into_iter().filter(|path| path.exists()).collect();
    }
    let branch = git(package, &["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["logs/HEAD".to_owned(), "HEAD".to_owned(), "packed-refs".to_owned()];
    let names = names.into_iter().chain(branch);
    let paths = names.filter_map(|name| git(package, &["rev-parse", "--git-path", &name]));
    paths.map(|path| package.join(path)).filter(|path| path.exists()).collect()
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    // Somebody else's variables, as in a hook, would name another repository.
    said(
        Command::new("git")
            .args(arguments)
            .current_dir(folder)
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE"),
    )
}

/// First line that a program prints, if it succeeds.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}
