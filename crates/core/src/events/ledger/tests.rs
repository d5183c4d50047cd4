//! Are Events written once, in turn, and never too many?

use super::*;

struct Simulation {
    ledger: EventLedger,
    start: Instant,
}

fn web() -> ServiceKey {
    ServiceKey::new("shop", "web")
}

fn sentences(texts: &[&str]) -> Sentences {
    texts.iter().map(|&text| (text.into(), text.into())).collect()
}

fn nodes(count: usize) -> impl Iterator<Item = Arc<str>> {
    (0..count).map(|number| format!("worker-{number}").into())
}

impl Simulation {
    /// A weir that is the only one.
    fn alone() -> Self {
        Self::on("worker-0", 1)
    }

    fn on(node: &str, count: usize) -> Self {
        let start = Instant::now();
        let mut ledger = EventLedger::new(start);
        ledger.set_writers(EventWriters::new(node.into(), nodes(count).collect()));
        Self { ledger, start }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn set(&mut self, seconds: u64, service: &ServiceKey, reason: EventReason, texts: &[&str]) {
        let now = self.at(seconds);
        self.ledger.set(now, service, reason, sentences(texts));
        self.ledger.schedule(now);
    }

    /// Events that are written from `from` to `to`, each with the second in which it is.
    fn written(&mut self, from: u64, to: u64) -> Vec<(u64, EventDraft)> {
        let mut written = Vec::new();
        let mut now = self.at(from);
        while now <= self.at(to) {
            while let Some(draft) = self.ledger.take_due(now) {
                written.push(((now - self.start).as_secs(), draft));
            }
            match self.ledger.next_due(now) {
                Some(due) => now = due.max(now + Duration::from_millis(1)),
                None => break,
            }
        }
        written
    }

    /// Second, count and note of Events.
    fn said(&mut self, from: u64, to: u64) -> Vec<(u64, u32, String)> {
        self.written(from, to).into_iter().map(|(at, draft)| (at, draft.count, draft.note)).collect()
    }
}

const IGNORED: EventReason = EventReason::AnnotationIgnored;

#[test]
fn a_problem_is_said_at_once_and_once_however_often_its_object_comes_by() {
    let mut simulation = Simulation::alone();
    for second in 0..600 {
        simulation.set(second, &web(), IGNORED, &["weir.dev/x: no such setting"]);
    }
    assert_eq!(simulation.said(0, 1700), [(0, 1, "weir.dev/x: no such setting".to_owned())]);
}

#[test]
fn a_problem_that_comes_back_is_a_series_and_another_mistake_is_another_event() {
    let mut simulation = Simulation::alone();
    simulation.set(0, &web(), IGNORED, &["a"]);
    let first = simulation.written(0, 0).remove(0).1;
    simulation.set(10, &web(), IGNORED, &[]);
    assert_eq!(simulation.said(10, 19), []);
    simulation.set(20, &web(), IGNORED, &["a"]);
    let second = simulation.written(20, 20).remove(0).1;
    assert_eq!((second.count, second.name(1)), (2, first.name(1)));
    simulation.set(30, &web(), IGNORED, &["b"]);
    let other = simulation.written(30, 30).remove(0).1;
    assert_eq!((other.count, &*other.note), (1, "b"));
    assert_ne!(other.name(1), first.name(1));
}

#[test]
fn a_problem_that_lasts_is_said_again_before_its_event_expires() {
    let mut simulation = Simulation::alone();
    simulation.set(0, &web(), IGNORED, &["a"]);
    let counts: Vec<(u64, u32)> =
        simulation.said(0, 2 * 3600).into_iter().map(|(at, count, _)| (at, count)).collect();
    assert_eq!(counts, [(0, 1), (1800, 2), (3600, 3), (5400, 4), (7200, 5)]);
}

#[test]
fn an_author_who_edits_without_end_causes_three_events_and_then_one_in_five_minutes() {
    let mut simulation = Simulation::alone();
    let mut written = 0;
    for second in 0..3600 {
        simulation.set(second, &web(), IGNORED, &[&format!("mistake {second}")]);
        written += simulation.written(second, second).len();
    }
    assert!((14..=15).contains(&written), "{written}");
}

#[test]
fn endpoints_that_change_all_the_time_are_one_event() {
    let mut simulation = Simulation::alone();
    for second in 0..600 {
        let address = format!("10.0.0.{second} is not dialled");
        simulation.set(second, &web(), EventReason::EndpointRefused, &[&address]);
    }
    assert_eq!(simulation.said(0, 1700).len(), 1);
}

#[test]
fn several_subjects_are_one_note() {
    let mut simulation = Simulation::alone();
    simulation.set(0, &web(), IGNORED, &["b", "a", "c"]);
    assert_eq!(simulation.said(0, 0), [(0, 1, "a (and 2 more)".to_owned())]);
}

#[test]
fn that_endpoints_work_again_is_said_if_it_was_said_that_they_fail() {
    let mut simulation = Simulation::alone();
    let failing = EventReason::EndpointsFailing;
    simulation.set(0, &web(), failing, &["no working endpoint"]);
    simulation.set(1, &web(), failing, &[]);
    assert_eq!(simulation.said(1, 100), [], "it was over before it was said");
    for round in 0..2_u32 {
        let begin = 100 + 100 * u64::from(round);
        simulation.set(begin, &web(), failing, &["no working endpoint"]);
        let [(_, failed)] = &simulation.written(begin, begin)[..] else { panic!() };
        simulation.set(begin + 50, &web(), failing, &[]);
        let [(_, works)] = &simulation.written(begin + 50, begin + 50)[..] else { panic!() };
        assert_eq!((failed.reason, works.reason), (failing, EventReason::EndpointsWork));
        assert!(failed.reason.is_warning() && !works.reason.is_warning());
        assert_eq!((failed.count, works.count), (round + 1, round + 1));
        assert_eq!(works.note, "node worker-0: the Service has a working endpoint again");
    }
    assert_eq!(simulation.said(300, 2 * 3600), [], "what was well once is not said again");
}

#[test]
fn one_node_of_many_writes_and_says_again_what_lasts() {
    let mut writers = 0;
    for node in nodes(200) {
        let mut simulation = Simulation::on(&node, 200);
        simulation.set(0, &web(), IGNORED, &["a"]);
        let written = simulation.said(0, 4000);
        match written[..] {
            [] => assert!(simulation.ledger.is_empty(), "what others say takes no room"),
            [(0, ..), ..] => {
                assert_eq!(written.len(), 3, "it says it again");
                writers += 1;
            }
            [(at, 1, _)] => assert!(at >= 15, "a node that comes later says nothing again"),
            _ => panic!("{written:?}"),
        }
    }
    assert_eq!(writers, 1);
}

#[test]
fn nothing_is_said_before_the_nodes_are_known_nor_what_is_over_by_then() {
    let mut simulation = Simulation::alone();
    let now = simulation.start;
    simulation.ledger.set(now, &web(), IGNORED, sentences(&["a"]));
    simulation.ledger.set(now, &ServiceKey::new("shop", "other"), IGNORED, sentences(&["a"]));
    assert!(simulation.ledger.has_unscheduled());
    assert_eq!((simulation.ledger.next_due(now), simulation.ledger.take_due(now)), (None, None));
    simulation.set(1, &web(), IGNORED, &[]);
    assert!(!simulation.ledger.has_unscheduled());
    assert_eq!(simulation.written(1, 1)[0].1.service, ServiceKey::new("shop", "other"));
    simulation.ledger.forget(&ServiceKey::new("shop", "other"));
    assert_eq!(simulation.said(1, 4000), [], "a Service that is gone is forgotten");
}

#[test]
fn ten_thousand_bad_services_are_ten_events_and_then_one_in_two_seconds_and_take_bounded_memory() {
    let mut simulation = Simulation::alone();
    for number in 0..10_000 {
        let service = ServiceKey::new("tenant", format!("web-{number}"));
        simulation.set(0, &service, IGNORED, &["a"]);
        assert!(simulation.ledger.len() <= MAX_TOPICS);
    }
    assert_eq!(simulation.ledger.take_dropped(), 10_000 - MAX_TOPICS as u64);
    assert_eq!(simulation.written(0, 0).len(), 10);
    assert_eq!(simulation.written(1, 100).len(), 50);
}

#[test]
fn a_tenant_that_floods_takes_neither_room_nor_turn_of_another() {
    let mut simulation = Simulation::alone();
    for number in 0..10_000 {
        simulation.set(0, &ServiceKey::new("tenant", format!("web-{number}")), IGNORED, &["a"]);
    }
    simulation.written(0, 100);
    simulation.set(101, &web(), IGNORED, &["a"]);
    let (at, draft) = simulation.written(101, 103).remove(0);
    assert!(draft.service == web() && at <= 102, "{at} {draft:?}");
}

#[test]
fn what_every_node_may_write_is_limited_by_the_number_of_nodes() {
    let mut simulation = Simulation::on("worker-7", 1000);
    for number in 0..200 {
        let service = ServiceKey::new("shop", format!("web-{number}"));
        simulation.set(0, &service, EventReason::FrontendNotBound, &["cannot serve"]);
    }
    let written = simulation.written(0, 6000).len();
    assert!(written <= 5 + 6, "{written}");
    let notes = simulation.written(6001, 8000);
    assert!(notes.iter().all(|(_, draft)| draft.note == "node worker-7: cannot serve"));
}
