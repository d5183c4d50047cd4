//! Does a running weir tell what docs/api.md says, to whom it may, and to nobody else? The built binary, over real sockets.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod client;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod detail;
mod explain;
mod guarded;
mod labels;
mod steering;

use client::{At, Events, ask, get, socket};
use common::{HANG, Weir, free, greeter, greeting, manifest, wait_for};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
};
use weir_testkit::{Behaviour, OwnThread, TcpServer, UdpBehaviour, UdpServer};

/// A weir that serves `default/web`, and where it is asked.
struct Bed {
    weir: Weir,
    admin: At,
    socket: At,
    web: SocketAddr,
}

fn bed(endpoints: &[SocketAddr], more: &str) -> Bed {
    let (web, admin) = (free(Ipv4Addr::new(127, 0, 0, 9)), free(Ipv4Addr::LOCALHOST));
    let manifests = format!("{}---\n{more}", manifest(web, endpoints));
    let weir = Weir::ready(&manifests, &["--admin-address", &admin.to_string()]);
    let socket = socket(&weir.admin_socket());
    wait_for("the admin side", || ask(&socket, "GET /healthz", "", "").is_ok());
    wait_for("the admin side", || ask(&At::Address(admin), "GET /healthz", "", "").is_ok());
    Bed { weir, admin: At::Address(admin), socket, web }
}

fn echo() -> OwnThread<TcpServer> {
    OwnThread::start(|| TcpServer::start("127.0.0.2:0".parse().unwrap(), Behaviour::Echo)).unwrap()
}

/// A client that has had an answer.
fn client(web: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(web).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    stream
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().unwrap()
}

#[test]
fn the_examples_of_the_page_are_what_a_running_weir_answers() {
    let (server, dead) = (echo(), free(Ipv4Addr::new(127, 0, 0, 3)));
    let udp =
        OwnThread::start(|| UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo)).unwrap();
    let dns = free(Ipv4Addr::new(127, 0, 0, 9));
    let dns_manifest =
        manifest(dns, &[udp.address()]).replace("web", "dns").replace("port:", "protocol: UDP, port:");
    let bed = bed(&[server.address(), dead], &dns_manifest);
    let asker = UdpSocket::bind("127.0.0.1:0").unwrap();
    asker.set_read_timeout(Some(HANG)).unwrap();
    asker.send_to(b"hello", dns).unwrap();
    weir_testkit::uninterrupted(|| asker.recv(&mut [0; 8])).unwrap();
    // Until the dead one is ejected, which is an event.
    let mut held = Vec::new();
    wait_for("the ejection", || {
        held.push(client(bed.web));
        !items(&get(&bed.socket, "/api/v1/events")).is_empty()
    });
    get(&bed.socket, "/api/v1/endpoints?detail=true");
    // Of a node that no endpoint is on, so that nothing else changes.
    let unused = r#"{"node": "node-z", "weight": 7}"#;
    assert_eq!(ask(&bed.socket, "POST /api/v1/overrides", "", unused).unwrap().status, 201);
    contract::assert_examples(&bed.socket, &bed.web.to_string());
}

#[test]
fn a_service_port_tells_how_its_connects_went_and_one_that_nobody_used_has_nothing_to_tell() {
    let (server, dead) = (echo(), free(Ipv4Addr::new(127, 0, 0, 3)));
    let idle = manifest(free(Ipv4Addr::new(127, 0, 0, 9)), &[server.address()]).replace("web", "idle");
    let bed = bed(&[server.address(), dead], &idle);
    let port = |name: &str| items(&get(&bed.socket, &format!("/api/v1/services?service={name}")))[0].clone();
    assert_eq!((&port("web")["state"], &port("web")["since"]), (&json!("ok"), &Value::Null));
    wait_for("the ejection", || {
        client(bed.web);
        let port = port("web");
        port["endpoints"]["ejectionsTotal"].as_u64() > Some(0)
            && port["connections"]["retriedTotal"].as_u64() > Some(0)
    });
    let web = port("web");
    assert_eq!(web["state"], "degraded");
    let times = ["meanSeconds", "p50Seconds", "p99Seconds"].map(|name| web["connectTime"][name].as_f64());
    assert!(times.iter().all(|time| *time > Some(0.0)) && times[1] <= times[2], "{web}");
    assert!(web["connectTime"]["count"].as_u64() > Some(0), "{web}");
    let nothing = json!({"count": 0, "meanSeconds": null, "p50Seconds": null, "p99Seconds": null});
    assert_eq!(port("idle")["connectTime"], nothing);
}

