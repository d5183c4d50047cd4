//! Do connections end up even over many workers, and what does that cost? Simulated; the kernel's choice is the test's.

use super::*;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};
use std::{
    sync::{Barrier, Mutex},
    thread,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Workers of a large host.
const MANY: usize = 64;

/// Workers that only count, with the command queues that hand-overs go to.
struct Workers {
    all: Vec<Siblings>,
    queues: Vec<UnboundedReceiver<Command>>,
    /// Strong senders, without which the workers would count as ended.
    _senders: Vec<tokio::sync::mpsc::UnboundedSender<Command>>,
}

impl Workers {
    fn start(count: usize) -> Self {
        let (senders, queues): (Vec<_>, Vec<_>) = (0..count).map(|_| unbounded_channel()).unzip();
        let siblings: Arc<[_]> = senders.iter().map(|sender| Sibling::new(sender.downgrade())).collect();
        let all = (0..count).map(|index| Siblings::new(&siblings, index)).collect();
        Self { all, queues, _senders: senders }
    }

    fn counts(&self) -> Vec<usize> {
        self.all.iter().map(live).collect()
    }

    /// Serves a client that the kernel gave to `worker`; returns the worker that serves it.
    fn accept(&mut self, worker: usize, random: u32) -> usize {
        if !accept(&self.all[worker], random) {
            return worker;
        }
        let to = self.queues.iter_mut().position(|queue| queue.try_recv().is_ok()).expect("one gets it");
        adopt(&self.all[to]);
        to
    }
}

fn live(worker: &Siblings) -> usize {
    worker.all[worker.index].connections.load(Relaxed)
}

/// What a worker does with a client that it accepted (`tcp/hand_over.rs`); returns whether it was handed over. The
/// command stands for the client.
fn accept(worker: &Siblings, random: u32) -> bool {
    let handed_over = worker.lighter(random).is_some_and(|other| other.hand_over(Command::Tick).is_ok());
    if !handed_over {
        worker.add();
    }
    handed_over
}

/// What a worker does with a client that was handed over: it serves the client whatever the others have.
fn adopt(worker: &Siblings) {
    worker.add();
    worker.remove();
}

proptest! {
    #[test]
    fn whatever_the_kernel_chooses_few_are_even_and_many_are_not_all_on_one_worker(chosen in prop::collection::vec(0usize..2, 0..200)) {
        let mut counts = [0, 0];
        for own in chosen {
            let to = if is_far_lighter(counts[1 - own], counts[own]) { 1 - own } else { own };
            counts[to] += 1;
            let (least, most) = (counts[0].min(counts[1]), counts[0].max(counts[1]));
            prop_assert!(most > FEW_CONNECTIONS || most - least <= 1, "{counts:?}");
            prop_assert!(most <= FEW_CONNECTIONS || most <= 4 * least, "{counts:?}");
        }
    }
}

#[test]
fn a_worker_alone_serves_all() {
    assert!(Siblings::default().lighter(7).is_none());
}

#[test]
fn of_64_workers_none_keeps_all_even_if_the_kernel_gives_all_clients_to_one() {
    for seed in 0..8 {
        let (mut random, mut workers) = (SmallRng::seed_from_u64(seed), Workers::start(MANY));
        for _ in 0..100 * MANY {
            workers.accept(0, random.random());
        }
        let counts = workers.counts();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert_eq!(counts.iter().sum::<usize>(), 100 * MANY);
        assert!(*most <= 5 * 100 && *least > 0, "{counts:?}");
    }
}

/// Percentage of clients that 64 workers hand over while each has so many on average and the kernel treats them alike; as
/// many connections end as begin, any of them.
fn percent_handed_over(per_worker: usize) -> f64 {
    let (mut random, mut workers) = (SmallRng::seed_from_u64(7), Workers::start(MANY));
    let (mut at, mut handed_over) = (Vec::new(), 0);
    let live = MANY * per_worker;
    for accepted in 0..4 * live.max(1024) {
        if accepted >= live {
            let ended: usize = at.swap_remove(random.random_range(0..at.len()));
            workers.all[ended].remove();
        }
        let chosen = random.random_range(0..MANY);
        let to = workers.accept(chosen, random.random());
        handed_over += usize::from(accepted >= live && to != chosen);
        at.push(to);
    }
    100.0 * handed_over as f64 / (4 * live.max(1024) - live) as f64
}

#[test]
fn of_64_workers_that_the_kernel_treats_alike_hardly_any_hands_a_client_over_once_each_has_some() {
    for (per_worker, most) in [(1, 50.0), (4, 50.0), (8, 5.0), (16, 1.0), (64, 1.0), (256, 1.0)] {
        let percent = percent_handed_over(per_worker);
        println!("{per_worker} each: {percent:.2} % handed over");
        assert!(percent <= most, "{per_worker} each: {percent} % handed over");
    }
}

#[test]
fn sixty_four_workers_at_once_serve_every_client_after_one_hand_over_at_most_and_count_none_at_the_end() {
    const CLIENTS: usize = 2_000;
    let Workers { all, queues, _senders } = Workers::start(MANY);
    let (accepted_all, ended_all) = (Barrier::new(MANY), Barrier::new(MANY));
    let totals = Mutex::new((0, 0));
    thread::scope(|scope| {
        for (number, (worker, mut queue)) in all.iter().zip(queues).enumerate() {
            let (accepted_all, ended_all, totals) = (&accepted_all, &ended_all, &totals);
            scope.spawn(move || {
                let mut random = SmallRng::seed_from_u64(number as u64);
                let (mut served, mut handed_over) = (0usize, 0usize);
                let mut serve_adopted = |served: &mut usize| {
                    while queue.try_recv().is_ok() {
                        adopt(worker);
                        *served += 1;
                    }
                };
                // The kernel gives all clients to every fourth worker.
                let clients = if number % 4 == 0 { CLIENTS } else { 0 };
                for _ in 0..clients {
                    match accept(worker, random.random()) {
                        true => handed_over += 1,
                        false => served += 1,
                    }
                    serve_adopted(&mut served);
                }
                // Nobody accepts any more; what is still on its way arrives now.
                accepted_all.wait();
                serve_adopted(&mut served);
                ended_all.wait();
                assert_eq!(live(worker), served, "what a worker is said to have is what it serves");
                (0..served).for_each(|_| worker.remove());
                let mut totals = totals.lock().unwrap();
                *totals = (totals.0 + served, totals.1 + handed_over);
            });
        }
    });
    let (served, handed_over) = totals.into_inner().unwrap();
    assert_eq!(served, MANY / 4 * CLIENTS);
    assert!(handed_over > 0 && handed_over <= served);
    assert!(all.iter().all(|worker| live(worker) == 0));
}

#[test]
fn a_client_for_a_worker_that_has_ended_is_given_back_and_not_counted_there() {
    let Workers { all, queues, _senders } = Workers::start(2);
    drop((queues, _senders));
    all[0].add();
    let other = all[0].lighter(0).expect("it has fewer");
    assert!(other.hand_over(Command::Tick).is_err());
    assert_eq!((live(&all[0]), live(&all[1])), (1, 0));
}
