//! Does the program serve, follow its input, and end as an operator expects? The built binary, over real sockets.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{HANG, WEIR, Weir, free, get, greeter, greeting, manifest, wait_for};
use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::Command,
};
use weir_testkit::{Behaviour, BlackHole, OwnThread, Program, TcpServer, UdpBehaviour, UdpServer};

#[test]
fn a_service_is_served_and_follows_its_manifest() {
    let (a, b) = (greeter("a"), greeter("b"));
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let weir = Weir::ready(&manifest(service, &[a.address()]), &[]);
    assert_eq!(greeting(service).unwrap(), "a");
    weir.write(&manifest(service, &[b.address()]));
    wait_for("the new endpoint", || greeting(service).is_ok_and(|name| name == "b"));
    weir.write(&manifest(service, &[]));
    wait_for("the refusal", || {
        TcpStream::connect(service).is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused)
    });
}

#[test]
fn metrics_tell_what_was_relayed_and_how_it_ended() {
    let a = greeter("a");
    let udp =
        OwnThread::start(|| UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo)).unwrap();
    let (web, dns) = (free(Ipv4Addr::new(127, 0, 0, 9)), free(Ipv4Addr::new(127, 0, 0, 9)));
    let dns_manifest =
        manifest(dns, &[udp.address()]).replace("web", "dns").replace("port:", "protocol: UDP, port:");
    let admin = free(Ipv4Addr::LOCALHOST);
    let manifests = format!("{}---\n{dns_manifest}", manifest(web, &[a.address()]));
    let weir = Weir::ready(&manifests, &["--admin-address", &admin.to_string()]);
    assert_eq!(greeting(web).unwrap(), "a");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(HANG)).unwrap();
    client.send_to(b"hello", dns).unwrap();
    weir_testkit::uninterrupted(|| client.recv(&mut [0; 8])).unwrap();
    let port = web.port();
    let of_web = format!("{{namespace=\"default\",service=\"web\",port=\"{port}\",protocol=\"TCP\"");
    let of_dns = format!("{{namespace=\"default\",service=\"dns\",port=\"{}\",protocol=\"UDP\"", dns.port());
    let expected = [
        format!("weir_connections_opened_total{of_web}}} 1"),
        format!("weir_connections_closed_total{of_web},reason=\"finished\"}} 1"),
        format!("weir_connections_active{of_web}}} 0"),
        format!("weir_connection_duration_seconds_count{of_web}}} 1"),
        format!("weir_connect_duration_seconds_bucket{of_web},le=\"10\"}} 1"),
        format!("weir_connect_attempts_total{of_web},result=\"connected\"}} 1"),
        format!("weir_service_endpoints{of_web},state=\"ready\"}} 1"),
        format!("weir_queue_waiting{of_web}}} 0"),
        format!("weir_bytes_total{of_web},direction=\"to_client\"}} 1"),
        format!("weir_endpoints{of_web},family=\"IPv4\",traffic=\"cluster\"}} 1"),
        format!("weir_udp_flows{of_dns}}} 1"),
        format!("weir_udp_datagrams_total{of_dns},direction=\"to_endpoint\"}} 1"),
        format!("weir_udp_datagrams_total{of_dns},direction=\"to_client\"}} 1"),
        "weir_frontends{state=\"listening\"} 2".to_owned(),
        "weir_sync_last_timestamp_seconds ".to_owned(),
    ];
    for line in expected {
        wait_for(&line, || get(admin, "/metrics").is_some_and(|text| text.contains(&format!("\n{line}"))));
    }
    drop(weir);
}

#[test]
fn a_broken_manifest_is_named_and_the_last_good_state_stays_served() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let weir = Weir::ready(&manifest(service, &[a.address()]), &[]);
    weir.write("kind: [");
    wait_for("the complaint", || weir.log().contains("web.yaml: document 1"));
    assert_eq!(greeting(service).unwrap(), "a");
}

