//! What does a running weir log of connections and flows that have ended, and what if nobody can take it?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{HANG, WEIR, Weir, folder, free, get, greeter, greeting, manifest, metric, wait_for};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
};
use weir_testkit::{OwnThread, Program, UdpBehaviour, UdpServer};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(folder())
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn web() -> SocketAddr {
    free(Ipv4Addr::new(127, 0, 0, 9))
}

/// The lines of a file once there are so many.
fn lines(path: &str, count: usize) -> Vec<String> {
    let read = || fs::read_to_string(path).unwrap_or_default();
    wait_for(&format!("{count} lines"), || read().lines().count() >= count);
    read().lines().map(ToOwned::to_owned).collect()
}

/// The code blocks of the page in a language.
fn examples(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/connection-log.md");
    let page = fs::read_to_string(page).unwrap();
    let begin = format!("```{language}\n");
    let blocks = page.split(&begin).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Keys of a value and of all in it, with what kind of value each has; numbers of any kind are alike.
fn shape(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| shape(value, &format!("{at}.{key}"), into))
        }
        Value::Null => drop(into.insert(format!("{at}: null"))),
        Value::Number(_) => drop(into.insert(format!("{at}: number"))),
        _ => drop(into.insert(format!("{at}: text"))),
    }
}

fn shape_of(line: &str) -> BTreeSet<String> {
    let mut shapes = BTreeSet::new();
    shape(&serde_json::from_str(line).unwrap(), "", &mut shapes);
    shapes
}

/// Keys of a line of text, in order.
fn keys(line: &str) -> Vec<&str> {
    line.split(' ').skip(1).map(|field| field.split('=').next().unwrap()).collect()
}

/// One connection and one flow, whose lines are returned.
fn session_lines(format: &str) -> [String; 2] {
    let folder = Folder::new();
    let log = folder.path("log");
    let a = greeter("a");
    let udp =
        OwnThread::start(|| UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo)).unwrap();
    let (web, dns) = (web(), free(Ipv4Addr::new(127, 0, 0, 9)));
    let with_node = |text: String| text.replace("endpoints: [{", "endpoints: [{nodeName: node-b, ");
    let web_manifest = with_node(manifest(web, &[a.address()]));
    let dns_manifest = with_node(manifest(dns, &[udp.address()]))
        .replace("web", "dns")
        .replace("port:", "protocol: UDP, port:");
    let weir = Weir::ready(
        &format!("{web_manifest}---\n{dns_manifest}"),
        &["--connection-log", &log, "--connection-log-format", format],
    );
    assert_eq!(greeting(web).unwrap(), "a");
    let connection = lines(&log, 1).remove(0);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(HANG)).unwrap();
    client.send_to(b"hello", dns).unwrap();
    weir_testkit::uninterrupted(|| client.recv(&mut [0; 8])).unwrap();
    weir.write(&web_manifest);
    [connection, lines(&log, 2).remove(1)]
}

#[test]
fn lines_of_json_look_as_the_page_says() {
    let [connection, flow] = session_lines("json");
    let examples = examples("json");
    assert_eq!(examples.len(), 2, "a connection and a flow");
    for (line, example) in [&connection, &flow].into_iter().zip(&examples) {
        assert_eq!(shape_of(line), shape_of(example), "{line}");
    }
    let connection: Value = serde_json::from_str(&connection).unwrap();
    assert_eq!((&connection["reason"], &connection["bytesToClient"]), (&"finished".into(), &1.into()));
    assert_eq!((&connection["node"], &connection["attempts"]), (&"node-b".into(), &1.into()));
    let flow: Value = serde_json::from_str(&flow).unwrap();
    assert_eq!((&flow["reason"], &flow["datagramsToClient"]), (&"frontend_removed".into(), &1.into()));
    assert_eq!((&flow["protocol"], &flow["bytesToEndpoint"]), (&"UDP".into(), &5.into()));
}

#[test]
fn lines_of_text_look_as_the_page_says() {
    let lines = session_lines("text");
    let examples: Vec<String> = examples("text").concat().lines().map(ToOwned::to_owned).collect();
    assert_eq!(examples.len(), 2, "a connection and a flow");
    for (line, example) in lines.iter().zip(&examples) {
        assert_eq!(keys(line), keys(example), "{line}");
    }
    assert!(
        lines[0].contains(" service=default/web:") && lines[0].contains(" reason=finished "),
        "{lines:?}"
    );
}

#[test]
fn lines_go_to_standard_output_if_that_is_asked_for() {
    let a = greeter("a");
    let web = web();
    let weir = Weir::ready(&manifest(web, &[a.address()]), &["--connection-log", "stdout"]);
    assert_eq!(greeting(web).unwrap(), "a");
    let line = weir.line();
    assert!(line.contains(" reason=finished ") && line.contains(" client_rtt="), "{line}");
}

