//! How does a proxy run for the time of one measurement?

use super::{
    config::{self, Launch},
    programs::Programs,
    resources::Resources,
};
use crate::{
    bed::network::{ECHO, Network, PORTS},
    way::Way,
    work::Work,
};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::{Instant, sleep, timeout},
};
use weir_bench::usage;
use weir_testkit::without_test_settings;

/// The longest wait for a proxy to serve.
const READY: Duration = Duration::from_secs(15);
/// The wait between two checks whether a proxy serves.
const LOOK: Duration = Duration::from_millis(20);
/// The longest wait for an answer, which takes less also on a busy machine.
const ANSWER: Duration = Duration::from_secs(1);

/// A way that serves. Its processes and rules end when this is dropped.
#[derive(Debug)]
pub(crate) struct Proxy<'network> {
    way: Way,
    network: &'network Network,
    child: Option<Child>,
    program: Option<PathBuf>,
}

impl<'network> Proxy<'network> {
    /// Starts a way and waits until the client reaches all its ports.
    pub(crate) fn start(
        way: Way,
        network: &'network Network,
        programs: &Programs,
        resources: Resources,
    ) -> Result<Self> {
        let mut proxy = Self { way, network, child: None, program: None };
        if let Some(rules) = config::host_rules(way) {
            proxy.nft(&rules)?;
        }
        if let Some(launch) = Launch::of(way, programs, resources) {
            proxy.child = Some(proxy.launch(&launch)?);
            proxy.program = Some(launch.program);
        }
        proxy.wait_until_ready()?;
        Ok(proxy)
    }

    /// Ids of the proxy's processes.
    pub(crate) fn processes(&self) -> BTreeSet<u32> {
        self.child.as_ref().map(|child| usage::processes(child.id())).unwrap_or_default()
    }

    /// The last lines that the proxy has printed.
    pub(crate) fn log(&self) -> String {
        let text = fs::read_to_string(config::log(self.way)).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(10).collect();
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn launch(&self, launch: &Launch) -> Result<Child> {
        let name = self.way.name();
        fs::write(&launch.file, &launch.text)
            .with_context(|| format!("cannot write {name}'s configuration"))?;
        let log =
            File::create(config::log(self.way)).with_context(|| format!("cannot write {name}'s log"))?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started = self.network.proxy.run(|| async { without_test_settings(&mut command).spawn() });
        started?.with_context(|| format!("cannot start {name} ({})", launch.program.display()))
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let (address, udp) = (self.way.address(), self.way.can(Work::Udp));
        let last = self.network.client.run(|| async move {
            let started = Instant::now();
            loop {
                match serves(address, udp).await {
                    Err(error) if started.elapsed() < READY => drop(error),
                    outcome => return outcome,
                }
                sleep(LOOK).await;
            }
        })?;
        last.with_context(|| {
            let name = self.way.name();
            format!("{name} does not serve after {} s; it said:\n{}", READY.as_secs(), self.log())
        })
    }

    /// Removes rules that outlive the process: they would take what is for the next one.
    fn clean_up(&self) {
        if let (true, Some(program)) = (self.way.has_rules(), &self.program) {
            let _ = self.network.proxy.run(|| async { Command::new(program).arg("cleanup").output() });
        }
    }

    fn nft(&self, rules: &str) -> Result<()> {
        let refused = "nft refused rules for NAT: does the kernel have nf_tables and NAT?";
        self.network.proxy.nft(rules).map(drop).context(refused)
    }
}

impl Drop for Proxy<'_> {
    fn drop(&mut self) {
        if config::host_rules(self.way).is_some() {
            let _ = self.nft("delete table ip compare\n");
        }
        // The ports must be free for the next one, so the orderly end, which some take their time for, is not waited for.
        let processes: Vec<Pid> =
            self.processes().iter().filter_map(|&process| Pid::from_raw(process.cast_signed())).collect();
        for process in &processes {
            let _ = kill_process(*process, Signal::KILL);
        }
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
        self.clean_up();
        // Whoever lost its parent is now a child of this process, which is the first of its PID namespace.
        for process in &processes {
            let _ = waitpid(Some(*process), WaitOptions::empty());
        }
    }
}

async fn serves(address: Ipv4Addr, udp: bool) -> io::Result<()> {
    for port in PORTS {
        let mut stream = timeout(ANSWER, TcpStream::connect((address, port))).await??;
        if port == ECHO {
            stream.write_all(b"ready?").await?;
            timeout(ANSWER, stream.read_exact(&mut [0; 6])).await??;
        }
    }
    if udp {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        socket.connect(SocketAddr::from((address, ECHO))).await?;
        socket.send(b"ready?").await?;
        timeout(ANSWER, socket.recv(&mut [0; 6])).await??;
    }
    Ok(())
}