#[test]
fn sigterm_lets_connections_finish_and_exits_with_0() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let mut weir = Weir::ready(&manifest(service, &[a.address()]), &[]);
    let mut open = TcpStream::connect(service).unwrap();
    open.read_exact(&mut [0]).unwrap();
    weir.signal("TERM");
    wait_for("the drain", || weir.probe("/readyz") == Some(503));
    assert_eq!((weir.probe("/healthz"), weir.probe("/livez")), (Some(503), Some(200)));
    wait_for("the refusal", || TcpStream::connect(service).is_err());
    open.write_all(b"x").unwrap();
    open.read_exact(&mut [0]).unwrap();
    drop(open);
    assert_eq!(weir.wait().code(), Some(0));
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one_and_a_later_one_ends_connections() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let mut weir = Weir::ready(&manifest(service, &[a.address()]), &["--drain-timeout", "1h"]);
    let mut open = TcpStream::connect(service).unwrap();
    open.read_exact(&mut [0]).unwrap();
    // As timeout(1) does.
    let twice = "kill -TERM $0; kill -TERM $0";
    assert!(Command::new("sh").args(["-c", twice, &weir.pid()]).status().unwrap().success());
    wait_for("the drain", || weir.probe("/readyz") == Some(503));
    open.write_all(b"x").unwrap();
    open.read_exact(&mut [0]).unwrap();

    wait_for("the end of weir", || {
        weir.signal("TERM");
        weir.has_ended()
    });
    assert_eq!(weir.wait().code(), Some(0));
}

#[test]
fn a_drain_that_takes_too_long_ends_with_a_reset_and_0() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let mut weir = Weir::ready(&manifest(service, &[a.address()]), &["--drain-timeout", "100ms"]);
    let mut open = TcpStream::connect(service).unwrap();
    open.read_exact(&mut [0]).unwrap();
    weir.signal("INT");
    assert_eq!(open.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(weir.wait().code(), Some(0));
}

#[test]
fn sigterm_ends_a_weir_that_still_waits_for_its_input() {
    let health = free(Ipv4Addr::LOCALHOST).to_string();
    let mut command = Command::new(WEIR);
    command.args(["run", "--manifests", "-", "--admin-address", "", "--health-address", &health]);
    let mut weir = Program::piped("weir", &mut command).unwrap();
    wait_for("the health server", || TcpStream::connect(&health).is_ok());
    weir.signal("TERM").unwrap();
    assert_eq!(weir.wait().unwrap().code(), Some(0));
}

#[test]
fn after_kill_9_a_new_weir_serves_at_once() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let manifest = manifest(service, &[a.address()]);
    let mut first = Weir::ready(&manifest, &[]);
    let mut open = TcpStream::connect(service).unwrap();
    open.read_exact(&mut [0]).unwrap();
    first.signal("KILL");
    first.wait();
    let _second = Weir::ready(&manifest, &[]);
    assert_eq!(greeting(service).unwrap(), "a");
}

#[test]
fn cluster_ips_that_are_not_local_are_mapped_to_loopback_and_the_table_says_where() {
    let a = greeter("a");
    // An address of TEST-NET-2, which no host has (RFC 5737).
    let service = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 77)), 80);
    let weir = Weir::ready(&manifest(service, &[a.address()]), &["--map", "loopback"]);
    assert!(weir.line().starts_with("SERVICE"));
    let row = weir.line();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[..3], ["default/web", "80/TCP", "198.51.100.77:80"]);
    assert!(["127.51.100.77:80", "127.51.100.77:20080"].contains(&cells[3]), "{row}");
    assert_eq!(greeting(cells[3].parse().unwrap()).unwrap(), "a");
    weir.write(&manifest(service, &[]));
    assert!(weir.line().ends_with("no endpoints"));
}

#[test]
fn a_health_address_in_use_does_not_stop_the_data_plane() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let weir =
        Weir::start("exec \"$@\"", &manifest(service, &[a.address()]), &["--health-address", &address]);
    wait_for("service", || greeting(service).is_ok_and(|name| name == "a"));
    wait_for("the warning", || weir.log().contains(&address));
}

