//! Is the right newcomer refused, and does every permit come back?

use super::*;
use std::iter::from_fn;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

/// Workers of a large host.
const WORKERS: usize = 64;

fn admit(
    admission: &Arc<Admission>,
    service: &Arc<ServiceUsage>,
    limits: &Limits,
    client: IpAddr,
) -> Result<ConnectionPermit, Closed> {
    let mut permit = admission.admit(service, limits)?;
    permit.count_client(limits, client).map(|()| permit)
}

fn fill(
    admission: &Arc<Admission>,
    service: &Arc<ServiceUsage>,
    limits: &Limits,
) -> (Vec<ConnectionPermit>, Closed) {
    let mut reason = Closed::Finished;
    let admit = || admit(admission, service, limits, CLIENT).map_err(|refused| reason = refused).ok();
    (from_fn(admit).collect(), reason)
}

fn count(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number)
}

#[test]
fn the_service_with_most_connections_is_refused_first_whichever_limit_is_near() {
    let none = Limits::default();
    // By the limit of connections, and by that of descriptors.
    for (max_connections, descriptors) in [(170, 10_000), (10_000, 340)] {
        let admission = Admission::new(max_connections, DescriptorBudget::new(descriptors));
        let [hog, small] = [(); 2].map(|()| Arc::<ServiceUsage>::default());
        let (held, reason) = fill(&admission, &hog, &none);
        assert_eq!((held.len(), reason), (160, Closed::OverCapacity));
        let beside: Vec<_> = (0..9).map(|_| admit(&admission, &small, &none, OTHER).unwrap()).collect();
        assert_eq!(admit(&admission, &hog, &none, CLIENT).unwrap_err(), Closed::OverCapacity);
        assert_eq!((hog.live(), small.live()), (160, 9));
        assert_eq!((hog.most(), small.most()), (160, 9), "who was refused had none");
        drop((held, beside));
        assert_eq!((hog.live(), small.live(), admission.descriptors.used()), (0, 0, 0));
        assert_eq!((hog.most(), small.most()), (160, 9), "the most stays");
        assert_eq!(admission.descriptors.connections(), 0);
    }
}

#[test]
fn a_service_and_a_client_hold_no_more_than_their_limits() {
    let admission = Admission::new(100, DescriptorBudget::new(1_000));
    let service = Arc::<ServiceUsage>::default();
    let limits = Limits { connections: count(5), connections_per_client: count(3), ..Limits::default() };
    let (mut held, reason) = fill(&admission, &service, &limits);
    assert_eq!((held.len(), reason), (3, Closed::ClientLimit));
    let others: Vec<_> = (0..2).map(|_| admit(&admission, &service, &limits, OTHER).unwrap()).collect();
    assert_eq!(admit(&admission, &service, &limits, OTHER).unwrap_err(), Closed::ServiceLimit);
    held.pop();
    assert!(admit(&admission, &service, &limits, CLIENT).is_ok());
    drop((held, others));
    assert_eq!((service.live(), service.clients.of(CLIENT), service.clients.of(OTHER)), (0, 0, 0));
}

#[test]
fn refusals_beyond_a_burst_come_at_their_rate_with_pauses_in_between() {
    let admission = Admission::new(1, DescriptorBudget::new(2));
    let start = Instant::now();
    let (mut now, mut refused, mut pauses) = (start, 0, 0);
    while now < start + Duration::from_secs(10) {
        refused += 1;
        if let Some(pause) = admission.refused(now) {
            assert!(REFUSAL_PAUSE.contains(&pause), "{pause:?}");
            (now, pauses) = (now + pause, pauses + 1);
        }
    }
    assert!((12_500..13_500).contains(&refused), "{refused}");
    assert!((300..=400).contains(&pauses), "{pauses}");
}

#[test]
fn the_last_permit_is_there_for_a_service_that_has_none_while_others_are_being_refused() {
    let none = Limits::default();
    for (max_connections, descriptors) in [(10, 10_000), (10_000, 20)] {
        let admission = Admission::new(max_connections, DescriptorBudget::new(descriptors));
        let [hog, small] = [(); 2].map(|()| Arc::<ServiceUsage>::default());
        let (held, _) = fill(&admission, &hog, &none);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while !done.load(Relaxed) {
                        assert_eq!(admission.admit(&hog, &none).unwrap_err(), Closed::OverCapacity);
                    }
                });
            }
            let refused = (0..100_000).filter(|_| admission.admit(&small, &none).is_err()).count();
            done.store(true, Relaxed);
            assert_eq!(refused, 0);
        });
        assert_eq!(hog.live(), held.len());
    }
}

