//! How does a test get hosts of its own? Network namespaces joined by veth pairs; needs root.

use std::{
    fs::{self, File},
    future::Future,
    io,
    os::fd::AsFd,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::Builder;

use super::skip::or_skip;
use crate::output;

/// A host of a test: a network namespace, removed when this is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Creates a namespace with only a loopback interface. `None`, said loudly, where this process may not.
    ///
    /// # Panics
    /// Where it may not although the environment variable `WEIR_REQUIRE_NETNS` is set.
    pub fn create(role: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("weir-{}-{number}-{role}", std::process::id());
        let namespace = Self { name };
        let made =
            ip(&["netns", "add", &namespace.name]).and_then(|()| namespace.ip(&["link", "set", "lo", "up"]));
        or_skip(
            "network namespaces need root (weir_testkit::cluster says how to do without) and iproute2",
            made.map(|()| namespace),
        )
    }

    /// Creates a namespace for a host that needs nftables. `None`, said loudly, where this process may not, or without `nft`.
    ///
    /// # Panics
    /// Where it may not although the environment variable `WEIR_REQUIRE_NETNS` is set.
    pub fn with_nft(role: &str) -> Option<Self> {
        or_skip("rules of a host need the package nftables", Command::new("nft").arg("--version").output())?;
        Self::create(role)
    }

    /// Joins two hosts by a cable: each gets an address, as in `10.9.0.1/24`, on an interface named after the other's
    /// role.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn join(&self, address: &str, other: &Self, other_address: &str) -> io::Result<()> {
        let (near, far) = (&other.role(), &self.role());
        self.ip(&["link", "add", near, "type", "veth", "peer", "name", far, "netns", &other.name])?;
        for (host, interface, address) in [(self, near, address), (other, far, other_address)] {
            host.ip(&["address", "add", address, "dev", interface, "nodad"])?;
            host.ip(&["link", "set", interface, "up"])?;
        }
        Ok(())
    }

    /// Runs `ip` with these arguments on this host.
    ///
    /// # Errors
    /// When it fails; the error holds what it printed.
    pub fn ip(&self, arguments: &[&str]) -> io::Result<()> {
        ip(&[&["-n", &self.name], arguments].concat())
    }

    /// Name of the namespace for `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` on this host with a line of arguments for each thing to do, until one fails.
    ///
    /// # Errors
    /// When a line fails; the error holds what `ip` printed.
    pub fn ip_lines(&self, lines: &str) -> io::Result<()> {
        let mut command = Command::new("ip");
        feed(command.args(["-n", &self.name, "-batch", "-"]), lines).map(drop)
    }

    /// Runs `nft` on this host with a script, and returns what it printed.
    ///
    /// # Errors
    /// When it fails; the error holds what it printed.
    pub fn nft(&self, script: &str) -> io::Result<String> {
        feed(self.command("nft").args(["-f", "-"]), script)
    }

    /// Writes a kernel parameter of this host, as in `net/ipv4/ip_forward`.
    ///
    /// # Errors
    /// When there is no such parameter, or it refuses this value.
    pub fn set_parameter(&self, name: &str, value: &str) -> io::Result<()> {
        let written = self.enter(|| fs::write(format!("/proc/sys/{name}"), value))?;
        written.map_err(|error| io::Error::other(format!("cannot set {name} to {value}: {error}")))
    }

    /// Reads a kernel parameter of this host.
    ///
    /// # Errors
    /// When there is no such parameter.
    pub fn parameter(&self, name: &str) -> io::Result<String> {
        let read = self.enter(|| fs::read_to_string(format!("/proc/sys/{name}")))??;
        Ok(read.trim().to_owned())
    }

    /// A command that runs a program on this host. The process that is started becomes the program, so that its id is
    /// the program's. The program sees this host's interfaces in `/sys`, too.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs `body` on this host: on a thread of its own with a current-thread runtime. Sockets that it opens, and
    /// threads that it starts, belong to this host.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    ///
    /// # Panics
    /// When `body` does.
    pub fn run<Body, Running, Output>(&self, body: Body) -> io::Result<Output>
    where
        Body: FnOnce() -> Running + Send,
        Running: Future<Output = Output>,
        Output: Send,
    {
        let run = || Ok(Builder::new_current_thread().enable_all().build()?.block_on(body()));
        self.enter(run)?
    }

    /// Runs `body` on this host, on a thread of its own.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    ///
    /// # Panics
    /// When `body` does.
    pub fn enter<Output: Send>(&self, body: impl FnOnce() -> Output + Send) -> io::Result<Output> {
        let namespace = File::open(format!("/run/netns/{}", self.name))?;
        thread::scope(|scope| {
            let entered = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(body())
            });
            entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The role that the namespace was created with, which also names the interfaces of other hosts that lead here. At most 15
    /// bytes, as the kernel allows.
    pub fn role(&self) -> String {
        let role = self.name.rsplit('-').next().unwrap_or_default();
        role.chars().take(15).collect()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> io::Result<()> {
    feed(Command::new("ip").args(arguments), "").map(drop)
}

/// Runs a command with this on its standard input, and returns its output.
fn feed(command: &mut Command, input: &str) -> io::Result<String> {
    let output = output(command, input)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {}", said.trim())))
}
