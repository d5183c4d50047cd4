//! What does a running weir do at each signal? The built binary.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{WEIR, Weir, folder, free, get, greeter, greeting, manifest, wait_for};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::fd::OwnedFd,
    path::PathBuf,
    process::Command,
};
use weir_testkit::{Program, without_test_settings};

/// A weir that serves `web`, with a config file that can be changed.
struct Configured {
    weir: Weir,
    config: PathBuf,
    web: SocketAddr,
}

fn configured(config: &str, endpoint: SocketAddr) -> Configured {
    let web = free(Ipv4Addr::new(127, 0, 0, 9));
    let file = folder().join("weir.yaml");
    fs::write(&file, config).unwrap();
    let weir = Weir::ready(&manifest(web, &[endpoint]), &["--config", file.to_str().unwrap()]);
    Configured { weir, config: file, web }
}

impl Configured {
    fn logs(&self, text: &str) {
        wait_for(text, || self.weir.log().contains(text));
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.config.parent().unwrap());
    }
}

#[test]
fn sighup_reads_the_config_file_again_and_serves_on() {
    let a = greeter("a");
    let Configured { weir, config, web } = &configured("log-level: warn\ndrain-timeout: 9s\n", a.address());
    let logs = |text: &str| wait_for(text, || weir.log().contains(text));
    fs::write(config, "log-level: debug\ndrain-timeout: 9s\naccept-rate: 5\n").unwrap();
    weir.signal("HUP");
    logs("in force now: log-level");
    logs("in force only after a restart: accept-rate");
    assert_eq!(greeting(*web).unwrap(), "a");
    // A connection is logged at the new level.
    logs("finished");
}

#[test]
fn a_config_file_that_cannot_be_read_changes_nothing_at_sighup() {
    let a = greeter("a");
    let configured = configured("log-level: info\n", a.address());
    fs::write(&configured.config, "log-level: inof\n").unwrap();
    configured.weir.signal("HUP");
    configured.logs("the settings stay as they were");
    configured.logs("did you mean \"info\"?");
    fs::remove_file(&configured.config).unwrap();
    configured.weir.signal("HUP");
    configured.logs("cannot be read");
    assert_eq!(greeting(configured.web).unwrap(), "a");
}

#[test]
fn signals_that_mean_nothing_to_weir_do_not_end_it() {
    let a = greeter("a");
    let configured = configured("", a.address());
    for name in ["USR1", "USR2"] {
        configured.weir.signal(name);
        configured.logs(&format!("SIG{name}: ignored"));
    }
    assert_eq!(greeting(configured.web).unwrap(), "a");
}

/// The two ends of a new pseudo-terminal.
fn terminal() -> (OwnedFd, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    (ours, File::options().read(true).write(true).open(name).unwrap())
}

#[test]
fn a_terminal_that_is_closed_drains_and_ends_weir() {
    let health = free(Ipv4Addr::LOCALHOST).to_string();
    let (ours, theirs) = terminal();
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--wait", WEIR, "run", "--admin-address=", "--health-address", &health]);
    command.args(["--manifests", folder().to_str().unwrap()]);
    let stdio = || theirs.try_clone().unwrap();
    command.stdin(stdio()).stdout(stdio()).stderr(stdio());
    let mut weir = without_test_settings(&mut command).spawn().unwrap();
    drop((command, theirs));
    wait_for("the health server", || TcpStream::connect(&health).is_ok());
    drop(ours);
    // Nothing can be written any more, and nothing is a reason to fail.
    wait_for("the end", || weir.try_wait().unwrap().is_some());
    assert_eq!(weir.wait().unwrap().code(), Some(0));
}

#[test]
fn a_weir_that_never_had_a_terminal_goes_on_at_sighup() {
    let health = free(Ipv4Addr::LOCALHOST).to_string();
    let mut command = Command::new(WEIR);
    command.args(["run", "--admin-address=", "--health-address", &health, "--manifests"]);
    command.arg(folder());
    let weir = Program::start("weir", &mut command).unwrap();
    wait_for("the start", || {
        get(health.parse().unwrap(), "/readyz").is_some_and(|answer| answer.contains(" 200 "))
    });
    weir.signal("HUP").unwrap();
    wait_for("the answer", || weir.log().unwrap().contains("SIGHUP: read again"));
}
