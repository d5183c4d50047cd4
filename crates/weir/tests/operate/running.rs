//! Do the commands agree with a weir that runs, over its own socket?

use crate::{
    common::{HANG, WEIR, Weir, folder, free, manifest, wait_for},
    server::finished,
};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
};
use weir_testkit::{Behaviour, OwnThread, Program, TcpServer};

/// A weir that serves `default/web` with these endpoints.
struct Bed {
    weir: Weir,
    web: SocketAddr,
}

impl Bed {
    fn of(endpoints: &[SocketAddr]) -> Self {
        Self::at(free(Ipv4Addr::new(127, 0, 0, 9)), endpoints, &[])
    }

    fn at(web: SocketAddr, endpoints: &[SocketAddr], flags: &[&str]) -> Self {
        let weir = Weir::ready(&manifest(web, endpoints), flags);
        let bed = Self { weir, web };
        wait_for("the admin socket", || bed.run(&["status"]).2 == Some(0));
        bed
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(WEIR);
        command.args(arguments).arg("--socket").arg(self.weir.admin_socket());
        command
    }

    fn run(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        finished(&mut self.command(arguments))
    }

    fn shown(&self, arguments: &[&str]) -> String {
        let (stdout, stderr, code) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        stdout
    }

    /// A client that has had an answer.
    fn client(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.web).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
        stream
    }
}

fn echo() -> OwnThread<TcpServer> {
    OwnThread::start(|| TcpServer::start("127.0.0.2:0".parse().unwrap(), Behaviour::Echo)).unwrap()
}

#[test]
fn every_command_shows_what_a_running_weir_serves() {
    let server = echo();
    let bed = Bed::of(&[server.address()]);
    let client = bed.client();
    let (from, endpoint) = (client.local_addr().unwrap().to_string(), server.address().to_string());
    let shown = bed.shown(&["status"]);
    assert!(
        shown.starts_with("nothing is wrong\n") && shown.contains("\nServices     1, ports 1 ok\n"),
        "{shown}"
    );
    assert!(shown.contains("\nAPI server   none: "), "{shown}");
    assert!(bed.shown(&["services", "-n", "default"]).contains(&bed.web.to_string()));
    assert!(bed.shown(&["endpoints", "svc/web", "--endpoint", &endpoint]).contains("ready"));
    for format in ["table", "wide", "json", "yaml"] {
        for list in ["services", "endpoints", "conns", "events", "config", "status", "log-level"] {
            bed.shown(&[list, "-o", format]);
        }
        let filters = ["--client", "127.0.0.0/8", "--endpoint", &endpoint, "--older", "0s", "-o", format];
        let shown = bed.shown(&[&["conns", "default/web"][..], &filters].concat());
        assert!(shown.contains(&from) && shown.contains(&endpoint), "{shown}");
        for target in [format!("{}/TCP", bed.web), "svc/web".to_owned()] {
            assert!(bed.shown(&["explain", &target, "-o", format]).contains("ACCEPT"));
        }
    }
    let page = bed.shown(&["explain", "svc/web", "--from", "127.0.0.1"]);
    assert!(page.contains("100.0 %") && page.contains(&endpoint), "{page}");
    assert!(bed.shown(&["config", "--changed"]).contains("runtime-dir"));
    assert!(bed.shown(&["conns", "--udp"]).starts_with("CLIENT"));
    drop(client);
    wait_for("the end of the connection", || {
        bed.shown(&["conns", "--state", "closed", "--reason", "finished"]).contains(&from)
    });
}

