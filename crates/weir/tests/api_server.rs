//! Does the program find its API server where kubectl and a Pod would, and serve what it holds?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{WEIR, Weir, folder, free, get, greeter, greeting, metric, wait_for};
use serde_json::{Value, json};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Command,
    time::{Duration, SystemTime},
};
use weir_testkit::{ApiServer, Behaviour, OwnThread, TcpServer, in_a_pod};

/// An API server that holds one Service with one endpoint, and a folder with its kubeconfig.
struct Cluster {
    server: OwnThread<ApiServer>,
    service: SocketAddr,
    folder: PathBuf,
    _endpoint: OwnThread<TcpServer>,
}

impl Cluster {
    fn start() -> Self {
        let server = OwnThread::start(ApiServer::start).unwrap();
        let (service, endpoint) = (free(Ipv4Addr::new(127, 0, 0, 9)), greeter("a"));
        let address = endpoint.address();
        let objects = [
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
                "spec": { "clusterIP": service.ip(), "ports": [{ "port": service.port() }] } }),
            json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
                "addressType": "IPv4", "ports": [{ "name": "", "port": address.port() }],
                "endpoints": [{ "addresses": [address.ip()] }] }),
        ];
        for object in objects {
            server.apply(object).unwrap();
        }
        server.require_token("secret");
        let folder = folder();
        fs::create_dir(folder.join(".kube")).unwrap();
        fs::write(folder.join(".kube/config"), server.kubeconfig()).unwrap();
        Self { server, service, folder, _endpoint: endpoint }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.join(".kube/config")
    }

    /// Serves the Service with this command.
    fn is_served_by(&self, mut command: Command) {
        // Everything here is on loopback addresses, which guards refuse.
        command.args(["run", "--guards=false"]).env("WEIR_NODE_NAME", "node-a");
        let weir = Weir::spawn(command, self.folder.clone());
        weir.wait_until_ready();
        wait_for("the Service", || greeting(self.service).is_ok_and(|name| name == "a"));
    }
}

/// The program without what the environment says about API servers.
fn weir() -> Command {
    let mut command = Command::new(WEIR);
    command.env_remove("KUBECONFIG").env("HOME", "/nowhere");
    command
}

#[test]
fn the_variable_names_the_kubeconfig() {
    let cluster = Cluster::start();
    let mut command = weir();
    command.env("KUBECONFIG", cluster.kubeconfig());
    cluster.is_served_by(command);
}

#[test]
fn the_kubeconfig_in_the_home_folder_is_found() {
    let cluster = Cluster::start();
    let mut command = weir();
    command.env("HOME", &cluster.folder);
    cluster.is_served_by(command);
}

#[test]
fn the_flag_beats_the_variable() {
    let cluster = Cluster::start();
    let mut command = weir();
    command.env("WEIR_KUBECONFIG", cluster.kubeconfig()).env("KUBECONFIG", "/nowhere/config");
    cluster.is_served_by(command);
}

#[test]
fn in_a_pod_the_service_account_is_used_and_its_token() {
    let cluster = Cluster::start();
    let Some(mut command) = in_a_pod(WEIR, "secret\n") else { return };
    command.env_remove("KUBECONFIG").env("HOME", "/nowhere").env("WEIR_API_SERVER", cluster.server.url());
    cluster.is_served_by(command);
}

