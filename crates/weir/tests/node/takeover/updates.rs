//! Is nobody refused in an update, and does the earlier weir end?

use super::{HEALTH, METRICS, assert_ends_well, bed, bed_of_pods, take_over, wait_for};
use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually},
    objects::{Service, cluster_ips},
};
use serde_json::json;
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};
use weir_testkit::cluster::{Failure, Host, NodePlan};

/// Updates in a row.
const UPDATES: usize = 10;

/// What a client's many attempts came to.
#[derive(Default)]
struct Load {
    attempts: AtomicUsize,
    failed: AtomicUsize,
}

/// Asks again and again until told to stop, each time anew.
fn press(load: &Load, stop: &AtomicBool, client: &Host, protocol: Protocol, to: SocketAddr) {
    while !stop.load(Ordering::Relaxed) {
        let answer = match protocol {
            Protocol::Tcp => client.tcp(to),
            Protocol::Udp => client.udp(to),
        };
        load.attempts.fetch_add(1, Ordering::Relaxed);
        if let Err(failure) = answer {
            load.failed.fetch_add(1, Ordering::Relaxed);
            eprintln!("{} -> {to} over {protocol:?}: {failure}", client.name());
        }
    }
}

/// Asks again and again through one socket, hence in one flow.
fn converse(load: &Load, stop: &AtomicBool, client: &Host, to: SocketAddr) {
    let conversation = client.converse(to).unwrap();
    while !stop.load(Ordering::Relaxed) {
        load.attempts.fetch_add(1, Ordering::Relaxed);
        if let Err(failure) = conversation.ask() {
            load.failed.fetch_add(1, Ordering::Relaxed);
            eprintln!("{} -> {to} in one flow: {failure}", client.name());
        }
    }
}

fn nobody_is_refused_in_ten_updates(bed: Option<Bed>) {
    let Some(mut bed) = bed else { return };
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    bed.wait_until_served(10);
    let (pod, outside, node) = (bed.cluster.pod("a-2"), bed.cluster.outside(), bed.cluster.node("node-a"));
    let node_ports = [node.v4(), node.v6()].map(|ip| SocketAddr::new(ip, 30080));
    let frontends = cluster_ips(10).map(|ip| SocketAddr::new(ip, 80));
    for (protocol, to) in BOTH.into_iter().flat_map(|protocol| node_ports.map(|to| (protocol, to))) {
        eventually("node ports", true, || ask(outside, protocol, to).is_ok());
    }
    let (load, stop) = (Load::default(), AtomicBool::new(false));
    let mut ended = Vec::new();
    let last = thread::scope(|scope| {
        for (client, addresses) in [(pod, frontends), (outside, node_ports)] {
            for (protocol, to) in [(BOTH[0], addresses[0]), (BOTH[0], addresses[1]), (BOTH[1], addresses[0])]
            {
                let (load, stop) = (&load, &stop);
                scope.spawn(move || press(load, stop, client, protocol, to));
            }
            scope.spawn({
                let (load, stop) = (&load, &stop);
                move || converse(load, stop, client, addresses[1])
            });
        }
        let mut running = None;
        for _ in 0..UPDATES {
            let newcomer = take_over(&bed, &[]);
            ended.extend(running.replace(newcomer));
        }
        stop.store(true, Ordering::Relaxed);
        running.unwrap()
    });
    let (attempts, failed) = (load.attempts.into_inner(), load.failed.into_inner());
    eprintln!("{failed} of {attempts} attempts failed in {UPDATES} updates");
    assert_eq!(failed, 0, "of {attempts}");
    assert!(attempts > 20 * UPDATES, "{attempts}");
    for newcomer in &ended {
        let log = newcomer.log().unwrap();
        for word in ["listens at", "kube-proxy", "cannot serve", "cannot listen", "WARN", "ERROR"] {
            assert!(!log.contains(word), "a newcomer blames somebody: {word}\n{log}");
        }
    }
    ended.into_iter().for_each(assert_ends_well);
    bed.stop_weir("node-a", |first| assert!(first.wait().unwrap().success(), "{}", first.log().unwrap()));
    drop(last);
}

#[test]
fn nobody_is_refused_in_ten_updates_where_pods_are_routed() {
    nobody_is_refused_in_ten_updates(bed(NodePlan::routed("node-a"), &[]));
}

#[test]
fn nobody_is_refused_in_ten_updates_where_bridges_pass_packets_to_nftables() {
    nobody_is_refused_in_ten_updates(bed(NodePlan::bridged("node-a", true), &[]));
}

#[test]
fn nobody_is_refused_in_ten_updates_where_bridges_do_not() {
    nobody_is_refused_in_ten_updates(bed(NodePlan::bridged("node-a", false), &[]));
}

#[test]
fn nobody_is_refused_in_ten_updates_of_pods_which_do_not_see_each_others_processes() {
    nobody_is_refused_in_ten_updates(bed_of_pods(NodePlan::bridged("node-a", true), &[]));
}

#[test]
fn the_earlier_weir_ends_with_its_last_connection() {
    for plan in [NodePlan::routed("node-a"), NodePlan::bridged("node-a", true)] {
        let Some(mut bed) = bed(plan, &["--drain-timeout", "600s"]) else { return };
        bed.serve(&Service::web("web", 10), &["a-1"]);
        bed.wait_until_served(10);
        let to = SocketAddr::new(cluster_ips(10)[0], 80);
        let mut connection = bed.cluster.pod("a-2").connect(to).unwrap();
        let _newcomer = take_over(&bed, &[]);
        for _ in 0..3 {
            connection.echo().unwrap();
        }
        assert!(!bed.weir_mut("node-a").has_ended().unwrap());
        drop(connection);
        bed.stop_weir("node-a", |first| {
            assert!(first.wait().unwrap().success(), "{}", first.log().unwrap());
            assert!(first.log().unwrap().contains("all connections have ended"), "{}", first.log().unwrap());
        });
        assert!(ask(bed.cluster.pod("a-2"), Protocol::Tcp, to).is_ok());
    }
}

