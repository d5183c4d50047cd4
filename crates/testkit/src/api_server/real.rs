//! How is a real API server run for a test? etcd and kube-apiserver on ports of this host, gone with their handle.

use std::{
    env, fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    Program,
    machine::{Folder, skipped},
};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Environment variable with the folder of the two programs, as for controller-runtime's envtest.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// The longest time that the programs may take to open their ports.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A Kubernetes API server with its own etcd, both empty at first.
#[derive(Debug)]
pub struct RealApiServer {
    assets: PathBuf,
    /// Addresses for clients and for other members of etcd.
    etcd_addresses: (SocketAddr, SocketAddr),
    address: SocketAddr,
    service_networks: String,
    // In the order in which they go.
    api_server: Option<Program>,
    etcd: Option<Program>,
    folder: Folder,
}

impl RealApiServer {
    /// Starts both programs; `None`, said loudly, when `KUBEBUILDER_ASSETS` is not set.
    ///
    /// # Errors
    /// When a program is missing or does not open its port in time.
    pub async fn start() -> io::Result<Option<Self>> {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), "10.96.0.0/16").await
    }

    /// Starts both programs on an address of this host, with these networks for cluster IPs, comma separated. `None`, said
    /// loudly, when `KUBEBUILDER_ASSETS` is not set.
    ///
    /// # Errors
    /// When a program is missing or does not open its port in time.
    pub async fn start_at(ip: IpAddr, service_networks: &str) -> io::Result<Option<Self>> {
        let Some(assets) = env::var_os(ASSETS).filter(|assets| !assets.is_empty()) else {
            skipped(&format!("{ASSETS} does not name a folder with kube-apiserver and etcd"));
            return Ok(None);
        };
        let assets = PathBuf::from(assets);
        let folder = Folder::new("api-server")?;
        fs::create_dir(folder.path("pki"))?;
        let [etcd_client, etcd_peer, address] = free_addresses(ip)?;
        let etcd_addresses = (etcd_client, etcd_peer);
        write_credentials(&folder)?;
        let service_networks = service_networks.to_owned();
        let mut server =
            Self { assets, etcd_addresses, address, service_networks, api_server: None, etcd: None, folder };
        server.start_etcd()?;
        server.restart().await?;
        Ok(Some(server))
    }

    fn start_etcd(&mut self) -> io::Result<()> {
        let (client, peer) = self.etcd_addresses;
        let mut etcd = Command::new(self.assets.join("etcd"));
        etcd.arg("--name=default")
            .arg(format!("--data-dir={}", self.folder.path("etcd").display()))
            .arg(format!("--listen-client-urls=http://{client}"))
            .arg(format!("--advertise-client-urls=http://{client}"))
            .arg(format!("--listen-peer-urls=http://{peer}"))
            .arg(format!("--initial-advertise-peer-urls=http://{peer}"))
            .arg(format!("--initial-cluster=default=http://{peer}"))
            .arg("--unsafe-no-fsync");
        self.etcd = Some(Program::start("etcd", &mut etcd)?);
        Ok(())
    }

    /// Ends both programs and keeps a copy of etcd's state for [`restore`](Self::restore).
    ///
    /// # Errors
    /// When the state cannot be copied or etcd cannot be started again; the API server has to be
    /// [started](Self::restart).
    pub fn back_up(&mut self) -> io::Result<()> {
        self.replace_state("etcd", "backup")
    }

    /// Ends both programs and goes back to the copy of [`back_up`](Self::back_up).
    ///
    /// # Errors
    /// As [`back_up`](Self::back_up).
    pub fn restore(&mut self) -> io::Result<()> {
        self.replace_state("backup", "etcd")
    }

    fn replace_state(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.api_server = None;
        self.etcd = None;
        let (from, to) = (self.folder.path(from), self.folder.path(to));
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        let copied = Command::new("cp").arg("-r").args([from, to]).status()?;
        if !copied.success() {
            return Err(io::Error::other("etcd's state cannot be copied"));
        }
        self.start_etcd()
    }

    /// Kills the API server, as a crash would. etcd keeps its state.
    pub fn shut_down(&mut self) {
        self.api_server = None;
    }

    /// Brings the API server (back) up on its port.
    ///
    /// # Errors
    /// When the API server does not open the port in time.
    pub async fn restart(&mut self) -> io::Result<()> {
        let file = |name: &str| self.folder.path(name).display().to_string();
        let mut api_server = Command::new(self.assets.join("kube-apiserver"));
        api_server
            .arg(format!("--etcd-servers=http://{}", self.etcd_addresses.0))
            .arg(format!("--bind-address={}", self.address.ip()))
            .arg(format!("--advertise-address={}", self.address.ip()))
            .arg(format!("--secure-port={}", self.address.port()))
            .arg("--endpoint-reconciler-type=none")
            .args([
                format!("--cert-dir={}", file("pki")),
                format!("--token-auth-file={}", file("tokens.csv")),
            ])
            .args(["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"])
            .arg("--service-account-issuer=https://kubernetes.default.svc.cluster.local")
            .arg(format!("--service-account-key-file={}", file("accounts.key")))
            .arg(format!("--service-account-signing-key-file={}", file("accounts.key")))
            .arg(format!("--service-cluster-ip-range={}", self.service_networks))
            .arg("--profiling=false");
        let api_server = self.api_server.insert(Program::start("kube-apiserver", &mut api_server)?);
        let opened = timeout(START_LIMIT, async {
            while TcpStream::connect(self.address).await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        });
        opened.await.map_err(|_| {
            let log = api_server.log().unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(10).collect();
            io::Error::new(io::ErrorKind::TimedOut, format!("kube-apiserver is not up:\n{}", tail.join("\n")))
        })
    }

    /// A kubeconfig (YAML) of an administrator.
    pub fn kubeconfig(&self) -> String {
        self.kubeconfig_for("administrator-token")
    }

    /// A kubeconfig (YAML) of a user without any right.
    pub fn kubeconfig_of_nobody(&self) -> String {
        self.kubeconfig_for("nobody-token")
    }

    /// A kubeconfig (YAML) with any token.
    pub fn kubeconfig_for(&self, token: &str) -> String {
        // kube-apiserver puts its self-made authority behind its certificate.
        let authority = self.folder.path("pki").join("apiserver.crt");
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: real\n\
             clusters:\n- name: real\n  cluster: {{ server: \"https://{}\", certificate-authority: \"{}\" }}\n\
             users:\n- name: real\n  user: {{ token: \"{token}\" }}\n\
             contexts:\n- name: real\n  context: {{ cluster: real, user: real }}\n",
            self.address,
            authority.display()
        )
    }
}

/// A free address of this IP behind two of the loopback interface, held together so that they differ.
fn free_addresses(ip: IpAddr) -> io::Result<[SocketAddr; 3]> {
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let bind = |ip| TcpListener::bind((ip, 0));
    let held = [bind(loopback)?, bind(loopback)?, bind(ip)?];
    Ok([held[0].local_addr()?, held[1].local_addr()?, held[2].local_addr()?])
}

fn write_credentials(folder: &Folder) -> io::Result<()> {
    let tokens = "administrator-token,administrator,1,\"system:masters\"\nnobody-token,nobody,2\n";
    fs::write(folder.path("tokens.csv"), tokens)?;
    let made = Command::new("openssl")
        .args(["genrsa", "-out"])
        .arg(folder.path("accounts.key"))
        .arg("2048")
        .stderr(Stdio::null())
        .status()?;
    if made.success() { Ok(()) } else { Err(io::Error::other("openssl genrsa failed")) }
}
