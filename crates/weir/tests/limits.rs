//! Does the program stay at work while it is flooded? The built binary, over real sockets.
#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod common;

use common::{HANG, Weir, free, get, greeter, greeting, manifest, metric, wait_for};
use std::{
    collections::VecDeque,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Clients that connect as fast as they can, and hold the newest connections open.
struct Flood {
    stop: Arc<AtomicBool>,
    connects: Arc<AtomicU64>,
    /// Comes after each [`ROUND`] of connects.
    rounds: Receiver<()>,
    threads: Vec<JoinHandle<()>>,
}

/// Connects between two looks at weir.
const ROUND: u64 = 100;

impl Flood {
    fn start(address: SocketAddr) -> Self {
        const HELD: usize = 300;
        let (stop, connects) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (round, rounds) = channel();
        let client = |_| {
            let (stop, connects, round) = (Arc::clone(&stop), Arc::clone(&connects), round.clone());
            std::thread::spawn(move || {
                let mut held = VecDeque::new();
                while !stop.load(Relaxed) {
                    // One that hangs waits for room in the queue.
                    if let Ok(client) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
                        if connects.fetch_add(1, Relaxed) % ROUND == 0 {
                            let _ = round.send(());
                        }
                        held.push_back(client);
                    }
                    if held.len() > HELD {
                        held.pop_front();
                    }
                }
            })
        };
        let threads = (0..2).map(client).collect();
        Self { stop, connects, rounds, threads }
    }

    /// Waits for one more round.
    fn round(&self) {
        self.rounds.recv_timeout(HANG).unwrap();
    }

    fn connects(&self) -> u64 {
        self.connects.load(Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

/// Processor time that a process has used (proc_pid_stat(5)); a tick is a hundredth of a second.
fn processor_time(pid: &str) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

#[test]
fn with_64_descriptors_and_a_flood_probes_metrics_and_other_services_answer() {
    let (a, b) = (greeter("a"), greeter("b"));
    let [hog, small] = [(); 2].map(|()| free(Ipv4Addr::new(127, 0, 0, 9)));
    let manifests = format!(
        "{}---\n{}",
        manifest(hog, &[a.address()]),
        manifest(small, &[b.address()]).replace("web", "small")
    );
    let admin = free(Ipv4Addr::LOCALHOST);
    let flags = ["--admin-address", &admin.to_string()];
    let weir = Weir::start("ulimit -n 64; exec \"$@\"", &manifests, &flags);
    weir.wait_until_ready();
    assert_eq!(greeting(hog).unwrap(), "a");

    let flood = Flood::start(hog);
    let metrics = || get(admin, "/metrics").unwrap_or_default();
    wait_for("refusals", || metric(&metrics(), "weir_rejected_total", "over_capacity") > 0.0);
    let (start, used, connects) = (Instant::now(), processor_time(&weir.pid()), flood.connects());
    for _ in 0..30 {
        flood.round();
        assert_eq!(weir.probe("/healthz"), Some(200));
        let now = metrics();
        assert!(metric(&now, "weir_descriptors_used", "") <= metric(&now, "weir_descriptors_limit", ""));
        assert_eq!(greeting(small).unwrap(), "b");
        // The last place is for a Service that has none.
        wait_for("its end", || metric(&metrics(), "weir_connections_active", "service=\"small\"") == 0.0);
    }
    let (elapsed, used) = (start.elapsed(), processor_time(&weir.pid()) - used);
    let share = used.as_secs_f64() / elapsed.as_secs_f64();
    let rate = (flood.connects() - connects) as f64 / elapsed.as_secs_f64();
    println!("{rate:.0} connects a second: {:.1} % of a core", 100.0 * share);
    // Ten times what is aimed at, with a debug build on a busy machine; the probes are part of it.
    assert!(share < 0.5, "{share}");
    let lines = weir.log().lines().count();
    let most = 20 + 10 * elapsed.as_secs() as usize;
    assert!(lines < most, "{lines} lines in the log:\n{}", weir.log());

    drop(flood);
    let ended = Instant::now();
    wait_for("recovery", || greeting(hog).is_ok_and(|name| name == "a"));
    println!("served again {:?} after the flood", ended.elapsed());
    let metrics = metrics();
    assert!(metric(&metrics, "weir_rejected_total", "service=\"web\"") > 0.0);
    assert_eq!(metric(&metrics, "weir_rejected_total", "service=\"small\""), 0.0);
}

#[test]
fn limits_of_all_services_are_set_by_flags_and_seen_in_metrics() {
    let a = greeter("a");
    let service = free(Ipv4Addr::new(127, 0, 0, 9));
    let admin = free(Ipv4Addr::LOCALHOST);
    let admin_flag = admin.to_string();
    let limits = ["--max-connections", "50", "--max-connections-per-service", "2", "--accept-rate", "1"];
    let flags = [&["--admin-address", &admin_flag][..], &limits].concat();
    let weir = Weir::ready(&manifest(service, &[a.address()]), &flags);
    let metrics = || get(admin, "/metrics").unwrap_or_default();
    let mut held: Vec<TcpStream> = Vec::new();
    wait_for("a refusal for the limit of the Service", || {
        held.extend(TcpStream::connect(service));
        metric(&metrics(), "weir_rejected_total", "service_limit") > 0.0
    });
    // The second one's turn is a second after the first one's.
    wait_for("both connections", || metric(&metrics(), "weir_connections_active", "") == 2.0);
    assert!(metric(&metrics(), "weir_accepts_delayed_total", "") >= 1.0);
    assert_eq!(metric(&metrics(), "weir_connections_limit", ""), 50.0);
    assert!(weir.log().contains("--max-connections-per-service"), "{}", weir.log());
}
