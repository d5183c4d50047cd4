//! Do flows and memory stay within their bounds with very many clients? The built binary, and a
//! twentieth of them unless at full size.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{HANG, Weir, free, get, manifest, metric, wait_for};
use socket2::SockRef;
use std::{
    cell::Cell,
    fs,
    io::{ErrorKind, Read},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    process::Command,
    time::Duration,
};
use tokio::{net::TcpSocket, runtime::Builder};
use weir_testkit::{Behaviour, OwnThread, TcpServer, UdpBehaviour, UdpServer, scaled};

/// What a process holds in memory, bytes (proc_pid_statm(5)).
fn resident(pid: &str) -> usize {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

const MIB: usize = 1 << 20;

#[test]
fn a_million_udp_clients_take_a_bounded_number_of_flows_and_no_more_memory_while_one_is_served() {
    const CLIENTS: usize = 1_000_000;
    const FLOWS: usize = 2_000;
    let server =
        OwnThread::start(|| UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo)).unwrap();
    let dns = free(Ipv4Addr::new(127, 0, 0, 9));
    let manifest = manifest(dns, &[server.address()]).replace("port:", "protocol: UDP, port:");
    let admin = free(Ipv4Addr::LOCALHOST);
    let flags = ["--admin-address", &admin.to_string(), "--max-udp-flows", &FLOWS.to_string()];
    let weir = Weir::ready(&manifest, &flags);
    let steady = UdpSocket::bind("127.0.0.77:0").unwrap();
    steady.connect(dns).unwrap();
    steady.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let ask = || {
        // Datagrams may be lost where they come faster than they are read.
        for _ in 0..10 {
            steady.send(b"steady").unwrap();
            match weir_testkit::uninterrupted(|| steady.recv(&mut [0; 8])) {
                Ok(_) => return,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        panic!("the steady client is not served");
    };
    ask();
    let (mut warm, mut most) = (0, 0.0f64);
    let clients = scaled(CLIENTS);
    for client in 0..clients {
        // One address for each 4,000 clients, and not one of those that anything else uses.
        let address = Ipv4Addr::from(0x7f64_0000 + client as u32 / 4_000);
        let port = 1_024 + (client % 4_000) as u16;
        UdpSocket::bind((address, port)).unwrap().send_to(b"x", dns).unwrap();
        if client % 200 == 0 {
            ask();
        }
        if client == clients / 5 {
            warm = resident(&weir.pid());
        }
        if client % 5_000 == 4_999 {
            most = most.max(metric(&get(admin, "/metrics").unwrap(), "weir_udp_flows{", ""));
        }
    }
    ask();
    let (metrics, grown) = (get(admin, "/metrics").unwrap(), resident(&weir.pid()).saturating_sub(warm));
    let evicted = metric(&metrics, "weir_udp_flows_closed_total", "evicted");
    println!(
        "at most {most} flows, {evicted} evicted; memory {} KiB, grown by {} KiB",
        warm / 1024,
        grown / 1024
    );
    // Flows that were told to end do so after the turn of their socket: four batches of 64 on each of two workers.
    assert!(most <= FLOWS as f64 + 512.0, "{most}");
    assert!(evicted > clients as f64 / 2.0, "{evicted}");
    assert!(grown < 32 * MIB, "{grown}");
}

/// How many descriptors this process may have open, once it has asked for as many as it may.
fn descriptors() -> usize {
    let pid = std::process::id().to_string();
    let limit = |column: usize| {
        let limits = fs::read_to_string("/proc/self/limits").unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap().to_owned();
        line.split_whitespace().nth(column).unwrap().to_owned()
    };
    let hard = limit(4);
    // Without the program the limit stays as it is.
    let _ = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={hard}:{hard}")]).status();
    limit(3).parse().unwrap_or(1 << 20)
}

/// A client that connects and never reads. Its socket has as little room as the kernel grants, and takes small segments:
/// a sender's room grows with their size, and the kernel would hold all of the answer.
async fn slow(service: SocketAddr, number: usize) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    SockRef::from(&socket).set_tcp_mss(536).unwrap();
    // So many ports has an address.
    let address = Ipv4Addr::from(0x7f65_0001 + (number / 20_000) as u32);
    socket.bind((address, 0).into()).unwrap();
    socket.connect(service).await.unwrap()
}

#[test]
fn very_many_clients_that_do_not_read_are_held_by_little_memory_while_others_are_served() {
    const CLIENTS: usize = 100_000;
    const MEMORY: usize = 8 * MIB;
    const ANSWER: u64 = 128 << 10;
    // Two descriptors for each, here and there, and a Service alone may use 16 of 17 places.
    let clients = scaled(CLIENTS).min(descriptors().saturating_sub(1024) * 9 / 20);
    let start = |bytes| {
        let behaviour = Behaviour::Source { bytes };
        OwnThread::start(|| TcpServer::start("127.0.0.2:0".parse().unwrap(), behaviour)).unwrap()
    };
    // So many ports has weir towards each endpoint.
    let endpoints: Vec<_> = (0..=clients / 20_000).map(|_| start(ANSWER)).collect();
    let large = start(16 * MIB as u64);
    let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address()).collect();
    let [web, fast] = [(); 2].map(|()| free(Ipv4Addr::new(127, 0, 0, 9)));
    let manifests = format!(
        "{}---\n{}",
        manifest(web, &addresses),
        manifest(fast, &[large.address()]).replace("web", "fast")
    );
    let admin = free(Ipv4Addr::LOCALHOST);
    let weir = Weir::ready(&manifests, &["--admin-address", &admin.to_string(), "--relay-memory", "8MiB"]);
    let before = resident(&weir.pid());

    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let held: Vec<_> = runtime.block_on(async {
        let mut held = Vec::new();
        for number in 0..clients {
            held.push(slow(web, number).await);
        }
        held
    });
    let most = Cell::new(0.0f64);
    let look = || {
        let metrics = get(admin, "/metrics").unwrap();
        let memory = metric(&metrics, "weir_relay_memory_bytes", "");
        assert!(memory <= MEMORY as f64, "{memory}");
        most.set(most.get().max(memory));
        metric(&metrics, "weir_connections_active", "\"web\"")
    };
    wait_for("all clients", || look() >= clients as f64);
    // The metric follows once a second.
    wait_for("the use of the memory", || look() > 0.0 && most.get() > MEMORY as f64 / 2.0);
    let mut client = TcpStream::connect(fast).unwrap();
    client.set_read_timeout(Some(HANG)).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.len(), 16 * MIB);
    look();
    let each = (resident(&weir.pid()).saturating_sub(before)) / clients;
    println!(
        "{} of {} KiB used; {each} bytes of memory for each of {clients} clients",
        most.get() / 1024.0,
        MEMORY / 1024
    );
    // Buffers of 64 KiB for all of them would be forty times as much.
    assert!(each < 16 * 1024, "{each}");
    drop(held);
    wait_for("the end of all", || look() == 0.0);
    wait_for("the end of their bytes", || {
        metric(&get(admin, "/metrics").unwrap(), "weir_relay_memory_bytes", "") == 0.0
    });
}
