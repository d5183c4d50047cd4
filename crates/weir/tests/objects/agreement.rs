//! Do `weir run`, `weir resolve` and `weir explain` agree on who is served where, and on who is not?

use crate::{
    ask,
    common::{Weir, free, greeter, greeting, wait_for},
    service, slice,
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
};

fn endpoint(address: SocketAddr) -> (String, String) {
    (format!("{{name: http, port: {}}}", address.port()), format!("{{addresses: [{}]}}", address.ip()))
}

#[test]
fn all_name_the_same_winner_of_an_address_and_the_same_reason() {
    let (a, b) = (greeter("a"), greeter("b"));
    let address = free(Ipv4Addr::new(127, 0, 0, 9));
    let (ip, port) = (address.ip().to_string(), address.port());
    // The one that comes later by name is written first.
    let manifests: String = [("b", b.address()), ("a", a.address())]
        .into_iter()
        .map(|(name, server)| {
            let (ports, endpoints) = endpoint(server);
            service(name, &ip, port) + &slice(name, "IPv4", &ports, &endpoints)
        })
        .collect();
    let contest = format!(
        "{address}/TCP is claimed by default/a:http/TCP and default/b:http/TCP; the first is served: it comes first by name"
    );
    let weir = Weir::ready(&manifests, &[]);
    wait_for("the winner", || greeting(address).is_ok_and(|name| name == "a"));
    wait_for("the line", || weir.log().contains(&contest));

    let (_, table, problems) = ask("resolve", &[], &manifests);
    assert!(problems.contains(&format!("warning: {contest}\n")), "{problems}");
    let lost = "none: the address is that of default/a:http/TCP: it comes first by name";
    let row = |name: &str| table.lines().find(|line| line.split_whitespace().nth(1) == Some(name)).unwrap();
    assert!(row("b").ends_with(lost) && row("a").ends_with(&a.address().to_string()), "{table}");

    let (_, page, _) = ask("explain", &["--from", "10.0.0.1", "--to", &format!("{address}/TCP")], &manifests);
    let note = "default/b:http/TCP claims this address, too, and does not get it: default/a:http/TCP does, since it comes \
                first by name";
    assert!(page.contains("service   default/a, port http\n") && page.contains(note), "{page}");
}

/// A mapped row: Service, port and protocol, cluster address, address.
type Mapped = [String; 4];

/// Rows of the table that `weir run --map loopback` prints, all of which must be served.
fn printed(weir: &Weir, rows: usize) -> BTreeSet<Mapped> {
    let header = weir.line();
    assert!(header.starts_with("SERVICE"), "{header}");
    let row = |line: String| {
        let cells: Vec<&str> = line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!((cells.len(), cells[4]), (5, "listening"), "{line}");
        [cells[0], cells[1], cells[2], cells[3]].map(str::to_owned)
    };
    (0..rows).map(|_| row(weir.line())).collect()
}