#[test]
fn who_holds_the_addresses_of_probes_and_metrics_is_named() {
    let admin = free(Ipv4Addr::LOCALHOST).to_string();
    let manifest = manifest(free("127.0.0.2".parse().unwrap()), &[]);
    let holder = Weir::ready(&manifest, &["--admin-address", &admin]);
    let (health, everywhere) = (holder.health().to_string(), format!("0.0.0.0:{}", holder.health().port()));
    for health in [health, everywhere] {
        let flags = ["--health-address", &health, "--admin-address", &admin];
        let second = Weir::start("exec \"$@\"", &manifest, &flags);
        let named = format!("held by weir (process {})", holder.pid());
        wait_for("both lines", || second.log().matches(&named).count() == 2);
        let log = second.log();
        assert!(log.contains("--health-address 127.0.0.1:10266") && log.contains("--admin-address"), "{log}");
        assert!(!log.contains("kube-proxy"), "{log}");
    }
}

#[test]
fn an_endpoint_that_refuses_is_ejected_logged_and_counted_and_clients_do_not_notice() {
    let (a, refusing) = (greeter("a"), free(Ipv4Addr::new(127, 0, 0, 2)));
    let [service, admin] = [9, 1].map(|last| free(Ipv4Addr::new(127, 0, 0, last)));
    let manifest = manifest(service, &[a.address(), refusing]);
    let weir = Weir::ready(&manifest, &["--admin-address", &admin.to_string()]);
    let port = service.port();
    let of_web = format!("{{namespace=\"default\",service=\"web\",port=\"{port}\",protocol=\"TCP\"");
    let ejected = &format!("\nweir_endpoint_ejections_total{of_web}}} 1");
    wait_for("the ejection", || {
        assert_eq!(greeting(service).unwrap(), "a");
        get(admin, "/metrics").is_some_and(|text| text.contains(ejected.as_str()))
    });
    let said = format!("endpoint={refusing} service=default/web port={} reason=refused", service.port());
    wait_for("the line", || weir.log().contains(&said));
    let log = weir.log();
    assert!(log.contains("endpoint ejected") && log.matches(&said).count() == 1, "{log}");
    for line in [
        format!("weir_connect_attempts_total{of_web},result=\"connect_refused\"}} 3"),
        format!("weir_connects_retried_total{of_web}}} 3"),
        format!("weir_service_endpoints{of_web},state=\"ejected\"}} 1"),
    ] {
        wait_for(&line, || get(admin, "/metrics").is_some_and(|text| text.contains(&format!("\n{line}"))));
    }
}

#[test]
fn guards_refuse_special_endpoints_say_so_once_and_count_them() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let admin = free(Ipv4Addr::LOCALHOST);
    let manifest = manifest(service, &[a.address()]).replace(&service.ip().to_string(), "203.0.113.9");
    let weir = Weir::ready(&manifest, &["--guards", "--admin-address", &admin.to_string()]);
    let count = "\nweir_endpoints_refused_total{reason=\"loopback\"} 1";
    wait_for(count, || get(admin, "/metrics").is_some_and(|text| text.contains(count)));
    let said = "127.0.0.2 is a loopback address";
    wait_for(said, || weir.log().contains(said));
}

#[test]
fn external_ips_are_refused_but_where_they_are_allowed_and_that_is_said_and_counted() {
    let a = greeter("a");
    let (service, admin) = (free(Ipv4Addr::new(127, 0, 0, 9)), free(Ipv4Addr::LOCALHOST));
    let manifest = manifest(service, &[a.address()]).replace("127.0.0.9", "203.0.113.9");
    let manifest = manifest.replace("ports:", "externalIPs: [198.51.100.7, 192.0.2.7], ports:");
    let flags = ["--guards", "--allow-external-ips", "192.0.2.0/24", "--admin-address", &admin.to_string()];
    let weir = Weir::ready(&manifest, &flags);
    let count = "\nweir_frontends_refused_total{reason=\"not-allowed\"} 1";
    wait_for(count, || get(admin, "/metrics").is_some_and(|text| text.contains(count)));
    let said = "198.51.100.7 is not served: it is outside the networks of --allow-external-ips";
    wait_for(said, || weir.log().contains(said));
    let log = weir.log();
    assert!(log.contains("192.0.2.7") && log.matches(said).count() == 1, "{log}");
    weir.write(&manifest.replace("198.51.100.7", "198.51.100.8"));
    wait_for("the edit", || weir.log().contains(&said.replace("100.7", "100.8")));
}

