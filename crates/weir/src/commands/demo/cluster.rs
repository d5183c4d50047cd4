//! Which objects does the demo serve, and which endpoint is away?

use anyhow::Context;
use serde_json::{Value, json};
use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// Address that clients dial.
const CLUSTER_IP: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A Service and its EndpointSlice, as manifests in a folder of this process's own.
pub(super) struct Cluster {
    folder: PathBuf,
    http: SocketAddr,
    udp: SocketAddr,
    endpoints: Vec<SocketAddr>,
    /// Changes so far; after an odd number one endpoint is away, each time another one.
    changes: usize,
}

impl Cluster {
    /// Writes the manifests of a Service on free ports.
    pub(super) fn create(endpoints: &[SocketAddr]) -> anyhow::Result<Self> {
        let http = TcpListener::bind((CLUSTER_IP, 0)).and_then(|socket| socket.local_addr());
        let udp = UdpSocket::bind((CLUSTER_IP, 0)).and_then(|socket| socket.local_addr());
        let cluster = Self {
            http: http.context("cannot find a free TCP port")?,
            udp: udp.context("cannot find a free UDP port")?,
            folder: private_folder()?,
            endpoints: endpoints.to_vec(),
            changes: 0,
        };
        cluster.write()?;
        Ok(cluster)
    }

    /// Folder with the manifests.
    pub(super) fn manifests(&self) -> &Path {
        &self.folder
    }

    /// Address and port of the Service for HTTP.
    pub(super) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Address and port of the Service for UDP.
    pub(super) fn udp(&self) -> SocketAddr {
        self.udp
    }

    /// Removes the next endpoint, or brings back the one that is away. With one endpoint nothing changes.
    pub(super) fn next(&mut self) -> anyhow::Result<()> {
        if self.endpoints.len() > 1 {
            self.changes += 1;
            self.write()?;
        }
        Ok(())
    }

    /// Whether an endpoint is missing in the EndpointSlice.
    pub(super) fn is_away(&self, index: usize) -> bool {
        self.changes % 2 == 1 && self.changes / 2 % self.endpoints.len() == index
    }

    fn write(&self) -> anyhow::Result<()> {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": [self.service(), self.slice()] });
        let (path, next) = (self.folder.join("demo.json"), self.folder.join(".demo.json.next"));
        let text = serde_json::to_vec_pretty(&list)?;
        fs::write(&next, text)
            .and_then(|()| fs::rename(&next, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "demo", "namespace": "default" },
            "spec": {
                "clusterIP": CLUSTER_IP, "clusterIPs": [CLUSTER_IP], "ipFamilies": ["IPv4"],
                "ports": [
                    { "name": "http", "protocol": "TCP", "port": self.http.port() },
                    { "name": "echo", "protocol": "UDP", "port": self.udp.port() },
                ],
            },
        })
    }

    fn slice(&self) -> Value {
        let here = self.endpoints.iter().enumerate().filter(|(index, _)| !self.is_away(*index));
        let endpoints: Vec<Value> = here.map(|(_, address)| json!({ "addresses": [address.ip()] })).collect();
        let port = self.endpoints.first().map(SocketAddr::port);
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": "demo-1", "namespace": "default", "labels": { "kubernetes.io/service-name": "demo" },
            },
            "addressType": "IPv4",
            "ports": [
                { "name": "http", "protocol": "TCP", "port": port },
                { "name": "echo", "protocol": "UDP", "port": port },
            ],
            "endpoints": endpoints,
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Creates a folder that no other user can read or could have prepared.
fn private_folder() -> anyhow::Result<PathBuf> {
    loop {
        let folder = std::env::temp_dir().join(format!("weir-demo-{:08x}", rand::random::<u32>()));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot create {}", folder.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_leave_and_return_in_turn_and_the_folder_goes_with_the_demo() {
        let endpoints = [1, 2, 3].map(|last| SocketAddr::from(([127, 0, 1, last], 80)));
        let mut cluster = Cluster::create(&endpoints).unwrap();
        let mut away = Vec::new();
        for _ in 0..7 {
            away.push((0..3).find(|&index| cluster.is_away(index)));
            cluster.next().unwrap();
        }
        assert_eq!(away, [None, Some(0), None, Some(1), None, Some(2), None]);
        let folder = cluster.manifests().to_owned();
        assert!(folder.join("demo.json").exists());
        drop(cluster);
        assert!(!folder.exists());
    }
}