/// Counts what is held, from outside: after it was taken and until it is given back.
#[derive(Default)]
struct Held(std::sync::atomic::AtomicUsize);

impl Held {
    fn take(&self, most: usize) {
        let held = self.0.fetch_add(1, Relaxed) + 1;
        assert!(held <= most, "{held} are held, {most} may be");
    }

    fn give_back(&self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[test]
fn sixty_four_workers_at_once_exceed_no_limit_and_give_everything_back() {
    const ROUNDS: usize = 2_000;
    const OF_SERVICE: usize = 40;
    const OF_CLIENT: usize = 25;
    // Either limit of the process is the nearer one once.
    for (max_connections, descriptors) in [(100, 1_000), (1_000, 230)] {
        let admission = Admission::new(max_connections, DescriptorBudget::new(descriptors));
        let most = max_connections.min(descriptors / 2);
        let services = [(); 4].map(|()| Arc::<ServiceUsage>::default());
        let limits = Limits {
            connections: count(OF_SERVICE as u32),
            connections_per_client: count(OF_CLIENT as u32),
            ..Limits::default()
        };
        let (all, of_service, of_client) =
            (Held::default(), [(); 4].map(|()| Held::default()), [(); 8].map(|()| Held::default()));
        let descriptors_held = std::sync::atomic::AtomicUsize::new(0);
        let admitted = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for worker in 0..WORKERS {
                let admission = admission.for_worker();
                let (services, all, of_service, of_client) = (&services, &all, &of_service, &of_client);
                let (descriptors_held, admitted) = (&descriptors_held, &admitted);
                scope.spawn(move || {
                    let mut held = std::collections::VecDeque::new();
                    for round in 0..ROUNDS {
                        let (service, client) = ((worker + round) % 4, (worker + round / 4) % 2);
                        let address = [CLIENT, OTHER][client];
                        if let Ok(permit) = admit(&admission, &services[service], &limits, address) {
                            all.take(most);
                            of_service[service].take(OF_SERVICE);
                            of_client[2 * service + client].take(OF_CLIENT);
                            admitted.fetch_add(1, Relaxed);
                            held.push_back((permit, service, client));
                        }
                        // A UDP flow beside it.
                        if let Some(flow) = admission.descriptors.acquire(1) {
                            let others = descriptors_held.fetch_add(1, Relaxed);
                            assert!(others < descriptors, "{others} flows");
                            assert!(admission.descriptors.used() <= descriptors);
                            descriptors_held.fetch_sub(1, Relaxed);
                            drop(flow);
                        }
                        let keep = if round + 1 == ROUNDS { 0 } else { 3 };
                        while held.len() > keep {
                            let Some((permit, service, client)) = held.pop_front() else { break };
                            all.give_back();
                            of_service[service].give_back();
                            of_client[2 * service + client].give_back();
                            drop(permit);
                        }
                    }
                });
            }
        });
        assert!(admitted.into_inner() > WORKERS);
        assert_eq!((admission.descriptors.used(), admission.descriptors.connections()), (0, 0));
        for service in &services {
            assert_eq!((service.live(), service.clients.of(CLIENT), service.clients.of(OTHER)), (0, 0, 0));
        }
    }
}

#[test]
fn a_permit_moves_no_reference_count_that_another_worker_moves() {
    let admission = Admission::new(100, DescriptorBudget::new(1_000));
    let [worker, other] = [(); 2].map(|()| admission.for_worker());
    let service = Arc::<ServiceUsage>::default();
    let before = [&admission, &worker, &other]
        .map(|admission| [Arc::strong_count(admission), Arc::strong_count(&admission.descriptors)]);
    let held = (
        admit(&worker, &service, &Limits::default(), CLIENT).unwrap(),
        worker.descriptors.acquire(1).unwrap(),
    );
    let after = [&admission, &worker, &other]
        .map(|admission| [Arc::strong_count(admission), Arc::strong_count(&admission.descriptors)]);
    assert_eq!((before, after), ([[1, 1]; 3], [[1, 1], [2, 2], [1, 1]]));
    assert_eq!([&admission, &worker, &other].map(|admission| admission.descriptors.used()), [3; 3]);
    drop(held);
    assert_eq!(other.descriptors.used(), 0);
}