#[test]
fn a_running_weir_whose_credentials_go_bad_serves_on_says_so_once_and_takes_the_next_good_ones() {
    let cluster = Cluster::start();
    let good = fs::read_to_string(cluster.kubeconfig()).unwrap();
    let mut command = weir();
    command.args(["run", "--guards=false"]).env("WEIR_NODE_NAME", "node-a");
    command.env("KUBECONFIG", cluster.kubeconfig());
    let mut weir = Weir::spawn(command, cluster.folder.clone());
    weir.wait_until_ready();
    wait_for("the Service", || greeting(cluster.service).is_ok());
    fs::write(cluster.kubeconfig(), good.replace("\"secret\"", "\"sec\\nret\"")).unwrap();
    cluster.server.require_token("renewed");
    cluster.server.drop_streams();
    let (refused, unusable) = ("does not accept our credentials", "its token has a line end");
    let lines = |log: &str, words: &str| log.lines().filter(|line| line.contains(words)).count();
    wait_for("the reason", || lines(&weir.log(), unusable) > 0);
    fs::write(cluster.kubeconfig(), good.replace("\"secret\"", "\"renewed\\n\"")).unwrap();
    wait_for("the end of the outage", || weir.log().contains(" again"));
    assert!(greeting(cluster.service).is_ok_and(|name| name == "a"));
    let log = weir.log();
    assert_eq!((lines(&log, refused), lines(&log, unusable)), (1, 1), "once for four kinds: {log}");
    assert!(!weir.has_ended() && !log.contains("sec\nret"));
}

#[test]
fn objects_of_an_api_server_are_guarded_unless_that_is_switched_off() {
    let cluster = Cluster::start();
    let mut command = weir();
    command.arg("run").env("KUBECONFIG", cluster.kubeconfig());
    let weir = Weir::spawn(command, cluster.folder.clone());
    weir.wait_until_ready();
    for role in ["127.0.0.9 is a loopback address", "127.0.0.2 is a loopback address"] {
        wait_for(role, || weir.log().contains(role));
    }
    assert!(greeting(cluster.service).is_err());
}

#[test]
fn without_any_the_program_says_where_it_looked() {
    let output = weir_testkit::output(weir().arg("run"), "").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for place in ["--kubeconfig", "KUBECONFIG", "~/.kube/config", "--manifests"] {
        assert!(said.contains(place), "{said}");
    }
}

#[test]
fn an_api_server_that_is_away_changes_no_probe_and_a_metric_and_the_admin_side_say_since_when() {
    let cluster = Cluster::start();
    let admin = free(Ipv4Addr::LOCALHOST);
    let mut command = weir();
    command.args(["run", "--guards=false", "--admin-address", &admin.to_string()]);
    command.env("KUBECONFIG", cluster.kubeconfig());
    let weir = Weir::spawn(command, cluster.folder.clone());
    weir.wait_until_ready();
    let since = || {
        let text = get(admin, "/metrics").unwrap();
        metric(&text, "weir_api_server_away_since_timestamp_seconds", "")
    };
    let told = || -> Value {
        let answer = get(admin, "/api/v1/summary").unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<Value>(body).unwrap()["apiServer"].take()
    };
    wait_for("watches", || since() == 0.0);
    wait_for("the lists", || told()["state"] == "synced");
    let of_services = json!({"kind": "Service", "state": "connected", "reason": null});
    let seen = told();
    assert!(seen["watches"].as_array().unwrap().contains(&of_services), "{seen}");
    assert_eq!((&seen["awaySince"], &seen["savedAt"]), (&Value::Null, &Value::Null));
    let before = seconds(SystemTime::now());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(cluster.server.shut_down());
    wait_for("the time since when it is away", || since() > 0.0);
    assert!((before..=seconds(SystemTime::now())).contains(&since()), "{}", since());
    let seen = told();
    assert!(seen["state"] == "away" && seen["awaySince"].is_string(), "{seen}");
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(weir.probe(path), Some(200), "{path}");
    }
    assert_eq!(greeting(cluster.service).unwrap(), "a");
    cluster.server.restart().unwrap();
    wait_for("the API server", || since() == 0.0);
    wait_for("its word", || told()["state"] == "synced");
}

