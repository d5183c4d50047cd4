//! What can be done on a host of a cluster: be a client, run servers and programs?

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::Command,
};

use super::client::{Client, Connection, Conversation, Failure, Reply};
use crate::{Behaviour, Namespace, OwnThread, Program, TcpServer, UdpBehaviour, UdpServer};

/// A host: a network namespace with an address of each family.
#[derive(Debug)]
pub struct Host {
    name: String,
    namespace: Namespace,
    v4: Ipv4Addr,
    v6: Ipv6Addr,
}

impl Host {
    pub(super) fn new(name: &str, namespace: Namespace, v4: Ipv4Addr, v6: Ipv6Addr) -> Self {
        Self { name: name.to_owned(), namespace, v4, v6 }
    }

    /// The host's name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The host's IPv4 address.
    pub fn v4(&self) -> IpAddr {
        self.v4.into()
    }

    /// The host's IPv6 address.
    pub fn v6(&self) -> IpAddr {
        self.v6.into()
    }

    /// The host's address of the family of `to`, which a packet to `to` comes from.
    pub fn address_towards(&self, to: IpAddr) -> IpAddr {
        if to.is_ipv4() { self.v4() } else { self.v6() }
    }

    /// The host's network namespace, for `ip`, `nft` and kernel parameters.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A client on this host, to be given settings.
    pub fn client(&self) -> Client<'_> {
        Client::new(&self.namespace)
    }

    /// Connects, reads the server's report and closes.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn tcp(&self, to: SocketAddr) -> Result<Reply, Failure> {
        self.client().tcp(to)
    }

    /// Sends one datagram and receives the report.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn udp(&self, to: SocketAddr) -> Result<Reply, Failure> {
        self.client().udp(to)
    }

    /// Asks an HTTP server for a path, and returns the whole answer: status line, headers and body.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn http(&self, to: SocketAddr, path: &str) -> Result<String, Failure> {
        self.client().http(to, path)
    }

    /// Connects and stays connected.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn connect(&self, to: SocketAddr) -> Result<Connection, Failure> {
        self.client().connect(to)
    }

    /// Opens a UDP socket for many datagrams.
    ///
    /// # Errors
    /// When it cannot be bound or connected.
    pub fn converse(&self, to: SocketAddr) -> Result<Conversation, Failure> {
        self.client().converse(to)
    }

    /// Starts TCP and UDP servers on a port of both addresses. They report this host's name and the client's address.
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub fn start_servers(&self, port: u16) -> io::Result<HostServers> {
        let v4 = self.start_servers_at(&self.name, SocketAddr::new(self.v4(), port))?;
        // A host without IPv6 has no such address.
        let v6 = self.start_servers_at(&self.name, SocketAddr::new(self.v6(), port));
        let servers = v4.servers.into_iter().chain(v6.map(|v6| v6.servers).unwrap_or_default());
        Ok(HostServers { servers: servers.collect() })
    }

    /// Starts a TCP and a UDP server on one address, which may be 0.0.0.0. They report `name`, which is one word, and the
    /// client's address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start_servers_at(&self, name: &str, address: SocketAddr) -> io::Result<HostServers> {
        let (tcp, udp) = (Behaviour::Report(name.to_owned()), UdpBehaviour::Report(name.to_owned()));
        let started = self.namespace.enter(|| {
            OwnThread::start(move || async move {
                let tcp = TcpServer::start(address, tcp).await?;
                let udp = UdpServer::start(address, udp).await?;
                Ok(Pair { tcp, udp })
            })
        });
        Ok(HostServers { servers: vec![started??] })
    }

    /// Runs a program on this host.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(
        &self,
        program: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> io::Result<Program> {
        let mut command: Command = self.namespace.command(program);
        command.args(arguments).envs(variables.iter().copied());
        Program::start(&self.name, &mut command)
    }
}

/// Servers on a host, which end when this is dropped.
#[derive(Debug)]
pub struct HostServers {
    servers: Vec<OwnThread<Pair>>,
}

#[derive(Debug)]
struct Pair {
    tcp: TcpServer,
    udp: UdpServer,
}

impl HostServers {
    /// Number of TCP connections accepted.
    pub fn connections(&self) -> u64 {
        self.servers.iter().map(|pair| pair.tcp.accepted()).sum()
    }

    /// Number of datagrams received.
    pub fn datagrams(&self) -> u64 {
        self.servers.iter().map(|pair| pair.udp.received()).sum()
    }
}
