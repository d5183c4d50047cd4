//! Do the examples do what they say?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod example;

use example::{Example, refusal};
use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::{Path, PathBuf},
};
use weir_control::{Scope, load_manifests};
use weir_testkit::{Behaviour, HANG, OwnThread, TcpServer, refused_address};

fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests")
}

fn greeter(name: &'static str) -> OwnThread<TcpServer> {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    OwnThread::start(move || TcpServer::start(any_port, Behaviour::Greet(name.into()))).unwrap()
}

/// Sends a text and reads all that comes back.
fn exchange(address: SocketAddr, text: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(HANG)).unwrap();
    client.write_all(text.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_static_balancer_takes_its_endpoints_in_turn_until_it_is_interrupted() {
    let servers = [greeter("one "), greeter("two ")];
    let listen = refused_address().unwrap();
    let addresses = [listen, servers[0].address(), servers[1].address()].map(|address| address.to_string());
    let mut balancer = Example::start("static_balancer", &addresses);
    assert_eq!(balancer.line(), format!("{listen}: listening"));

    let mut answers = [(); 4].map(|()| exchange(listen, "hello"));
    answers.sort();
    assert_eq!(answers, ["one hello", "one hello", "two hello", "two hello"]);

    balancer.interrupt();
    assert!(balancer.succeeds());
}

#[test]
fn the_static_balancer_says_how_it_is_used() {
    assert_eq!(refusal("static_balancer", &[]), "Error: usage: static_balancer LISTEN ENDPOINT...\n");
    let refused = refusal("static_balancer", &["localhost".into()]);
    assert!(refused.starts_with("Error: \"localhost\" is not ADDRESS:PORT"), "{refused}");
}

#[test]
fn the_static_balancer_ends_when_its_port_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let holder = std::net::TcpListener::bind(&taken).unwrap();
    let refused = refusal("static_balancer", &[taken.clone(), "127.0.0.1:9".into()]);
    assert!(refused.starts_with(&format!("Error: cannot listen on {taken}: ")), "{refused}");
    drop(holder);
}

#[test]
fn the_watcher_prints_what_comes_changes_and_goes() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("watch-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let manifest = folder.join("web.yaml");
    let web = fs::read_to_string(manifests().join("web.yaml")).unwrap();
    fs::write(&manifest, &web).unwrap();

    let mut watch = Example::start("watch", &[folder.display().to_string()]);
    assert_eq!(watch.line(), "+ default/web:http/TCP at 10.96.0.80:80: 3 endpoints");
    assert_eq!(watch.line(), "+ default/web:metrics/TCP at 10.96.0.80:9090: 3 endpoints");

    fs::write(&manifest, web.replacen("ready: true", "ready: false", 1)).unwrap();
    assert_eq!(watch.line(), "~ default/web:http/TCP at 10.96.0.80:80: 2 endpoints");
    assert_eq!(watch.line(), "~ default/web:metrics/TCP at 10.96.0.80:9090: 2 endpoints");

    fs::remove_file(&manifest).unwrap();
    assert_eq!(watch.line(), "- default/web:http/TCP at 10.96.0.80:80: 2 endpoints");
    assert_eq!(watch.line(), "- default/web:metrics/TCP at 10.96.0.80:9090: 2 endpoints");
    fs::remove_dir(&folder).unwrap();
}

#[test]
fn the_manifests_load_without_a_problem() {
    let loaded = load_manifests(&[manifests()], &Scope::default()).unwrap();
    assert_eq!((loaded.report.problems, loaded.report.skipped.len()), (vec![], 0));
    let mut served: Vec<String> = loaded
        .snapshot
        .services()
        .flat_map(|service| &service.ports)
        .map(|port| format!("{} {} {}", port.key, port.family, port.reachable().len()))
        .collect();
    served.sort();
    let expected = [
        "default/api:https/TCP IPv4 2",
        "default/api:https/TCP IPv6 1",
        "default/checked:http/TCP IPv4 2",
        "default/web:http/TCP IPv4 3",
        "default/web:metrics/TCP IPv4 3",
        "kube-system/kube-dns:dns-tcp/TCP IPv4 2",
        "kube-system/kube-dns:dns/UDP IPv4 2",
    ];
    assert_eq!(served, expected);
}
