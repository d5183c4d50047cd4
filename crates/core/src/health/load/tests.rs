//! Is every change of an endpoint's standing counted, and nothing else?

use super::*;
use std::sync::atomic::AtomicUsize;

#[test]
fn a_lease_counts_exactly_as_long_as_it_lives() {
    let load = Arc::new(Load::default());
    let first = load.lease();
    let second = load.lease();
    assert_eq!(load.live(), 2);
    drop(first);
    assert_eq!(load.live(), 1);
    drop(second);
    assert_eq!(load.live(), 0);
}

#[test]
fn a_limit_is_never_exceeded() {
    let load = Arc::new(Load::default());
    let leases: Vec<_> = (0..5).map_while(|_| load.lease_within(3)).collect();
    assert_eq!((leases.len(), load.live()), (3, 3));
}

#[test]
fn sixty_four_workers_at_once_exceed_no_limit_of_an_endpoint_and_leave_no_load_behind() {
    const MOST: usize = 7;
    let load = Arc::new(Load::default());
    let (held, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let Some(lease) = load.lease_within(MOST) else { continue };
                    assert!(held.fetch_add(1, Relaxed) < MOST);
                    taken.fetch_add(1, Relaxed);
                    std::thread::yield_now();
                    held.fetch_sub(1, Relaxed);
                    drop(lease);
                }
            });
        }
    });
    assert!(taken.into_inner() > MOST);
    assert_eq!((load.live(), Arc::strong_count(&load)), (0, 1));
}

#[test]
fn changes_of_standing_are_told_and_nothing_else_is() {
    let changes = Arc::default();
    let load = Load::new(&changes);
    let (now, took) = (Instant::now(), Duration::from_millis(1));
    load.connected(now, took);
    assert!(
        !load.failed(now, took, ConnectFailure::Refused) && !load.failed(now, took, ConnectFailure::Refused)
    );
    assert_eq!(changes.count(), 0);
    assert!(load.failed(now, took, ConnectFailure::TimedOut));
    assert_eq!((changes.count(), load.is_ejected(), load.rank()), (1, true, 1));
    assert!(!load.failed(now, took, ConnectFailure::Refused), "it is ejected already");
    assert_eq!((changes.count(), load.last_failure()), (1, Some(ConnectFailure::Refused)));
    load.connected(now, took);
    assert_eq!((changes.count(), load.is_ejected()), (1, true), "it may accept and end at once");
    load.served(now);
    assert_eq!((changes.count(), load.is_ejected()), (2, false));
}

#[test]
fn a_failed_probe_leaves_its_rank_among_the_ejected() {
    let changes = Arc::default();
    let load = Load::new(&changes);
    let start = Instant::now();
    (0..3).for_each(|_| _ = load.failed(start, Duration::ZERO, ConnectFailure::Refused));
    let later = start + Duration::from_secs(1);
    assert!(load.probe(changes.millis(later)) && !load.probe(changes.millis(later)));
    assert!(!load.failed(later, Duration::ZERO, ConnectFailure::Refused));
    assert_eq!((load.is_ejected(), load.rank()), (true, 1));
}

#[test]
fn an_operator_is_told_what_happened_to_an_endpoint_and_since_when_it_is_as_it_is() {
    let changes = Arc::default();
    let load = Arc::new(Load::new(&changes));
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    load.mark_changed(at(0));
    let lease = load.lease();
    assert_eq!((load.picked(), load.most(), load.changed()), (1, 1, Some(at(0))));
    for second in 1..=3 {
        load.failed(at(second), Duration::ZERO, ConnectFailure::Refused);
    }
    drop(lease);
    assert_eq!((load.failures(), load.last_failed(), load.ejections()), (3, Some(at(3)), 1));
    assert_eq!(
        (load.last_ejected(), load.changed(), load.probe_due()),
        (Some(at(3)), Some(at(3)), Some(at(4)))
    );
    assert!(load.probe(changes.millis(at(4))));
    load.served(at(5));
    assert_eq!((load.changed(), load.probe_due(), load.ejections()), (Some(at(5)), None, 1));
    assert_eq!((load.live(), load.picked(), load.most()), (0, 1, 1));
}