#[test]
fn live_and_closed_connections_are_told_page_by_page_and_filtered() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let held: Vec<_> = (0..5).map(|_| client(bed.web)).collect();
    let first = get(&bed.admin, "/api/v1/connections?limit=2");
    assert_eq!((items(&first).len(), &first["metadata"]["total"]), (2, &json!(5)));
    // The most at once does not depend on who looked when.
    assert_eq!(items(&get(&bed.admin, "/api/v1/services"))[0]["connections"]["most"], 5);
    let mut seen: Vec<String> = Vec::new();
    let mut next = String::new();
    loop {
        let page = get(&bed.admin, &format!("/api/v1/connections?limit=2&continue={next}"));
        seen.extend(items(&page).iter().map(|item| item["client"].as_str().unwrap().to_owned()));
        match page["metadata"]["continue"].as_str() {
            Some(token) => token.clone_into(&mut next),
            None => break,
        }
    }
    let mut clients: Vec<_> = held.iter().map(|client| client.local_addr().unwrap().to_string()).collect();
    seen.sort();
    clients.sort();
    assert_eq!(seen, clients);
    let count = |query: &str| items(&get(&bed.admin, &format!("/api/v1/connections?{query}"))).len();
    assert_eq!([count("client=127.0.0.0/8"), count("client=10.0.0.0/8"), count("older=1h")], [5, 0, 0]);
    assert_eq!(
        [count("namespace=default&service=web"), count("service=other"), count("node=node-z")],
        [5, 0, 0]
    );
    assert_eq!([count("sort=bytes&limit=3"), count("sort=-duration")], [3, 5]);
    let largest = get(&bed.admin, "/api/v1/connections?sort=bytes&limit=1");
    assert_eq!(items(&largest)[0]["bytesToClient"], 1);
    drop(held);
    wait_for("the end of all", || count("state=closed&reason=finished") == 5 && count("") == 0);
    let closed = get(&bed.admin, "/api/v1/connections?state=closed&limit=1");
    assert_eq!(
        (&items(&closed)[0]["state"], &items(&closed)[0]["idleSeconds"]),
        (&json!("closed"), &Value::Null)
    );
}

#[test]
fn an_ejected_endpoint_is_told_with_the_reason_and_who_gets_the_next_client() {
    let (server, dead) = (greeter("a"), free(Ipv4Addr::new(127, 0, 0, 3)));
    let bed = bed(&[server.address(), dead], "");
    wait_for("the ejection", || {
        greeting(bed.web).unwrap();
        !items(&get(&bed.admin, "/api/v1/endpoints?state=ejected")).is_empty()
    });
    let ejected = &items(&get(&bed.admin, "/api/v1/endpoints?state=ejected"))[0].clone();
    assert_eq!((&ejected["endpoint"], &ejected["reason"]), (&json!(dead.to_string()), &json!("refused")));
    assert_eq!(ejected["picks"][0]["odds"], 0.0);
    wait_for("the state of the Service", || {
        get(&bed.admin, "/api/v1/services?state=degraded")["metadata"]["matched"] == 1
    });
    let service = get(&bed.admin, "/api/v1/services/default/web");
    assert_eq!(service["endpoints"].as_array().unwrap().len(), 2);
    assert_eq!(service["frontends"][0]["state"], "listening");
    let explained = get(&bed.admin, &format!("/api/v1/explain?to={}/TCP", bed.web));
    let eligible: Vec<_> =
        explained["endpoints"].as_array().unwrap().iter().filter(|one| one["eligible"] == true).collect();
    assert_eq!((eligible.len(), &eligible[0]["odds"]), (1, &json!(1.0)), "{explained}");
    assert_eq!(explained["verdict"], "ACCEPT");
    let by_name = get(&bed.admin, "/api/v1/explain?service=default/web");
    assert_eq!(by_name["to"], explained["to"]);
    // Health is looked at once a second.
    wait_for("the event", || {
        let events = get(&bed.admin, "/api/v1/events?type=EndpointEjected");
        items(&events).iter().any(|event| event["endpoint"] == dead.to_string())
    });
}