#[test]
fn names_that_a_running_weir_does_not_know_are_wrong_usage_with_the_nearest() {
    let server = echo();
    let bed = Bed::of(&[server.address()]);
    for (arguments, said) in [
        (&["conns", "svc/wbe"][..], "did you mean \"web\"?"),
        (&["endpoints", "-n", "defualt"], "did you mean \"default\"?"),
        (&["endpoints", "--state", "ejectd"], "\"ejected\""),
        (&["services", "--sort", "nmae"], "\"name\""),
        (&["conns", "--state", "closed", "--reason", "finishd"], "\"finished\""),
        (&["events", "--type", "EndpointEjectd"], "\"EndpointEjected\""),
        (&["explain", "default/wbe"], "default/web"),
        (&["explain", "svc/web:htp"], "default/web:"),
    ] {
        let (stdout, stderr, code) = bed.run(arguments);
        assert_eq!((&*stdout, code), ("", Some(2)), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[test]
fn an_endpoint_stays_drained_when_weir_is_killed_and_started_again_until_that_is_undone() {
    let (drained, other, state) = (echo(), echo(), folder());
    let endpoints = [drained.address(), other.address()];
    let (drained, other) = (endpoints[0].to_string(), endpoints[1].to_string());
    let web = free(Ipv4Addr::new(127, 0, 0, 9));
    let start = || Bed::at(web, &endpoints, &["--state-dir", state.to_str().unwrap()]);
    // The file outlives the process, which has no chance to say more.
    let killed = |mut bed: Bed| {
        bed.weir.signal("KILL");
        bed.weir.wait();
        start()
    };
    let of_clients = |bed: &Bed, endpoint: &str| {
        let clients: Vec<_> = (0..8).map(|_| bed.client()).collect();
        let shown = bed.shown(&["conns", "--endpoint", endpoint, "-o", "json"]);
        let count =
            serde_json::from_str::<serde_json::Value>(&shown).unwrap()["items"].as_array().unwrap().len();
        drop(clients);
        count
    };
    let bed = start();
    bed.shown(&["drain", &drained]);
    let bed = killed(bed);
    let shown = bed.shown(&["endpoints", "--endpoint", &drained]);
    assert!(shown.contains("draining"), "{shown}");
    assert_eq!(of_clients(&bed, &other), 8);
    bed.shown(&["undrain", &drained]);
    let bed = killed(bed);
    assert_eq!(of_clients(&bed, &drained), 4);
}

#[test]
fn connections_are_followed_as_they_open_and_close() {
    let server = echo();
    let bed = Bed::of(&[server.address()]);
    let mut following = Program::piped("weir", &mut bed.command(&["conns", "svc/web", "-w"])).unwrap();
    let line = || following.line().unwrap().expect("a line");
    assert!(line().starts_with("CLIENT"));
    let client = bed.client();
    let from = client.local_addr().unwrap().to_string();
    let opened = line();
    assert!(opened.contains(&from) && opened.contains(" open "), "{opened}");
    drop(client);
    let closed = line();
    assert!(closed.contains(&from) && closed.contains("finished"), "{closed}");
    bed.weir.signal("KILL");
    assert_eq!(following.wait().unwrap().code(), Some(1), "weir is gone");
}

#[test]
fn what_is_wrong_is_told_while_it_is_and_followed_as_events() {
    let dead = free(Ipv4Addr::new(127, 0, 0, 3));
    let server = echo();
    let bed = Bed::of(&[server.address(), dead]);
    let following = Program::piped("weir", &mut bed.command(&["events", "-w"])).unwrap();
    wait_for("the ejection", || {
        bed.client();
        bed.shown(&["status"]).starts_with("STATE")
    });
    let shown = bed.shown(&["status"]);
    assert!(shown.contains(&format!("degraded   default/web:{}/TCP", bed.web.port())), "{shown}");
    let ejected = bed.shown(&["endpoints", "--state", "ejected"]);
    assert!(ejected.contains(&dead.to_string()) && ejected.contains("refused"), "{ejected}");
    let page = bed.shown(&["explain", "svc/web"]);
    assert!(page.contains("no: ejected until 20"), "{page}");
    while !following.line().unwrap().expect("a line").contains("EndpointEjected") {}
}

#[test]
fn the_log_filter_is_set_and_comes_back() {
    let server = echo();
    let bed = Bed::of(&[server.address()]);
    assert_eq!(bed.shown(&["log-level"]), "info\n");
    let set = bed.shown(&["log-level", "warn,weir_proxy=debug", "--for", "1h"]);
    assert!(set.starts_with("warn,weir_proxy=debug until 20") && set.ends_with(", then info\n"), "{set}");
    assert_eq!(bed.shown(&["log-level"]), set);
    assert_eq!(bed.shown(&["log-level", "info"]), "info\n");
}
