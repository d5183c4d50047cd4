//! Do clients notice when half of the endpoints' processes are killed again and again?
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{connect, service, serving, within};
use std::{
    env,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use weir_core::Protocol;
use weir_testkit::Program;

const ADDRESS: &str = "WEIR_TEST_BACKEND_ADDRESS";

/// Times that half of the backends are killed.
const ROUNDS: usize = 60;

/// Greets and echoes until it is killed. Not a test: the tests below start it as a process of its own.
#[test]
#[ignore = "no test: the tests of this file run it as the process of each backend"]
fn backend_process() {
    let Ok(address) = env::var(ADDRESS) else { return };
    let listener = TcpListener::bind(address.parse::<SocketAddr>().unwrap()).unwrap();
    println!("listening");
    for client in listener.incoming() {
        let mut client = client.unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            client.write_all(b"!").ok()?;
            loop {
                let length = client.read(&mut buffer).ok().filter(|&length| length > 0)?;
                client.write_all(&buffer[..length]).ok()?;
            }
            #[allow(unreachable_code)]
            Some(())
        });
    }
}

struct Backend {
    address: SocketAddr,
    program: Program,
}

impl Backend {
    fn start(address: SocketAddr) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "backend_process", "--ignored", "--nocapture"]);
        let program = Program::piped("backend", command.env(ADDRESS, address.to_string())).unwrap();
        while !program.line().unwrap().expect("a backend that listens").contains("listening") {}
        Self { address, program }
    }

    fn kill(&mut self) {
        self.program.kill().unwrap();
    }
}

#[derive(Default)]
struct Counts {
    served: AtomicU64,
    /// Clients whose endpoint was killed between accepting and its first byte: the kernel then ends the connection in
    /// order, as an endpoint may do that has nothing to say.
    ended: AtomicU64,
    /// Clients that lost their endpoint after bytes were relayed, which nobody can hide.
    broken: AtomicU64,
}

/// Connects, hears the greeting, which must come, and exchanges a few bytes.
async fn visit(address: SocketAddr, counts: &Counts) {
    let mut client = connect(address).await.expect("a client could not connect");
    match within(client.read_u8()).await {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            counts.ended.fetch_add(1, Relaxed);
            return;
        }
        Err(error) => {
            panic!("a client saw a failure although another endpoint could have served it: {error}")
        }
    }
    let talk = async {
        for _ in 0..4 {
            client.write_all(b"ping").await?;
            client.read_exact(&mut [0; 4]).await?;
        }
        std::io::Result::Ok(())
    };
    match within(talk).await {
        Ok(()) => counts.served.fetch_add(1, Relaxed),
        Err(_) => counts.broken.fetch_add(1, Relaxed),
    };
}

#[tokio::test]
async fn half_of_the_backends_is_killed_again_and_again_and_no_new_client_notices() {
    let address = |last: u8| SocketAddr::from(([127, 0, 3, last], 0));
    let free = |address: SocketAddr| TcpListener::bind(address).unwrap().local_addr().unwrap();
    let mut backends: Vec<Backend> = (1..=6).map(|last| Backend::start(free(address(last)))).collect();
    let endpoints: Vec<SocketAddr> = backends.iter().map(|backend| backend.address).collect();
    let web = service("web", Protocol::Tcp, "127.0.0.9").with(&endpoints);
    let _proxy = serving(&[&web]).await;
    let (stop, counts) = (CancellationToken::new(), Arc::new(Counts::default()));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (stop, counts, address) = (stop.clone(), Arc::clone(&counts), web.address());
        clients.spawn(async move {
            while !stop.is_cancelled() {
                visit(address, &counts).await;
            }
        });
    }
    let rounds = weir_testkit::scaled(ROUNDS);
    for round in 0..rounds {
        let half = (round % 2) * 3..(round % 2) * 3 + 3;
        backends[half.clone()].iter_mut().for_each(Backend::kill);
        served_more(&counts, 50).await;
        for backend in &mut backends[half] {
            let address = backend.address;
            *backend = tokio::task::spawn_blocking(move || Backend::start(address)).await.unwrap();
        }
        // In full size a round takes a second; else as long as it takes to serve some clients.
        if rounds == ROUNDS {
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
        served_more(&counts, 50).await;
    }
    stop.cancel();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let (served, broken) = (counts.served.load(Relaxed), counts.broken.load(Relaxed));
    println!(
        "half of 6 backends killed {rounds} times: {served} clients served, {broken} lost their endpoint midway"
    );
}

/// Waits until `count` more clients were served.
async fn served_more(counts: &Counts, count: u64) {
    let goal = counts.served.load(Relaxed) + count;
    within(async {
        while counts.served.load(Relaxed) < goal {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