#[test]
fn a_stream_tells_who_comes_and_goes_and_the_page_gets_a_snapshot_each_second() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let before = client(bed.web);
    let mut stream = Events::open(&bed.admin, "/api/v1/connections?service=web");
    let (kind, list) = stream.next();
    assert_eq!((&*kind, items(&list).len()), ("list", 1));
    let later = client(bed.web);
    let name = later.local_addr().unwrap().to_string();
    let has =
        |data: &Value, key: &str| data[key].as_array().unwrap().iter().any(|one| one["client"] == *name);
    stream.until("changes", |data| has(data, "opened"));
    drop(later);
    stream.until("changes", |data| has(data, "closed"));
    drop(before);
    let mut page = Events::open(&bed.socket, "/api/v1/stream?filter=web&focus=default/web&detail=true");
    let snapshot = page.until("snapshot", |_| true);
    assert_eq!(snapshot["services"]["items"][0]["service"], "web");
    assert_eq!((&snapshot["focus"]["kind"], &snapshot["summary"]["leases"]), (&json!("Service"), &json!(1)));
    page.until("snapshot", |data| data["summary"]["connections"]["active"] == 0);
    let mut events = Events::open(&bed.admin, "/api/v1/events");
    let level = r#"{"level": "debug"}"#;
    assert_eq!(ask(&bed.socket, "PUT /api/v1/log-level", "", level).unwrap().status, 200);
    assert_eq!(events.until("event", |_| true)["type"], "LogLevelSet");
}

#[test]
fn the_log_level_is_set_through_the_socket_alone_and_comes_back() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let put = |at: &At, body: &str| ask(at, "PUT /api/v1/log-level", "", body).unwrap();
    let refused = put(&bed.admin, r#"{"level": "debug"}"#);
    assert_eq!((refused.status, &refused.json()["reason"]), (403, &json!("Forbidden")));
    let wrong = put(&bed.socket, r#"{"level": "debugg"}"#);
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["message"].as_str().unwrap().contains("debug"), "{:?}", wrong.json());
    assert_eq!(put(&bed.socket, r#"{"levle": "debug"}"#).status, 400);
    let set = put(&bed.socket, r#"{"level": "debug", "forSeconds": 1}"#).json();
    assert_eq!((&set["level"], &set["configured"]), (&json!("debug"), &json!("info")));
    drop(client(bed.web));
    wait_for("the level that was configured", || get(&bed.admin, "/api/v1/log-level")["level"] == "info");
    bed.weir.signal("TERM");
    let log = bed.weir.log();
    assert!(log.contains("connection closed"), "debug was in force: {log}");
}

#[test]
fn settings_are_told_with_their_origin() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let config = get(&bed.admin, "/api/v1/config");
    let setting = |flag: &str| {
        let all = config["settings"].as_array().unwrap();
        all.iter().find(|setting| setting["flag"] == flag).unwrap().clone()
    };
    assert_eq!(
        (&setting("workers")["origin"], &setting("workers")["value"]),
        (&json!("variable"), &json!(["2"]))
    );
    assert_eq!(setting("admin-address")["origin"], "flag");
    assert_eq!(
        (&setting("log-level")["origin"], &setting("log-level")["live"]),
        (&json!("default"), &json!(true))
    );
}