#[test]
fn what_would_come_back_to_weir_is_refused_and_counted() {
    let [a, b] = [9, 10].map(|last| free(Ipv4Addr::new(127, 0, 0, last)));
    let admin = free(Ipv4Addr::LOCALHOST);
    let circle = format!("{}---\n{}", manifest(a, &[b]), manifest(b, &[a]).replace("web", "back"));
    let of_udp = circle.replace("port:", "protocol: UDP, port:").replace("name: ", "name: udp-");
    let of_udp = of_udp.replace("udp-\"\"", "\"\"");
    let manifests = format!("{circle}---\n{of_udp}");
    let _weir = Weir::ready(&manifests, &["--admin-address", &admin.to_string()]);
    let read = TcpStream::connect(a).and_then(|mut client| client.read(&mut [0]));
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", a).unwrap();
    let port = |service: &str, protocol| {
        format!("{{namespace=\"default\",service=\"{service}\",port=\"{}\",protocol=\"{protocol}\"", a.port())
    };
    for line in [
        format!("weir_connections_closed_total{},reason=\"loop_refused\"}} 1", port("web", "TCP")),
        format!("weir_udp_datagrams_dropped_total{}}} 1", port("udp-web", "UDP")),
        format!("weir_udp_flows_opened_total{}}} 0", port("udp-web", "UDP")),
        format!("weir_connect_attempts_total{},result=\"loop_refused\"}} 1", port("web", "TCP")),
        format!("weir_connect_attempts_total{},result=\"loop_refused\"}} 1", port("udp-web", "UDP")),
    ] {
        wait_for(&line, || get(admin, "/metrics").is_some_and(|text| text.contains(&format!("\n{line}"))));
    }
}

#[test]
fn an_endpoint_that_checks_find_down_gets_no_client_until_they_find_it_up() {
    let (a, b) = (greeter("a"), free(Ipv4Addr::new(127, 0, 0, 2)));
    let [service, other] = [9, 10].map(|last| free(Ipv4Addr::new(127, 0, 0, last)));
    let admin = free(Ipv4Addr::LOCALHOST);
    let checked = |service, rise, name| {
        let annotations = format!(
            "metadata: {{annotations: {{weir.dev/health-check: tcp, weir.dev/health-check-interval: 500ms, \
             weir.dev/health-check-rise: \"{rise}\"}}, name: web}}"
        );
        let manifest = manifest(service, &[a.address(), b]).replace("metadata: {name: web}", &annotations);
        manifest.replace("web", name)
    };
    // Nobody has connected to it yet, so only checks can know.
    let manifests = format!("{}---\n{}", checked(service, 100, "web"), checked(other, 1, "other"));
    let weir = Weir::ready(&manifests, &["--admin-address", &admin.to_string()]);
    let shows = |line: &str| get(admin, "/metrics").is_some_and(|text| text.contains(&format!("\n{line}")));
    wait_for("the end of b", || shows("weir_endpoints_down 1"));
    // Of both Services the first by name is told of the checks, before anybody has connected.
    let of_other =
        format!("{{namespace=\"default\",service=\"other\",port=\"{}\",protocol=\"TCP\"", other.port());
    assert!(shows(&format!("weir_health_checks_total{of_other},result=\"refused\"}} ")), "why");
    assert!(shows(&format!("weir_service_endpoints{of_other},state=\"down\"}} 1")), "where");
    wait_for("the line", || weir.log().contains("endpoint is down: its checks fail"));

    // It is up again only after a hundred checks, since the stricter Service wants that.
    let _b = OwnThread::start(move || TcpServer::start(b, Behaviour::Greet("b".into()))).unwrap();
    for _ in 0..20 {
        assert_eq!((greeting(service).unwrap(), greeting(other).unwrap()), ("a".into(), "a".into()));
    }
    weir.write(&checked(service, 1, "web"));
    wait_for("b", || greeting(service).is_ok_and(|name| name == "b"));
    wait_for("the metric", || shows("weir_endpoints_down 0"));
    wait_for("the line", || weir.log().contains("endpoint works again"));
    drop(weir);
}

