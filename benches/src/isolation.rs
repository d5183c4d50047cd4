//! How does a measurement get a machine of its own, of which nothing stays?
//!
//! The program starts itself again under `unshare`: in network, mount and PID namespaces, as root of a user namespace
//! unless it is root already. The inner program is the init process of its PID namespace, so everything ends with it;
//! names of namespaces and configurations lie in a /run that only the inner program sees. The inner program ends when its
//! standard input does, which the kernel closes however the outer program ends.

use crate::{arguments::ProgramArguments, program};
use anyhow::{Context, Result, bail};
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use std::{
    env,
    ffi::OsStr,
    io,
    io::Read,
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
};

/// Runs a program of measurements, and turns its result into an exit code. The outer program finds or builds weir if
/// `needs_weir`, and runs itself again in namespaces; the inner program runs `measure`.
pub fn run(
    name: &str,
    arguments: &ProgramArguments,
    needs_weir: bool,
    measure: impl FnOnce() -> Result<()>,
) -> ExitCode {
    let outcome = match arguments.isolated {
        true => settle().and_then(|()| measure()).map(|()| ExitCode::SUCCESS),
        false => find_and_enter(arguments, needs_weir),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{name}: {error:#}");
        ExitCode::FAILURE
    })
}

fn find_and_enter(arguments: &ProgramArguments, needs_weir: bool) -> Result<ExitCode> {
    // Built outside: inside there is no way to a package registry.
    let weir = needs_weir.then(|| program::find(arguments.weir.as_deref())).transpose()?;
    enter(weir.as_deref())
}

/// Runs this program again in namespaces until it ends: with its own arguments, `--isolated` and, if given, this weir.
fn enter(weir: Option<&Path>) -> Result<ExitCode> {
    let probe = unshare().arg("true").output().context("cannot run unshare: install util-linux")?;
    if !probe.status.success() {
        bail!(
            "no namespaces of its own for the measurement: {}; run it as root, or allow unprivileged user namespaces \
             (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)",
            String::from_utf8_lossy(&probe.stderr).trim()
        );
    }
    let program = env::current_exe().context("cannot find this program's own file")?;
    let mut inner = unshare()
        .arg(program)
        .args(env::args_os().skip(1))
        .arg("--isolated")
        .args(weir.into_iter().flat_map(|weir| [OsStr::new("--weir"), weir.as_os_str()]))
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run unshare")?;
    // Waiting would close it, and with it the inner program.
    let _alive = inner.stdin.take();
    let status = inner.wait().context("cannot wait for the isolated program")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    // ip, nft and proxies are not on the path of ordinary users.
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// Makes the inner program end with the outer one, and gives it an empty `/run` and all descriptors that it may have.
fn settle() -> Result<()> {
    thread::spawn(|| {
        let mut ended = [0];
        while matches!(io::stdin().read(&mut ended), Ok(1..)) {}
        std::process::exit(1);
    });
    let mounted = Command::new("mount").args(["-t", "tmpfs", "none", "/run"]).status();
    if !mounted.context("cannot run mount: install mount")?.success() {
        bail!("cannot mount a tmpfs on /run in the namespace of the measurement");
    }
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("cannot raise the limit of open files to its hard limit")
}

/// The number of files that a process may open.
pub fn descriptors() -> usize {
    // Above this proxies would reserve memory for descriptors that nobody opens.
    const ENOUGH: u64 = 100_000;
    let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(ENOUGH).min(ENOUGH);
    usize::try_from(limit).unwrap_or(usize::MAX)
}
