//! Are endpoints checked as often as is wanted, by one prober each, and found down and up?

use super::*;
use crate::telemetry::port_series::CheckResult;
use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};
use tokio::{net::TcpListener, time::timeout};
use weir_core::{Health, Load, PortSpec, Service, ServiceKey, Settings, resolve_static};

/// Longest wait for a step, which only keeps a broken test from hanging.
const HANG: Duration = Duration::from_secs(20);

fn check(interval: Duration, rise: u32, fall: u32) -> ActiveCheck {
    let [rise, fall] = [rise, fall].map(|count| NonZeroU32::new(count).unwrap());
    ActiveCheck { interval, rise, fall }
}

fn port(name: &str, check: Option<ActiveCheck>, endpoints: &[SocketAddr]) -> Arc<ServicePort> {
    let spec = PortSpec { name: "".into(), protocol: Protocol::Tcp, port: NonZeroU16::MIN, node_port: None };
    let service = Service::new(ServiceKey::new("default", name), [10, 96, 0, 10].into(), vec![spec]);
    let settings = Arc::new(Settings { health_check: check, ..Settings::default() });
    Arc::clone(&resolve_static(&Service { settings, ..service }, endpoints).ports[0])
}

async fn listening(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Waits until the prober has changed something.
async fn until(mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, waiting).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_refuses_is_down_until_it_accepts_again() {
    let (listener, address) = listening("127.0.0.2:0").await;
    let load = Arc::new(Load::default());
    let mut prober = Prober::new(address, Arc::clone(&load), Shared::new(Egress::default(), &Arc::default()));
    let check = check(Duration::from_secs(5), 2, 3);
    let terms = CheckTerms { check, service: port("web", None, &[]).key.clone(), number: NonZeroU16::MIN };
    let mut healths = Vec::new();
    for _ in 0..2 {
        prober.check(&terms).await;
    }
    healths.push(prober.health());
    drop(listener);
    for _ in 0..3 {
        assert!(!load.is_down());
        prober.check(&terms).await;
    }
    assert!(load.is_down());
    healths.push(prober.health());
    let _listener = listening(&address.to_string()).await;
    prober.check(&terms).await;
    assert!(load.is_down());
    prober.check(&terms).await;
    healths.push(prober.health());
    assert_eq!((healths, load.is_down()), (vec![Health::Up, Health::Down, Health::Up], false));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_down() {
    let hole = weir_testkit::BlackHole::start("127.0.0.2:0".parse().unwrap()).unwrap();
    let load = Arc::new(Load::default());
    let mut prober =
        Prober::new(hole.address(), Arc::clone(&load), Shared::new(Egress::default(), &Arc::default()));
    let check = check(Duration::from_millis(20), 1, 1);
    prober
        .check(&CheckTerms { check, service: port("web", None, &[]).key.clone(), number: NonZeroU16::MIN })
        .await;
    assert!(load.is_down());
}

#[tokio::test]
async fn a_check_leaves_a_reset_and_nothing_behind() {
    let (listener, address) = listening("127.0.0.2:0").await;
    prober::connect(address, Egress::default()).await.unwrap();
    let (mut accepted, _) = listener.accept().await.unwrap();
    let read = timeout(HANG, tokio::io::AsyncReadExt::read_u8(&mut accepted)).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_check_that_reaches_itself_is_refused_and_leaves_the_port_free() {
    let endpoint = weir_testkit::refused_address().unwrap();
    let egress = Egress { source: Some(endpoint), ..Egress::default() };
    let refused = prober::connect(endpoint, egress).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    // Without SO_REUSEADDR, so that TIME_WAIT would be in the way.
    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
        .unwrap()
        .bind(&endpoint.into())
        .unwrap();
}

#[tokio::test]
async fn a_check_waits_while_too_many_others_are_made() {
    let (_listener, address) = listening("127.0.0.2:0").await;
    let shared = Shared::new(Egress::default(), &Arc::default());
    let all = u32::try_from(shared.permits.available_permits()).unwrap();
    assert!((4..=64).contains(&all));
    let others = shared.permits.acquire_many(all).await.unwrap();
    let mut prober = Prober::new(address, Arc::default(), Arc::clone(&shared));
    let check = check(Duration::from_secs(5), 1, 1);
    let terms = CheckTerms { check, service: port("web", None, &[]).key.clone(), number: NonZeroU16::MIN };
    let mut checking = Box::pin(prober.check(&terms));
    for _ in 0..10 {
        tokio::select! {
            biased;
            () = &mut checking => panic!("it did not wait"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(others);
    timeout(HANG, checking).await.unwrap();
    assert_eq!(prober.health(), Health::Up);
}

#[tokio::test]
async fn this_proxy_itself_is_not_checked() {
    let (listener, address) = listening("127.0.0.2:0").await;
    let load = Arc::new(Load::default());
    load.set_forbidden(true);
    let mut prober = Prober::new(address, load, Shared::new(Egress::default(), &Arc::default()));
    drop(listener);
    let check = check(Duration::from_secs(5), 1, 1);
    prober
        .check(&CheckTerms { check, service: port("web", None, &[]).key.clone(), number: NonZeroU16::MIN })
        .await;
    assert_eq!(prober.health(), Health::Unknown);
}

#[tokio::test]
async fn services_that_share_an_endpoint_share_its_prober_and_the_strictest_settings() {
    let (shared, own) = (SocketAddr::from(([10, 0, 0, 1], 80)), SocketAddr::from(([10, 0, 0, 2], 80)));
    let (mut checks, mut endpoints) =
        (HealthChecks::new(Egress::default(), &Arc::default()), Endpoints::default());
    let [slow, fast] = [(60, 9, 5), (30, 2, 7)]
        .map(|(interval, rise, fall)| check(Duration::from_secs(interval), rise, fall));
    let (a, b) = (port("a", Some(slow), &[shared, own]), port("b", Some(fast), &[shared]));
    checks.update(&a, &mut endpoints);
    checks.update(&b, &mut endpoints);
    checks.update(&b, &mut endpoints);
    assert_eq!((checks.probed.len(), checks.probed[&shared].claims.len()), (2, 2));
    let terms = |checks: &HealthChecks, address| checks.probed[&address].terms.borrow().clone();
    assert_eq!(terms(&checks, shared).check, check(Duration::from_secs(30), 9, 5));
    assert_eq!(terms(&checks, own).check, slow);

    checks.remove(&(a.key.clone(), a.family));
    assert_eq!(terms(&checks, shared), CheckTerms { check: fast, service: b.key.clone(), number: b.port });
    assert_eq!(checks.probed.len(), 1);
    checks.update(&port("b", None, &[shared]), &mut endpoints);
    assert!(checks.probed.is_empty() && checks.wanted.is_empty());
}

#[tokio::test]
async fn an_endpoint_that_leaves_is_no_longer_checked_and_no_longer_down() {
    let often = Some(check(Duration::from_millis(1), 1, 1));
    let (gone, (listener, stays)) =
        (weir_testkit::refused_address().unwrap(), listening("127.0.0.2:0").await);
    let (mut checks, mut endpoints) =
        (HealthChecks::new(Egress::default(), &Arc::default()), Endpoints::default());
    checks.update(&port("web", often, &[gone, stays]), &mut endpoints);
    let load = endpoints.load(Protocol::Tcp, gone);
    until(|| load.is_down()).await;
    for _ in 0..3 {
        timeout(HANG, listener.accept()).await.unwrap().unwrap();
    }
    checks.update(&port("web", often, &[stays]), &mut endpoints);
    until(|| !load.is_down()).await;
    assert_eq!(Arc::strong_count(&load), 1, "nothing checks it");
    assert_eq!(checks.probed.keys().collect::<Vec<_>>(), [&stays]);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_interval_does_not_wait_for_the_end_of_the_longer_one() {
    let endpoint = weir_testkit::refused_address().unwrap();
    let load = Arc::new(Load::default());
    // Whether a check was made shows in this: a forbidden endpoint is never found down.
    load.set_forbidden(true);
    let prober = Prober::new(endpoint, Arc::clone(&load), Shared::new(Egress::default(), &Arc::default()));
    let service = port("web", None, &[]).key.clone();
    let long = CheckTerms { check: check(Duration::from_secs(3600), 1, 1), service, number: NonZeroU16::MIN };
    let (terms, agreed) = watch::channel(long.clone());
    let _task = AbortOnDropHandle::new(tokio::spawn(prober.run(agreed)));
    tokio::time::sleep(Duration::from_secs(3601)).await;
    load.set_forbidden(false);
    let start = tokio::time::Instant::now();
    terms.send_replace(CheckTerms { check: check(Duration::from_secs(2), 1, 1), ..long });
    while !load.is_down() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn checks_are_counted_for_the_service_port_that_is_told_of_them() {
    let directory = Arc::default();
    let load = Arc::new(Load::default());
    let endpoint = weir_testkit::refused_address().unwrap();
    let mut prober = Prober::new(endpoint, load, Shared::new(Egress::default(), &directory));
    let terms = |name| CheckTerms {
        check: check(Duration::from_secs(5), 2, 3),
        service: port(name, None, &[]).key.clone(),
        number: NonZeroU16::MIN,
    };
    for name in ["a", "b", "b"] {
        prober.check(&terms(name)).await;
    }
    let refused = CheckResult::Failed(weir_core::ConnectFailure::Refused);
    let listed = directory.list(std::time::Instant::now());
    let counts: Vec<_> =
        listed.iter().map(|series| (&*series.key().service.name, series.checks(refused))).collect();
    assert_eq!(counts, [("a", 1), ("b", 2)]);
    let later = std::time::Instant::now() + Duration::from_secs(10);
    assert_eq!(directory.list(later).len(), 1, "only b is told of checks any longer");
}
