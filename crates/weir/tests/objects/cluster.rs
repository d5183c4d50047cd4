//! Do `weir resolve` and `weir explain` list the objects of an API server, and say why they cannot?

use crate::common::{WEIR, folder, free, texts};
use serde_json::json;
use std::{
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Command, Output},
    time::Instant,
};
use weir_testkit::{ApiServer, HANG, OwnThread, Resource};

/// An API server with a Service, its endpoints and a Node, and the file of its kubeconfig.
struct Cluster {
    server: OwnThread<ApiServer>,
    folder: PathBuf,
}

impl Cluster {
    fn start() -> Self {
        let server = OwnThread::start(ApiServer::start).unwrap();
        let endpoint = |ip: &str, node: &str| json!({ "addresses": [ip], "nodeName": node });
        let objects = [
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
                "spec": { "clusterIP": "10.96.0.10", "ports": [{ "name": "http", "port": 80 }] } }),
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "bare" },
                "spec": { "clusterIP": "10.96.0.11", "ports": [{ "port": 80 }] } }),
            json!({ "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
                "addressType": "IPv4", "ports": [{ "name": "http", "port": 8080 }],
                "endpoints": [endpoint("10.244.0.1", "node-a"), endpoint("127.0.0.1", "node-b")] }),
            json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-a" },
                "status": { "addresses": [{ "type": "InternalIP", "address": "192.168.0.2" }] } }),
        ];
        for object in objects {
            server.apply(object).unwrap();
        }
        server.require_token("secret");
        let cluster = Self { folder: folder(), server };
        fs::write(cluster.kubeconfig(), cluster.server.kubeconfig()).unwrap();
        cluster
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.join("config")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Runs weir without what the environment says about API servers.
fn weir(flags: &[&str], kubeconfig: Option<&PathBuf>) -> Output {
    let mut command = Command::new(WEIR);
    command.env_remove("KUBECONFIG").env("HOME", "/nowhere").args(flags);
    if let Some(path) = kubeconfig {
        command.arg("--kubeconfig").arg(path);
    }
    let began = Instant::now();
    let output = command.output().unwrap();
    assert!(began.elapsed() < HANG, "{:?}", began.elapsed());
    output
}

#[test]
fn resolve_shows_what_a_node_of_the_cluster_would_serve_with_guards_as_run_has_them() {
    let cluster = Cluster::start();
    let output = weir(&["resolve", "--node-name", "node-a"], Some(&cluster.kubeconfig()));
    let (table, problems) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{problems}");
    let row = |ip: &str| table.lines().find(|line| line.contains(ip)).unwrap_or_default().to_owned();
    assert!(row("10.96.0.10:80").ends_with("10.244.0.1:8080"), "{table}");
    assert!(row("10.96.0.11:80").contains("kubernetes.io/service-name: bare"), "{table}");
    assert!(problems.contains("127.0.0.1 is a loopback address"), "{problems}");
    let output = weir(&["resolve", "--node-name", "node-a", "--guards=false"], Some(&cluster.kubeconfig()));
    assert!(texts(&output).0.contains("10.244.0.1:8080,127.0.0.1:8080"), "{}", texts(&output).0);
}

#[test]
fn explain_judges_by_the_node_of_the_cluster() {
    let cluster = Cluster::start();
    let flow = ["explain", "--from", "192.168.0.2", "--to", "10.96.0.10:80/TCP"];
    let output = weir(&[&flow[..], &["--node-name", "node-a"]].concat(), Some(&cluster.kubeconfig()));
    let (page, problems) = texts(&output);
    assert!(
        page.contains("from      192.168.0.2 (node)\n") && page.contains("ACCEPT: 1 endpoint"),
        "{page}{problems}"
    );
    let output = weir(&[&flow[..], &["--node-name", "laptop"]].concat(), Some(&cluster.kubeconfig()));
    let (page, problems) = texts(&output);
    assert!(page.contains("192.168.0.2 (outside)"), "{page}");
    assert!(problems.contains("note: node \"laptop\" is not known to the API server"), "{problems}");
}

#[test]
fn a_context_is_enough_for_the_kubeconfig_that_kubectl_takes() {
    let cluster = Cluster::start();
    let mut command = Command::new(WEIR);
    command.env("KUBECONFIG", cluster.kubeconfig()).args(["resolve", "--context", "weir-test"]);
    let (table, problems) = texts(&command.output().unwrap());
    assert!(table.contains("10.96.0.10:80"), "{problems}");
}

#[test]
fn an_api_server_that_refuses_or_is_not_there_is_one_line_in_the_words_of_run() {
    let cluster = Cluster::start();
    fs::write(cluster.kubeconfig(), cluster.server.kubeconfig().replace("secret", "wrong")).unwrap();
    let nobody = format!("http://{}", free(Ipv4Addr::LOCALHOST));
    for (flags, kubeconfig, said) in [
        (&["resolve"][..], Some(cluster.kubeconfig()), "does not accept our credentials (401"),
        (&["resolve", "--api-server", &nobody], Some(cluster.kubeconfig()), "connection refused"),
        (&["resolve", "--context", "x"], Some(cluster.kubeconfig()), "there is no context \"x\""),
        (&["resolve", "--context", "x"], None, "no kubeconfig"),
        (
            &["explain", "--from", "10.0.0.1", "--to", "10.96.0.10:80/TCP"],
            Some("/nowhere/c".into()),
            "/nowhere/c",
        ),
    ] {
        let output = weir(flags, kubeconfig.as_ref());
        let (stdout, stderr) = texts(&output);
        assert_eq!((output.status.code(), &*stdout, stderr.lines().count()), (Some(1), "", 1), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(said), "{said}: {stderr}");
    }
}

#[test]
fn what_is_only_recommended_may_be_forbidden_which_is_noted() {
    let cluster = Cluster::start();
    cluster.server.forbid(Resource::Nodes, true);
    cluster.server.set_served(Resource::ServiceCidrs, false);
    let output = weir(&["resolve", "--node-name", "node-a"], Some(&cluster.kubeconfig()));
    let (table, problems) = texts(&output);
    assert!(output.status.success() && table.contains("10.96.0.10:80"), "{problems}");
    assert!(
        problems.contains("note: not allowed to ") && problems.contains("does not offer servicecidrs"),
        "{problems}"
    );
    cluster.server.forbid(Resource::Services, true);
    let output = weir(&["resolve", "--node-name", "node-a"], Some(&cluster.kubeconfig()));
    assert!(texts(&output).1.contains("error: not allowed to "), "{}", texts(&output).1);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn files_and_an_api_server_exclude_each_other_and_one_is_needed() {
    for flags in [&["resolve", "--manifests", "-", "--context", "c"][..], &["resolve"]] {
        assert_eq!(weir(flags, None).status.code(), Some(2), "{flags:?}");
    }
}