#[test]
fn a_service_without_a_working_endpoint_is_said_once_until_a_client_is_served() {
    let refusing = free(Ipv4Addr::new(127, 0, 0, 2));
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let weir = Weir::ready(&manifest(service, &[refusing]), &[]);
    let none = "the Service has no working endpoint";
    for _ in 0..20 {
        assert!(greeting(service).is_err());
    }
    wait_for(none, || weir.log().contains(none));
    assert_eq!(weir.log().matches(none).count(), 1);
    let _back = OwnThread::start(move || TcpServer::start(refusing, Behaviour::Greet("a".into()))).unwrap();
    wait_for("the endpoint", || greeting(service).is_ok_and(|name| name == "a"));
    let again = "the Service has a working endpoint again";
    wait_for(again, || weir.log().contains(again));
    assert!(!weir.log().contains("Some("), "{}", weir.log());
    weir.write(&manifest(service, &[]));
    let empty = "the Service has no endpoint: its clients are refused";
    wait_for(empty, || weir.log().contains(empty));
    assert_eq!(weir.log().matches(none).count(), 1, "{}", weir.log());
}

#[test]
fn a_name_with_a_newline_in_a_manifest_forges_no_line_of_the_log() {
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let manifest = manifest(service, &[]).replace("name: web", r#"name: "web\n2026 WARN weir: forged\e[2J""#);
    let weir = Weir::ready(&manifest, &[]);
    let refused = r"web\n2026 WARN weir: forged";
    wait_for("a line", || weir.log().contains(refused));
    let log = weir.log();
    assert!(!log.lines().any(|line| line.starts_with("2026 WARN")) && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_service_whose_endpoints_only_time_out_and_one_whose_udp_endpoints_refuse_are_said_to_have_none_that_works()
 {
    let hole = BlackHole::start("127.0.0.2:0".parse().unwrap()).unwrap();
    let [service, other] = [9, 10].map(|last| free(Ipv4Addr::new(127, 0, 0, last)));
    let slow = manifest(service, &[hole.address()]).replace(
        "metadata: {name: web}",
        "metadata: {name: web, annotations: {weir.dev/connect-timeout: 1s}}",
    );
    let refusing = free(Ipv4Addr::new(127, 0, 0, 2));
    let dns = manifest(other, &[refusing]).replace("web", "dns").replace("port:", "protocol: UDP, port:");
    let weir = Weir::ready(&format!("{slow}---\n{dns}"), &[]);
    assert!(greeting(service).is_err());
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.send_to(b"x", other).unwrap();
    for (name, protocol, reason) in [("web", "TCP", "timed_out"), ("dns", "UDP", "refused")] {
        let line = |log: &str| {
            let of_service = format!("service=default/{name} ");
            log.lines().any(|line| {
                line.contains("the Service has no working endpoint")
                    && line.contains(&of_service)
                    && line.contains(&format!("protocol={protocol} family=IPv4 endpoints=1 reason={reason}"))
            })
        };
        wait_for(name, || line(&weir.log()));
    }
}

#[test]
fn packets_that_shall_pass_are_a_problem_where_sockets_are_bound() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let passing = "metadata: {name: web, annotations: {weir.dev/no-local-endpoints: pass}}\nspec: {externalIPs: \
                   [127.0.0.8], externalTrafficPolicy: Local, ";
    let manifest = manifest(service, &[a.address()]).replacen("metadata: {name: web}\nspec: {", passing, 1);
    let weir = Weir::ready(&manifest, &[]);
    wait_for("the problem", || weir.log().contains("default/web/TCP cannot let packets pass"));
    assert!(weir.log().contains("--mode node"), "{}", weir.log());
    assert_eq!(greeting(service).unwrap(), "a");
}
