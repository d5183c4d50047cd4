//! Does the program serve what it knew last when it starts without its API server, however it ended?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{WEIR, Weir, folder, free, get, greeter, greeting, metric, wait_for};
use serde_json::json;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Command,
};
use weir_control::disk::decode;
use weir_testkit::{ApiServer, OwnThread, TcpServer};

/// An API server that holds one Service with one endpoint, its kubeconfig, and a folder for the state.
struct Cluster {
    server: OwnThread<ApiServer>,
    service: SocketAddr,
    folder: PathBuf,
    endpoint: OwnThread<TcpServer>,
}

impl Cluster {
    fn start() -> Self {
        let server = OwnThread::start(ApiServer::start).unwrap();
        let (service, folder) = (free(Ipv4Addr::new(127, 0, 0, 9)), folder());
        let object = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
            "spec": { "clusterIP": service.ip(), "ports": [{ "port": service.port() }] } });
        server.apply(object).unwrap();
        fs::write(folder.join("kubeconfig"), server.kubeconfig()).unwrap();
        let cluster = Self { server, service, folder, endpoint: greeter("a") };
        cluster.slice("web", &[&cluster.endpoint.address().ip().to_string()]);
        cluster
    }

    fn slice(&self, service: &str, addresses: &[&str]) {
        let endpoints: Vec<_> = addresses.iter().map(|ip| json!({ "addresses": [ip] })).collect();
        let object = json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": { "name": format!("{service}-1"), "labels": { "kubernetes.io/service-name": service } },
            "ports": [{ "name": "", "port": self.endpoint.address().port() }], "endpoints": endpoints });
        self.server.apply(object).unwrap();
    }

    fn stop(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.server.shut_down());
    }

    fn state_dir(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn state(&self) -> PathBuf {
        self.state_dir().join("state")
    }

    fn weir(&self, flags: &[&str]) -> Weir {
        let mut command = Command::new(WEIR);
        // Everything here is on loopback addresses, which guards refuse.
        command.args(["run", "--guards=false", "--node-name", "node-a", "--kubeconfig"]);
        command.arg(self.folder.join("kubeconfig")).arg("--state-dir").arg(self.state_dir()).args(flags);
        Weir::spawn(command, folder())
    }

    /// A weir that has heard all that the API server has.
    fn listed(&self, flags: &[&str]) -> Weir {
        let weir = self.weir(flags);
        wait_for("the lists", || {
            let log = weir.log();
            log.contains("are listed;") || log.contains("lists are complete;")
        });
        weir
    }

    fn is_served(&self) -> bool {
        greeting(self.service).is_ok_and(|name| name == "a")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn after_a_crash_what_was_saved_is_served_without_the_api_server_and_probes_say_ready() {
    let cluster = Cluster::start();
    let mut weir = cluster.listed(&[]);
    wait_for("the state", || cluster.state().exists());
    weir.signal("KILL");
    weir.wait();
    cluster.stop();
    let admin = free(Ipv4Addr::LOCALHOST);
    let weir = cluster.weir(&["--admin-address", &admin.to_string()]);
    wait_for("the Service", || cluster.is_served());
    weir.wait_until_ready();
    assert_eq!(weir.probe("/healthz"), Some(200));
    let log = weir.log();
    let told = format!("({}), until the API server answers", cluster.state().display());
    assert!(log.contains("1 Service to serve, as known ") && log.contains(&told), "{log}");
    let metrics = get(admin, "/metrics").unwrap();
    let size = fs::metadata(cluster.state()).unwrap().len();
    assert_eq!(metric(&metrics, "weir_state_bytes", ""), size as f64);
    assert!(metric(&metrics, "weir_state_saved_timestamp_seconds", "") > 1e9);
    assert_eq!(metric(&metrics, "weir_state_saves_total", ""), 0.0, "nothing has changed");
}

#[test]
fn a_kill_at_any_moment_of_a_save_leaves_a_state_that_can_be_read() {
    let cluster = Cluster::start();
    let many: Vec<String> = (1..250).map(|number| format!("10.0.0.{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    (0..20).for_each(|number| cluster.slice(&format!("other-{number}"), &many));
    let (mut interrupted, mut states) = (0, 0);
    for round in 0u32..12 {
        let mut weir = cluster.listed(&[]);
        weir.signal("TERM");
        let new = cluster.state_dir().join("state.new");
        wait_for("the save", || new.exists() || weir.has_ended());
        // Each time later in it, and in the end after it.
        (0..round.pow(3)).for_each(|_| std::thread::yield_now());
        if !weir.has_ended() {
            weir.signal("KILL");
        }
        interrupted += u32::from(!weir.wait().success());
        let Ok(bytes) = fs::read(cluster.state()) else { continue };
        let (about, events) = decode(&bytes).unwrap();
        assert_eq!((about.identity.node_name.as_str(), events.len()), ("node-a", 8 + 22));
        states += 1;
    }
    println!("{interrupted} saves were interrupted");
    assert!(interrupted > 0, "no save was interrupted");
    assert!(states > 0, "no state was ever saved");
}

#[test]
fn a_second_weir_with_the_same_folder_serves_but_does_not_save_until_the_first_has_ended() {
    let cluster = Cluster::start();
    let first = cluster.listed(&[]);
    // Others are told apart by what they write.
    let flags = ["--service-proxy-name", "other"];
    let written_by = || {
        let bytes = fs::read(cluster.state()).ok()?;
        Some(decode(&bytes).unwrap().0.identity.service_proxy_name)
    };
    let mut second = cluster.listed(&flags);
    wait_for("the second's word", || {
        second.log().contains("begins to save its state when that one has ended")
    });
    second.signal("TERM");
    assert!(second.wait().success());
    assert_ne!(written_by(), Some(Some("other".to_owned())));
    drop(first);
    let mut third = cluster.listed(&flags);
    third.signal("TERM");
    assert!(third.wait().success());
    assert_eq!(written_by(), Some(Some("other".to_owned())));
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_the_services_are_served() {
    let cluster = Cluster::start();
    fs::write(cluster.state_dir(), "a file").unwrap();
    let mut weir = cluster.listed(&[]);
    wait_for("the Service", || cluster.is_served());
    let log = weir.log();
    assert_eq!(log.matches("the state is not saved: cannot create").count(), 1, "{log}");
    assert!(log.contains("--state-dir"), "{log}");
    weir.signal("TERM");
    assert!(weir.wait().success());
}

#[test]
fn without_a_folder_nothing_is_kept() {
    let cluster = Cluster::start();
    let mut command = Command::new(WEIR);
    command
        .args(["run", "--guards=false", "--state-dir", "", "--kubeconfig"])
        .arg(cluster.folder.join("kubeconfig"));
    let mut weir = Weir::spawn(command, folder());
    wait_for("the Service", || cluster.is_served());
    weir.signal("TERM");
    assert!(weir.wait().success());
    assert!(!weir.log().contains("state"), "{}", weir.log());
}
