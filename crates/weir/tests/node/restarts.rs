//! What do clients see while weir ends, is killed, comes back, or comes twice?

use crate::{
    bed::{BOTH, Bed, Protocol, WEIR, eventually, expect, plan},
    objects::{Service, cluster_ips},
};
use std::{collections::BTreeMap, env, fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::PathBuf};
use weir_testkit::cluster::{Cluster, Failure, Host};

fn single_with_service() -> Option<Bed> {
    let bed = Bed::single()?;
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    bed.wait_until_served(10);
    Some(bed)
}

#[test]
fn while_weir_is_away_clients_are_refused_and_when_it_is_back_they_are_served() {
    let Some(mut bed) = single_with_service() else { return };
    for how in ["TERM", "KILL"] {
        bed.stop_weir("node-a", |weir| {
            weir.signal(how).unwrap();
            let status = weir.wait().unwrap();
            assert_eq!(status.success(), how == "TERM", "{status}");
        });
        let (pod, outside) = (bed.cluster.pod("a-2"), bed.cluster.outside());
        let node_port = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
        for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
            expect(pod, protocol, SocketAddr::new(ip, 80), Err(Failure::Refused));
            expect(outside, protocol, node_port, Err(Failure::Refused));
        }
        bed.start_weir("node-a", &[]);
        bed.wait_until_served(10);
    }
}

#[test]
fn a_second_weir_refuses_to_start_and_says_what_to_do_while_the_first_serves_on() {
    let Some(bed) = single_with_service() else { return };
    let mut second = bed.spawn_weir("node-a", &["--health-address", "", "--admin-address", ""]);
    assert_eq!(second.wait().unwrap().code(), Some(1));
    let said = second.log().unwrap();
    assert!(said.contains("--takeover"), "{said}");
    let client = bed.cluster.pod("a-2");
    expect(client, Protocol::Tcp, SocketAddr::new(cluster_ips(10)[0], 80), Ok(("a-1", client.v4())));
}

#[test]
fn a_second_weir_with_takeover_serves_new_clients_while_the_first_ones_connections_go_on() {
    let Some(mut bed) = single_with_service() else { return };
    let (client, to) = (bed.cluster.pod("a-2"), SocketAddr::new(cluster_ips(10)[0], 80));
    let mut connection = client.connect(to).unwrap();
    let _second = bed.spawn_weir("node-a", &["--takeover", "--health-address", "127.0.0.1:10356"]);
    eventually("the second weir", Some(true), || {
        let answer = bed.cluster.node("node-a").http("127.0.0.1:10356".parse().unwrap(), "/readyz").ok()?;
        Some(answer.contains(" 200 "))
    });
    connection.echo().unwrap();
    bed.stop_weir("node-a", |first| first.kill().unwrap());
    for protocol in BOTH {
        let client = bed.cluster.pod("a-2");
        expect(client, protocol, to, Ok(("a-1", client.v4())));
    }
}

#[test]
fn a_missing_cluster_cidr_and_a_node_name_that_no_node_has_are_said_at_the_start() {
    let Some(bed) = Bed::without_weir(&[plan("node-a")]) else { return };
    let mut arguments = bed.arguments("node-b", &[]);
    let at = arguments.iter().position(|argument| *argument == "--cluster-cidr").unwrap();
    arguments.drain(at..at + 2);
    let variables = [("WEIR_STATE_DIR", ""), ("WEIR_RUNTIME_DIR", "")];
    let weir = bed.cluster.node("node-a").spawn(WEIR, &arguments, &variables).unwrap();
    for line in ["--cluster-cidr is not set", "the cluster has no Node named \"node-b\""] {
        eventually(line, true, || weir.log().unwrap().contains(line));
    }
}

#[test]
fn a_node_name_that_manifests_do_not_know_is_said_with_those_that_they_know() {
    let Some(bed) = Bed::without_weir(&[plan("node-a")]) else { return };
    let manifests = env::temp_dir().join(format!("weir-nodes-{:016x}.yaml", rand::random::<u64>()));
    let node = |name: &str| format!("{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}}}\n");
    fs::write(&manifests, ["node-a", "worker-1"].map(node).join("---\n")).unwrap();
    let said = |name: &str| {
        let from = ["run", "--mode=node", "--manifests", manifests.to_str().unwrap(), "--node-name", name];
        let variables =
            [("WEIR_RUNTIME_DIR", ""), ("WEIR_CLUSTER_CIDR", "10.244.0.0/16"), ("WEIR_ADMIN_ADDRESS", "")];
        let weir = bed.cluster.node("node-a").spawn(WEIR, &from, &variables).unwrap();
        eventually("readiness", Some(200), || bed.probe("node-a", "/readyz"));
        weir.log().unwrap()
    };
    let log = said("node-b");
    assert!(log.contains("the manifests have no Node named \"node-b\" (did you mean \"node-a\"?)"), "{log}");
    assert_eq!(log.matches("have no Node named").count(), 1, "{log}");
    let log = said("else");
    assert!(log.contains("they have node-a, worker-1") && log.contains("--node-name"), "{log}");
    assert!(!said("node-a").contains("have no Node named"));
    fs::remove_file(manifests).unwrap();
}

