//! When is a state saved? Some seconds after the first change, and at the end.

use crate::State;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

/// Time from the first unsaved change to a save; further changes within it are saved together.
pub(super) const DEBOUNCE: Duration = Duration::from_secs(5);

/// Time after which a failed save is tried again, if nothing changes before.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Destination of states.
pub(super) trait Save {
    /// Saves a state; returns whether that succeeded.
    fn save(&mut self, state: State) -> impl Future<Output = bool> + Send;
}

/// Saves the newest state, debounced, until the sender of states is gone; then at once, if it is not saved.
pub(super) async fn save_debounced(mut states: watch::Receiver<State>, to: &mut impl Save) {
    let mut retry: Option<Instant> = None;
    loop {
        let trigger = tokio::select! {
            changed = states.changed() => if changed.is_ok() { Trigger::Changed } else { Trigger::Ended },
            () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => Trigger::Retry,
        };
        match trigger {
            Trigger::Changed => {
                let due = Instant::now() + DEBOUNCE;
                // Ends early when the sender is gone.
                let gathered = async { while states.changed().await.is_ok() {} };
                _ = timeout_at(retry.map_or(due, |retry| retry.min(due)), gathered).await;
            }
            Trigger::Ended if retry.is_none() => return,
            Trigger::Retry | Trigger::Ended => {}
        }
        let state = states.borrow_and_update().clone();
        retry = (!to.save(state).await).then(|| Instant::now() + RETRY_INTERVAL);
        if trigger == Trigger::Ended {
            return;
        }
    }
}

/// Reason to save.
#[derive(Clone, Copy, PartialEq)]
enum Trigger {
    /// A state is not saved yet.
    Changed,
    /// A failed save is due again.
    Retry,
    /// The sender is gone: no other state will come.
    Ended,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Kind, Object, ObjectKey, Store};
    use std::sync::{Arc, Mutex};
    use tokio::{task::JoinHandle, time::sleep};

    /// A state that differs from those of other numbers: it has `number` ServiceCIDRs.
    fn state(number: usize) -> State {
        let mut store = Store::new("node");
        for name in 0..number {
            let key = ObjectKey::new(Kind::ServiceCidr, "", name.to_string());
            store.apply(Event::Put(key, Object::ServiceCidr(Vec::new())));
        }
        store.state()
    }

    /// Number of ServiceCIDRs in each saved state, and the time of the save in milliseconds.
    type Saves = Arc<Mutex<Vec<(usize, u128)>>>;

    fn start(works: fn(usize) -> bool) -> (watch::Sender<State>, Saves, JoinHandle<()>) {
        let (states, seen) = watch::channel(State::default());
        let (saves, start) = (Saves::default(), Instant::now());
        let saved = Arc::clone(&saves);
        let mut recorder = Recorder { saves: saved, start, works };
        (states, saves, tokio::spawn(async move { save_debounced(seen, &mut recorder).await }))
    }

    struct Recorder {
        saves: Saves,
        start: Instant,
        /// Whether the attempt of a number, from 1, succeeds.
        works: fn(usize) -> bool,
    }

    impl Save for Recorder {
        async fn save(&mut self, state: State) -> bool {
            let mut saves = self.saves.lock().unwrap();
            saves.push((state.service_cidrs().len(), self.start.elapsed().as_millis()));
            (self.works)(saves.len())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_state_is_saved_five_seconds_after_the_first_change_however_many_follow() {
        let (states, saves, task) = start(|_| true);
        for number in 1..=11 {
            states.send_replace(state(number));
            sleep(Duration::from_millis(900)).await;
        }
        assert_eq!(*saves.lock().unwrap(), [(6, 5000)]);
        sleep(Duration::from_secs(3600)).await;
        drop(states);
        task.await.unwrap();
        assert_eq!(*saves.lock().unwrap(), [(6, 5000), (11, 10_400)], "what is saved is not saved again");
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_what_is_not_saved_is_saved_at_once() {
        let (states, saves, task) = start(|_| true);
        states.send_replace(state(1));
        sleep(Duration::from_secs(1)).await;
        states.send_replace(state(2));
        drop(states);
        task.await.unwrap();
        assert_eq!(*saves.lock().unwrap(), [(2, 1000)]);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_state_nothing_is_saved() {
        let (states, saves, task) = start(|_| true);
        sleep(Duration::from_secs(3600)).await;
        drop(states);
        task.await.unwrap();
        assert_eq!(*saves.lock().unwrap(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_save_that_failed_is_tried_again_after_a_minute_or_with_the_next_change() {
        let (states, saves, task) = start(|tries| tries > 3);
        states.send_replace(state(1));
        sleep(Duration::from_secs(70)).await;
        assert_eq!(*saves.lock().unwrap(), [(1, 5000), (1, 65_000)]);
        states.send_replace(state(2));
        sleep(Duration::from_secs(10)).await;
        assert_eq!(saves.lock().unwrap()[2..], [(2, 75_000)]);
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(saves.lock().unwrap()[3..], [(2, 135_000)]);
        drop(states);
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_a_save_that_failed_is_tried_once_more() {
        let (states, saves, task) = start(|_| false);
        states.send_replace(state(1));
        sleep(Duration::from_secs(10)).await;
        drop(states);
        task.await.unwrap();
        assert_eq!(*saves.lock().unwrap(), [(1, 5000), (1, 10_000)]);
    }
}