#[test]
fn sighup_opens_the_file_again_and_the_last_lines_are_written_at_the_end() {
    let folder = Folder::new();
    let (log, old) = (folder.path("log"), folder.path("log.1"));
    let a = greeter("a");
    let web = web();
    let mut weir = Weir::ready(&manifest(web, &[a.address()]), &["--connection-log", &log]);
    greeting(web).unwrap();
    lines(&log, 1);
    // As logrotate does with `create`: another file is there at once.
    fs::rename(&log, &old).unwrap();
    fs::write(&log, "").unwrap();
    weir.signal("HUP");
    wait_for("the answer", || weir.log().contains("SIGHUP: read again"));
    greeting(web).unwrap();
    assert_eq!((lines(&log, 1).len(), lines(&old, 1).len()), (1, 1));
    let mut open = TcpStream::connect(web).unwrap();
    open.read_exact(&mut [0]).unwrap();
    weir.signal("TERM");
    weir.signal("INT");
    wait_for("the drain", || weir.probe("/readyz") != Some(200));
    drop(open);
    assert_eq!(weir.wait().code(), Some(0));
    assert_eq!(lines(&log, 2).len(), 2);
}

#[test]
fn a_file_in_a_missing_folder_ends_the_start_and_says_what_to_do() {
    let folder = Folder::new();
    let path = folder.path("missing/log");
    let output = common::run(
        &[
            "run",
            "--manifests",
            folder.0.to_str().unwrap(),
            "--admin-address=",
            "--health-address=",
            "--connection-log",
            &path,
        ],
        "",
    );
    let (_, said) = common::texts(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("mkdir -p") && said.contains(&path), "{said}");
    for (flag, value, advice) in [
        ("--connection-log", "stduot", "did you mean \"stdout\"?"),
        ("--connection-log-sample", "2", "0.01 or 1%"),
        ("--connection-log-rate", "0", "1000/s"),
    ] {
        let output = common::run(&["run", flag, value], "");
        let (_, said) = common::texts(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(advice), "{said}");
    }
}

#[test]
fn a_full_disk_is_reported_once_and_clients_are_served() {
    let folder = Folder::new();
    let log = folder.path("log");
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    let a = greeter("a");
    let (web, admin) = (web(), free(Ipv4Addr::LOCALHOST));
    let flags = ["--connection-log", &log, "--admin-address", &admin.to_string()];
    let weir = Weir::ready(&manifest(web, &[a.address()]), &flags);
    let scrape = || get(admin, "/metrics").unwrap_or_default();
    let lost = || metric(&scrape(), "weir_connection_log_lost_total", "failed");
    for count in 1..=3 {
        greeting(web).unwrap();
        wait_for("the loss", || lost() >= f64::from(count));
    }
    assert_eq!(weir.log().matches("cannot write lines of the connection log").count(), 1, "{}", weir.log());
    fs::remove_file(&log).unwrap();
    greeting(web).unwrap();
    assert_eq!(lines(&log, 1).len(), 1);
    wait_for("the good news", || weir.log().contains("are written again"));
    assert_eq!(metric(&scrape(), "weir_connection_log_lines_total", ""), 1.0);
}

#[test]
fn what_is_beyond_the_rate_is_counted_and_said() {
    let folder = Folder::new();
    let log = folder.path("log");
    let a = greeter("a");
    let (web, admin) = (web(), free(Ipv4Addr::LOCALHOST));
    let admin_address = admin.to_string();
    let flags = ["--connection-log", &log, "--connection-log-rate", "1/s", "--admin-address", &admin_address];
    let weir = Weir::ready(&manifest(web, &[a.address()]), &flags);
    let counted = || {
        let text = get(admin, "/metrics").unwrap_or_default();
        let lost = metric(&text, "weir_connection_log_lost_total", "rate");
        (lost, lost + metric(&text, "weir_connection_log_lines_total", ""))
    };
    (0..10).for_each(|_| drop(greeting(web).unwrap()));
    wait_for("all to be counted", || counted().1 == 10.0);
    assert!(counted().0 >= 1.0);
    wait_for("the line", || weir.log().contains("beyond --connection-log-rate"));
}

#[test]
fn a_fifo_that_nobody_reads_keeps_neither_the_start_nor_the_end() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let a = greeter("a");
    let web = web();
    let mut weir = Weir::ready(&manifest(web, &[a.address()]), &["--connection-log", &fifo]);
    wait_for("the warning", || weir.log().contains("nobody reads the FIFO"));
    greeting(web).unwrap();
    weir.signal("TERM");
    assert_eq!(weir.wait().code(), Some(0));
}

#[test]
fn a_reader_that_stops_reading_keeps_neither_clients_nor_the_end() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // It opens the FIFO for reading, too, so that it is there before weir is, and never reads.
    let _reader = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let a = greeter("a");
    let web = web();
    let manifests = Folder::new();
    fs::write(manifests.0.join("web.yaml"), manifest(web, &[a.address()])).unwrap();
    let health = free(Ipv4Addr::LOCALHOST).to_string();
    let mut command = Command::new(WEIR);
    command.args(["run", "--admin-address=", "--health-address", &health, "--connection-log", &fifo]);
    command.args(["--connection-log-rate", "1000000/s", "--manifests"]).arg(&manifests.0);
    let mut weir = Program::start("weir", &mut command).unwrap();
    wait_for("the start", || greeting(web).is_ok());
    // More lines than a FIFO holds, of 200 bytes or more each.
    (0..500).for_each(|_| drop(greeting(web).unwrap()));
    weir.signal("TERM").unwrap();
    assert_eq!(weir.wait().unwrap().code(), Some(0));
    assert!(weir.log().unwrap().contains("ending without the last lines of the connection log"));
}