#[test]
fn every_mapped_address_that_run_prints_is_what_resolve_and_explain_name() {
    let a = greeter("a");
    let (ports, endpoints) = endpoint(a.address());
    let port = free(Ipv4Addr::LOCALHOST).port();
    let [first, second]: [u8; 2] = rand::random();
    let ip = format!("10.{}.{first}.{second}", 64 + first % 64);
    // Two Services with one cluster IP, one with two families and one with IPv6 only.
    let dual = service("dual", &ip, port).replace(
        &format!("clusterIPs: [{ip}], ipFamilies: [IPv4]"),
        &format!("clusterIPs: [{ip}, \"fd00::{first:x}\"], ipFamilies: [IPv4, IPv6]"),
    );
    let six = service("six", "\"fd00:1::6\"", port).replace("[IPv4]", "[IPv6]");
    let v6 = |name: &str| slice(name, "IPv6", "{name: http, port: 9}", "{addresses: [\"::1\"]}");
    let manifests = service("twin", &ip, port)
        + &slice("twin", "IPv4", &ports, &endpoints)
        + &dual
        + &slice("dual", "IPv4", &ports, &endpoints)
        + &v6("dual")
        + &six
        + &v6("six");

    let weir = Weir::ready(&manifests, &["--map", "loopback"]);
    let by_run = printed(&weir, 4);

    let (_, json, problems) = ask("resolve", &["--map", "loopback", "-o", "json"], &manifests);
    let report: Value = serde_json::from_str(&json).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let by_resolve: BTreeSet<Mapped> = report["mapped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let service = format!("{}/{}", text(&row["ns"]), text(&row["svc"]));
            let port = format!("{}/{}", text(&row["portName"]), text(&row["proto"]));
            [service, port, text(&row["address"]), text(&row["listen"])]
        })
        .collect();
    assert_eq!(by_run, by_resolve, "{problems}");
    let (_, table, _) = ask("resolve", &["--map", "loopback"], &manifests);

    for [service, _, address, listen] in &by_run {
        assert!(table.contains(listen.as_str()), "{listen} {table}");
        let flags = ["--map", "loopback", "-o", "json", "--from", "127.0.0.1", "--to"];
        let (_, json, _) = ask("explain", &[&flags[..], &[&format!("{listen}/TCP")]].concat(), &manifests);
        let answer: Value = serde_json::from_str(&json).unwrap();
        let named = format!("{}/{}", text(&answer["service"]["namespace"]), text(&answer["service"]["name"]));
        assert_eq!((&named, text(&answer["verdict"]).as_str()), (service, "ACCEPT"), "{json}");
        assert_eq!(answer["mapped"]["address"], format!("{address}/TCP"));
        assert_eq!(answer["endpoints"][0]["source"], "replaced", "bind mode connects from this host");
    }
    let twin = by_run.iter().find(|row| row[0] == "default/twin").unwrap();
    assert_eq!(greeting(twin[3].parse().unwrap()).unwrap(), "a");
}

#[test]
fn where_bind_mode_has_no_socket_explain_says_that_clients_are_refused() {
    let local =
        service("web", "10.96.0.10", 20_080).replace("spec: {", "spec: {internalTrafficPolicy: Local, ");
    let endpoints = "{addresses: [10.244.0.1], nodeName: node-b}";
    let manifests = local + &slice("web", "IPv4", "{name: http, port: 8080}", endpoints);
    let flow = ["--from", "127.0.0.1", "--to", "10.96.0.10:20080/TCP"];
    let local = "internalTrafficPolicy is Local, and no endpoint on this node can serve\n";
    let (_, page, _) = ask("explain", &flow, &manifests);
    assert!(page.contains(&format!("verdict   DROP: {local}")), "{page}");
    let (_, page, _) = ask("explain", &[&["--map", "loopback"], &flow[..]].concat(), &manifests);
    assert!(page.contains(&format!("verdict   REJECT: {local}")), "{page}");
}

#[test]
fn explain_takes_the_cluster_ip_too_and_says_where_to_connect() {
    let manifests = service("web", "10.96.0.10", 20_080)
        + &service("a", "10.96.0.10", 20_080)
        + &slice("a", "IPv4", "{name: http, port: 8080}", "{addresses: [10.244.0.1]}");
    let flags = ["--map", "loopback", "--from", "127.0.0.1", "--to", "10.96.0.10:20080/TCP"];
    let (_, page, _) = ask("explain", &flags, &manifests);
    assert!(page.contains("mapped    10.96.0.10:20080/TCP is served at 127.96.0.10:20080/TCP\n"), "{page}");
    assert!(page.contains("service   default/a, port http\n"), "{page}");
    assert!(page.contains("this host has no 10.96.0.10: connect to 127.96.0.10:20080/TCP"), "{page}");
    assert!(
        page.contains("default/web:http/TCP has the same cluster IP, and an address of its own here: 127."),
        "{page}"
    );
    let flags = ["--map", "loopback", "--from", "127.0.0.1", "--to", "10.96.0.99:80/TCP"];
    assert!(ask("explain", &flags, &manifests).1.contains("NONE: not an address of a Service"));
}
