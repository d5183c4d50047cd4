//! Is the right newcomer refused, and does every permit come back?

use super::*;
use std::iter::from_fn;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

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
        drop((held, beside));
        assert_eq!((hog.live(), small.live(), admission.descriptors.used()), (0, 0, 0));
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
            for _ in 0..2 {
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