/// A folder with an `nft` that notes that it runs, and takes its time.
fn slow_nft() -> PathBuf {
    let folder = env::temp_dir().join(format!("weir-nft-{:016x}", rand::random::<u64>()));
    fs::create_dir(&folder).unwrap();
    let real = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    let script = format!("#!/bin/sh\ntouch {0}/runs\nsleep 0.3\n{real} exec nft \"$@\"\n", folder.display());
    fs::write(folder.join("nft"), script).unwrap();
    fs::set_permissions(folder.join("nft"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn ctrl_c_while_nft_runs_does_not_kill_it_and_leaves_nothing_if_rules_shall_go() {
    let Some(mut bed) = Bed::without_weir(&[plan("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    let before = traces(&bed.cluster);
    let folder = slow_nft();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.display());
    // Its own session, hence its own process group: the signal is for weir and what it has started, not for this test.
    let arguments =
        [&[WEIR][..], &bed.arguments("node-a", &["--keep-rules=false", "--forwarding=always"])].concat();
    let mut weir = bed.spawn_in_session("node-a", &arguments, &path);
    eventually("readiness", Some(200), || bed.probe("node-a", "/readyz"));
    fs::remove_file(folder.join("runs")).unwrap();
    bed.serve(&Service::web("web", 10), &["a-1"]);
    eventually("a change of the rules", true, || folder.join("runs").exists());
    weir.signal_group("INT").unwrap();
    assert!(weir.wait().unwrap().success(), "{}", weir.log().unwrap());
    assert!(!weir.log().unwrap().contains("nft was ended"), "{}", weir.log().unwrap());
    assert_eq!(traces(&bed.cluster), before);
    fs::remove_dir_all(folder).unwrap();
}

/// Everything in a node's network that weir could leave behind.
fn traces(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let commands: [(&str, &[&str]); 7] = [
        // Without what moves by itself.
        ("ip link", &["sh", "-c", "ip -o link | sed 's/ state [A-Z]* / /'"]),
        ("ip address", &["sh", "-c", "ip -o address"]),
        ("nft list ruleset", &["nft", "list", "ruleset"]),
        ("ip rule", &["ip", "rule"]),
        ("ip -6 rule", &["ip", "-6", "rule"]),
        ("ip route show table all", &["ip", "route", "show", "table", "all"]),
        ("ip -6 route show table all", &["ip", "-6", "route", "show", "table", "all"]),
    ];
    commands.map(|(name, command)| (name, printed(cluster.node("node-a"), command))).into()
}

fn printed(host: &Host, command: &[&str]) -> String {
    let output = host.namespace().command(command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn cleanup_removes_every_trace_and_may_be_repeated() {
    let Some(mut bed) = Bed::without_weir(&[plan("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    let before = traces(&bed.cluster);
    bed.start_weir("node-a", &["--forwarding=always"]);
    bed.serve(&Service::web("web", 10).node_port(30080), &["a-1"]);
    bed.wait_until_served(10);
    assert_ne!(traces(&bed.cluster), before);
    bed.stop_weir("node-a", |weir| weir.kill().unwrap());
    assert_ne!(traces(&bed.cluster), before);
    for _ in 0..2 {
        let mut cleanup = bed.cluster.node("node-a").spawn(crate::bed::WEIR, &["cleanup"], &[]).unwrap();
        let status = cleanup.wait().unwrap();
        assert!(status.success(), "{}", cleanup.log().unwrap());
        assert_eq!(traces(&bed.cluster), before);
    }
}

#[test]
fn a_weir_that_starts_while_the_api_server_is_away_serves_what_was_known_last() {
    let Some(mut bed) = single_with_service() else { return };
    bed.stop_weir("node-a", |weir| {
        weir.signal("TERM").unwrap();
        weir.wait().unwrap();
    });
    bed.cluster.stop_api();
    bed.start_weir("node-a", &[]);
    assert_eq!(bed.probe("node-a", "/healthz"), Some(200), "the Node is known");
    let (client, to) = (bed.cluster.pod("a-2"), SocketAddr::new(cluster_ips(10)[0], 80));
    let node_port = SocketAddr::new(bed.cluster.node("node-a").v4(), 30080);
    for protocol in BOTH {
        expect(client, protocol, to, Ok(("a-1", client.v4())));
        assert!(crate::bed::ask(bed.cluster.outside(), protocol, node_port).is_ok());
    }
    let log = bed.weir_mut("node-a").log().unwrap();
    assert!(
        log.contains("1 Service to serve, as known ") && log.contains("until the API server answers"),
        "{log}"
    );
    bed.cluster.restart_api();
    eventually("what the API server says", true, || {
        bed.weir_mut("node-a").log().unwrap().contains("the API server's lists are complete")
    });
    bed.serve(&Service::web("web", 10), &["a-2"]);
    let node = bed.cluster.node("node-a");
    expect(node, Protocol::Tcp, to, Ok(("a-2", node.v4())));
}

#[test]
fn the_api_server_may_be_away_while_clients_are_served() {
    let Some(bed) = single_with_service() else { return };
    bed.cluster.stop_api();
    let client = bed.cluster.pod("a-2");
    for protocol in BOTH {
        expect(client, protocol, SocketAddr::new(cluster_ips(10)[0], 80), Ok(("a-1", client.v4())));
    }
    bed.cluster.restart_api();
    bed.serve(&Service::web("web", 10), &["a-2"]);
    let other = bed.cluster.node("node-a");
    eventually("the change", true, || {
        crate::bed::ask(other, Protocol::Tcp, SocketAddr::new(cluster_ips(10)[0], 80))
            .is_ok_and(|(name, _)| name == "a-2")
    });
}
