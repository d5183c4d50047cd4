//! Is every metric of a running weir in the tables that the reference is written from?

use crate::{
    common::{Weir, free, get, greeter, greeting, manifest, wait_for},
    families::assert_known,
    page::repository,
};
use std::{
    fs,
    net::{Ipv4Addr, TcpStream, UdpSocket},
    path::Path,
    process::Command,
};
use weir_testkit::{ApiServer, OwnThread, UdpBehaviour, UdpServer, installed};

/// Lets Prometheus' own linter look at a scrape, where it is installed.
fn lint(scrape: &str) {
    if !installed("promtool") {
        assert!(
            std::env::var_os("WEIR_REQUIRE_NETNS").is_none(),
            "promtool (Debian: prometheus) is not installed"
        );
        return;
    }
    let mut promtool = Command::new("promtool");
    let linted = weir_testkit::output(promtool.args(["check", "metrics"]), scrape).unwrap();
    let said = [linted.stdout, linted.stderr].concat();
    assert!(linted.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

/// Waits until a scrape shows all these families, and compares all that it shows.
fn assert_shows(admin: std::net::SocketAddr, wanted: &[&str]) {
    wait_for(&format!("{wanted:?}"), || {
        let answer = get(admin, "/metrics").unwrap_or_default();
        let shown = assert_known(&answer);
        let complete = wanted.iter().all(|family| shown.contains(family));
        if complete {
            lint(answer.split_once("\r\n\r\n").unwrap().1);
        }
        complete
    });
}

#[test]
fn whatever_is_shown_of_manifests_and_their_clients_is_in_the_tables() {
    let a = greeter("a");
    let udp =
        OwnThread::start(|| UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo)).unwrap();
    let [web, refused, dns] = [(); 3].map(|()| free(Ipv4Addr::new(127, 0, 0, 9)));
    let checked = "{name: web, annotations: {weir.dev/health-check: tcp, weir.dev/max-connections: \"1\"}}";
    let manifests = [
        manifest(web, &[a.address(), free(Ipv4Addr::new(127, 0, 0, 2))]).replace("{name: web}", checked),
        manifest(refused, &[]).replace("web", "refused"),
        manifest(dns, &[udp.address()]).replace("web", "dns").replace("port:", "protocol: UDP, port:"),
    ];
    let admin = free(Ipv4Addr::LOCALHOST);
    let weir =
        Weir::ready(&manifests.join("---\n"), &["--endpoint-metrics", "--admin-address", &admin.to_string()]);
    assert_eq!((weir.probe("/livez"), weir.probe("/healthz")), (Some(200), Some(200)));
    let mut held = Vec::new();
    wait_for("an answer and a refusal", || {
        held.extend(TcpStream::connect(web));
        get(admin, "/metrics").unwrap().contains("weir_rejected_total{")
    });
    drop(held);
    wait_for("an answer", || greeting(web).is_ok());
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(dns).unwrap();
    client.send(b"x").unwrap();
    weir_testkit::uninterrupted(|| client.recv(&mut [0; 8])).unwrap();
    assert_shows(
        admin,
        &[
            "weir_build_info",
            "weir_endpoints",
            "weir_connections_closed_total",
            "weir_rejected_total",
            "weir_bytes_total",
            "weir_udp_datagrams_total",
            "weir_health_checks_total",
            "weir_connect_duration_seconds",
            "weir_connection_duration_seconds",
            "weir_connect_attempts_total",
            "weir_service_endpoints",
            "weir_endpoint_state",
            "weir_endpoint_picked_total",
            "weir_endpoint_connect_failures_total",
            "weir_endpoint_ejected_total",
            "weir_endpoint_connect_seconds",
            "weir_metrics_left_out",
            "weir_worker_busy_seconds_total",
            "process_cpu_seconds_total",
            "process_start_time_seconds",
            "kubeproxy_sync_proxy_rules_duration_seconds",
            "weir_sync_duration_seconds",
            "kubeproxy_proxy_livez_total",
            "kubeproxy_sync_proxy_rules_no_local_endpoints_total",
            "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds",
        ],
    );
}

#[test]
fn whatever_is_shown_of_an_api_server_is_in_the_tables() {
    let server = OwnThread::start(ApiServer::start).unwrap();
    let folder = crate::common::folder();
    let kubeconfig = folder.join("kubeconfig");
    fs::write(&kubeconfig, server.kubeconfig()).unwrap();
    let admin = free(Ipv4Addr::LOCALHOST);
    let mut command = Command::new(crate::common::WEIR);
    command.args(["run", "--admin-address", &admin.to_string(), "--kubeconfig"]).arg(&kubeconfig);
    let weir = Weir::spawn(command, folder);
    weir.wait_until_ready();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(server.shut_down());
    assert_shows(
        admin,
        &[
            "rest_client_requests_total",
            "rest_client_request_duration_seconds",
            "weir_control_watch_errors_total",
            "weir_control_connected",
            "weir_api_server_away_since_timestamp_seconds",
            "weir_state_saves_total",
            "weir_endpoints_refused_total",
        ],
    );
}

/// A name in the code that no table has would be registered past the reference.
#[test]
fn every_name_of_a_metric_in_the_code_is_in_the_tables() {
    let known: Vec<&str> = weir::metrics::all_families().map(|family| family.name).collect();
    let mut found = 0;
    for folder in ["proxy/src", "control/src", "crates/capture/src", "crates/weir/src"] {
        for_each_source(&repository().join(folder), &mut |path, text| {
            let code = text.split("#[cfg(test)]").next().unwrap();
            let names = code.split('"').skip(1).step_by(2).filter(|literal| is_name(literal));
            for name in names {
                assert!(known.contains(&name), "no table has {name}, which {} uses", path.display());
                found += 1;
            }
        });
    }
    assert!(found >= known.len(), "{found}");
}

fn is_name(literal: &str) -> bool {
    let is_ours = crate::families::PREFIXES.iter().any(|prefix| literal.starts_with(prefix));
    let is_crate = ["weir_core", "weir_proxy", "weir_control", "weir_capture"].contains(&literal);
    is_ours && !is_crate && literal.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn for_each_source(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            for_each_source(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            look(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