#[test]
fn a_service_whose_endpoints_fail_has_an_event_with_the_word_of_the_log_and_one_when_they_work_again() {
    let cluster = Cluster::start();
    let dead = free(Ipv4Addr::new(127, 0, 0, 2));
    let slice = |address: SocketAddr| {
        json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
            "addressType": "IPv4", "ports": [{ "name": "", "port": address.port() }],
            "endpoints": [{ "addresses": [address.ip()], "nodeName": "node-a" }] })
    };
    cluster.server.apply(slice(dead)).unwrap();
    let mut command = weir();
    command.args(["run", "--guards=false", "--events=on", "--node-name=node-a"]);
    command.env("KUBECONFIG", cluster.kubeconfig());
    let weir = Weir::spawn(command, cluster.folder.clone());
    weir.wait_until_ready();
    let event = |reason: &str| cluster.server.events().into_iter().find(|event| event["reason"] == reason);
    wait_for("the failure", || {
        assert!(greeting(cluster.service).is_err());
        event("EndpointsFailing").is_some()
    });
    let failing = event("EndpointsFailing").unwrap();
    let note = failing["note"].as_str().unwrap();
    assert!(note.starts_with("node node-a: port ") && note.contains("refused"), "{note}");
    let sentence =
        "the Service has no working endpoint: failing ones are used all the same, as nothing else is left";
    assert!(note.ends_with(sentence) && weir.log().contains(sentence), "{note}");
    assert!(weir.log().contains("event=EndpointsFailing"), "{}", weir.log());
    assert_eq!((&failing["type"], &failing["reportingInstance"]), (&json!("Warning"), &json!("node-a")));
    let _back = OwnThread::start(move || TcpServer::start(dead, Behaviour::Greet("a".into()))).unwrap();
    wait_for("a client that is served", || greeting(cluster.service).is_ok());
    wait_for("its end", || event("EndpointsWork").is_some());
    assert_eq!(event("EndpointsWork").unwrap()["type"], "Normal");
}

/// Unix time in whole seconds.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as f64
}

#[test]
fn metrics_tell_how_long_a_change_of_endpoints_took_from_its_cause_and_from_receipt() {
    let cluster = Cluster::start();
    let admin = free(Ipv4Addr::LOCALHOST);
    let mut command = weir();
    command.args(["run", "--guards=false", "--admin-address", &admin.to_string()]);
    command.env("KUBECONFIG", cluster.kubeconfig());
    let weir = Weir::spawn(command, cluster.folder.clone());
    weir.wait_until_ready();
    let counts = |name: &str, part: &str| {
        let text = get(admin, "/metrics").unwrap_or_default();
        metric(&text, &format!("{name}_count"), part)
    };
    let changed = |triggered: SystemTime, address: &str| {
        let triggered = humantime::format_rfc3339_nanos(triggered).to_string();
        json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" },
                "annotations": { "endpoints.kubernetes.io/last-change-trigger-time": triggered } },
            "addressType": "IPv4", "ports": [{ "name": "", "port": 80 }],
            "endpoints": [{ "addresses": [address] }] })
    };
    cluster.server.apply(changed(SystemTime::now(), "127.0.0.3")).unwrap();
    let (ours, kube_proxys) =
        ("weir_endpoint_propagation_seconds", "kubeproxy_network_programming_duration_seconds");
    wait_for("the first change", || counts(ours, "receipt") == 1.0);
    assert_eq!((counts(ours, "trigger"), counts(kube_proxys, "IPv4")), (1.0, 1.0));
    let before_its_start = SystemTime::now() - Duration::from_secs(3600);
    cluster.server.apply(changed(before_its_start, "127.0.0.4")).unwrap();
    wait_for("the second change", || counts(ours, "receipt") == 2.0);
    assert_eq!((counts(ours, "trigger"), counts(kube_proxys, "")), (1.0, 1.0));
    let text = get(admin, "/metrics").unwrap();
    let one = |name: &str| metric(&text, &format!("kubeproxy_sync_proxy_rules_{name}"), "");
    assert_eq!((one("endpoint_changes_total"), one("service_changes_total")), (3.0, 1.0));
    assert_eq!((one("endpoint_changes_pending"), one("service_changes_pending")), (0.0, 0.0));
}