#[test]
fn the_earlier_weir_ends_when_its_time_is_over_and_resets_what_is_open() {
    let Some(mut bed) = bed(NodePlan::routed("node-a"), &["--drain-timeout", "4s"]) else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let mut connection = bed.cluster.pod("a-2").connect(SocketAddr::new(cluster_ips(10)[0], 80)).unwrap();
    let _newcomer = take_over(&bed, &[]);
    connection.echo().unwrap();
    bed.stop_weir("node-a", |first| {
        assert!(first.wait().unwrap().success(), "{}", first.log().unwrap());
        assert!(first.log().unwrap().contains("1 connections were still open"), "{}", first.log().unwrap());
    });
    assert!(matches!(connection.echo(), Err(Failure::Reset | Failure::Other(_))));
}

#[test]
fn probes_metrics_and_health_check_node_ports_move_at_once() {
    let Some(mut bed) = bed(NodePlan::routed("node-a"), &["--drain-timeout", "600s"]) else { return };
    let service = Service::web("web", 10).node_port(30080).vips(&["198.51.100.10"]);
    let service =
        service.set("externalTrafficPolicy", json!("Local")).set("healthCheckNodePort", json!(32100));
    bed.serve(&service, &["a-1"]);
    bed.wait_until_served(10);
    let node = bed.cluster.node("node-a");
    let report: SocketAddr = SocketAddr::new(node.v4(), 32100);
    let ports = [(METRICS.parse().unwrap(), "/metrics"), (HEALTH.parse().unwrap(), "/readyz"), (report, "/")];
    let answers = |(to, path)| node.http(to, path).is_ok_and(|answer| answer.contains(" 200 "));
    eventually("all ports", true, || ports.into_iter().all(answers));
    let _open = bed.cluster.pod("a-2").connect(SocketAddr::new(cluster_ips(10)[0], 80)).unwrap();
    let mut newcomer = bed.spawn_weir("node-a", &["--takeover"]);
    wait_for(&mut newcomer, "the earlier weir has let go");
    let start = Instant::now();
    for port in ports {
        eventually(&format!("{port:?}"), true, || answers(port));
    }
    // Within 200 ms, and ten times that on a busy machine.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(!bed.weir_mut("node-a").has_ended().unwrap(), "it still has a connection");
}

#[test]
fn an_earlier_weir_may_wait_to_be_told_to_end_and_goes_when_the_later_one_is_gone() {
    let flags = ["--drain-timeout", "1s", "--when-taken-over", "wait"];
    let Some(mut bed) = bed(NodePlan::routed("node-a"), &flags) else { return };
    let second = take_over(&bed, &flags);
    wait_for(bed.weir_mut("node-a"), "waiting for SIGTERM");
    bed.stop_weir("node-a", |first| {
        first.signal("TERM").unwrap();
        assert!(first.wait().unwrap().success());
    });
    let mut third = take_over(&bed, &flags);
    let mut second = second;
    wait_for(&mut second, "waiting for SIGTERM");
    third.kill().unwrap();
    assert!(second.wait().unwrap().success());
    assert!(second.log().unwrap().contains("that had taken over is gone"), "{}", second.log().unwrap());
}

#[test]
fn a_process_that_holds_a_node_port_is_named() {
    let Some(mut bed) = bed(NodePlan::routed("node-a"), &[]) else { return };
    let to = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
    let _holder = bed.cluster.node("node-a").start_servers_at("host-process", to).unwrap();
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    let own = format!("(process {}) listens at node-port", std::process::id());
    wait_for(bed.weir_mut("node-a"), &own);
}

#[test]
fn a_process_that_holds_the_port_of_a_load_balancer_ip_is_named() {
    let flags = ["--allow-load-balancer-ips", "198.51.100.0/24"];
    let Some(mut bed) = bed(NodePlan::routed("node-a"), &flags) else { return };
    let vip: SocketAddr = "198.51.100.10:80".parse().unwrap();
    // As a load balancer on the node has it.
    bed.cluster.node("node-a").namespace().ip(&["address", "add", "198.51.100.10/32", "dev", "lo"]).unwrap();
    let _holder = bed.cluster.node("node-a").start_servers_at("host-process", vip).unwrap();
    bed.serve(&Service::web("web", 10).vips(&["198.51.100.10"]), &["a-1"]);
    for protocol in ["TCP", "UDP"] {
        let own = format!(
            "(process {}) listens at load-balancer {vip}/{protocol} of default/web",
            std::process::id()
        );
        wait_for(bed.weir_mut("node-a"), &own);
    }
}

#[test]
fn a_process_that_has_the_port_of_a_bound_frontend_is_named_and_its_clients_reach_the_service() {
    let Some(mut bed) = bed(NodePlan::bridged("node-a", true), &[]) else { return };
    let to = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
    let _holder = bed.cluster.node("node-a").start_servers_at("host-process", to).unwrap();
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    let own = format!("(process {})", std::process::id());
    wait_for(bed.weir_mut("node-a"), &own);
    let log = bed.weir_mut("node-a").log().unwrap();
    assert!(log.contains("which its clients do not reach any more: they reach the Service"), "{log}");
    let outside = bed.cluster.outside();
    for protocol in BOTH {
        eventually("the Service", true, || ask(outside, protocol, to).is_ok_and(|(name, _)| name == "a-1"));
    }
}
