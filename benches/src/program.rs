//! Which weir is measured? The one of the same build profile, so that a report says what it measured.

use anyhow::{Context, Result, bail};
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// Returns the path of the given weir, or builds weir and returns its path.
///
/// # Errors
/// When there is no program at the given path, or weir cannot be built.
pub fn find(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return given.canonicalize().with_context(|| format!("no weir at {}", given.display()));
    }
    let program = env::current_exe().context("cannot find this program's own file")?;
    let Some((target, profile)) = target_and_profile(&program) else {
        bail!("{} does not lie in a target folder of cargo: name a weir with --weir", program.display());
    };
    build(target, profile)?;
    Ok(program.with_file_name("weir"))
}

fn build(target: &Path, profile: &OsStr) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--locked", "--bin", "weir", "--profile"])
        .arg(profile)
        .arg("--target-dir")
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .context("cannot run cargo to build weir: name one with --weir")?;
    if !status.success() {
        bail!("weir does not build: see above, or name one with --weir");
    }
    Ok(())
}

/// The target folder and the profile of a program built by cargo, which names the folder of a profile after the profile, but
/// for `dev`.
fn target_and_profile(program: &Path) -> Option<(&Path, &OsStr)> {
    let folder = program.parent()?;
    let profile = match folder.file_name()? {
        name if name == "debug" => OsStr::new("dev"),
        name => name,
    };
    Some((folder.parent()?, profile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_the_program_names_the_profile() {
        let of = |program| target_and_profile(Path::new(program));
        assert_eq!(of("/a/target/dist/compare"), Some((Path::new("/a/target"), OsStr::new("dist"))));
        assert_eq!(of("/a/target/debug/compare"), Some((Path::new("/a/target"), OsStr::new("dev"))));
        assert_eq!(of("compare"), None);
    }
}
