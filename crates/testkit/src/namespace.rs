//! How does a test get hosts of its own? Network namespaces joined by veth pairs; needs root.

use std::{
    fs::File,
    future::Future,
    io,
    os::fd::AsFd,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::Builder;

use crate::skip::or_skip;

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
        or_skip("network namespaces need root and iproute2", made.map(|()| namespace))
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
        let namespace = File::open(format!("/run/netns/{}", self.name))?;
        thread::scope(|scope| {
            let entered = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(Builder::new_current_thread().enable_all().build()?.block_on(body()))
            });
            entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// What it was created as: the name of the interfaces of others that lead here. At most 15 bytes, as the kernel
    /// allows.
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
    let output = Command::new("ip").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("ip {}: {}", arguments.join(" "), said.trim())))
}
