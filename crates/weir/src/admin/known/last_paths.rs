//! When is the kernel asked about the ways of connections? About once a second at most, however many look at them.

use crate::admin::known::paths::Paths;
use std::{collections::HashSet, ops::ControlFlow, sync::Arc, time::Duration};
use tokio::{sync::Mutex, task::spawn_blocking, time::Instant};
use weir_proxy::{ConnectionFilter, ConnectionId, ConnectionInfo, Observer, connection_paths};

/// Time for which an answer of the kernel is told again: a little less than a second, so that a stream, which looks each second,
/// has a new one each time.
const FRESH: Duration = Duration::from_millis(950);

/// An answer is told again for so many times as it took: asking takes no more of a processor than the inverse.
const REST: u32 = 10;

/// Connections that the kernel is asked about at a time, with two sockets each.
const MAX_CONNECTIONS: usize = 10_000;

/// Sockets of the network namespace that are looked through for them, of whichever process.
const MAX_SOCKETS: usize = 50_000;

/// The last answer of the kernel. A clone is another handle to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastPaths(Arc<Mutex<Option<Answer>>>);

#[derive(Debug)]
struct Answer {
    asked: Instant,
    came: Instant,
    /// `None` where the kernel does not tell.
    paths: Option<Arc<Paths>>,
}

impl LastPaths {
    /// What the kernel says now, or has said a moment ago; `None` where it does not tell. If it is asked anew, then about
    /// `shown` first of all.
    pub(in crate::admin) async fn get(
        &self,
        observer: &Observer,
        shown: &[ConnectionInfo],
    ) -> Option<Arc<Paths>> {
        self.get_or(ask(observer.clone(), shown.to_vec())).await
    }

    async fn get_or(
        &self,
        asking: impl Future<Output = Option<Paths>> + Send + 'static,
    ) -> Option<Arc<Paths>> {
        let wanted = Instant::now();
        let mut last = Arc::clone(&self.0).lock_owned().await;
        if let Some(answer) = last.as_ref().filter(|answer| answer.is_fresh(wanted)) {
            return answer.paths.clone();
        }
        // It goes on when whoever asked leaves: else who comes and goes would ask the kernel more often.
        let answering = tokio::spawn(async move {
            let asked = Instant::now();
            let paths = asking.await.map(Arc::new);
            *last = Some(Answer { asked, came: Instant::now(), paths: paths.clone() });
            paths
        });
        answering.await.ok().flatten()
    }
}

impl Answer {
    /// Whether it does for somebody who wants one at this time: also if it was being waited for then.
    fn is_fresh(&self, wanted: Instant) -> bool {
        let took = self.came.duration_since(self.asked);
        wanted <= self.came || wanted.duration_since(self.asked) < FRESH.max(took * REST)
    }
}

/// Asks the kernel, on a thread of the blocking pool, about live connections: about `shown`, and about others up to the bound.
async fn ask(observer: Observer, shown: Vec<ConnectionInfo>) -> Option<Paths> {
    let known: HashSet<ConnectionId> = shown.iter().map(|connection| connection.id).collect();
    let mut found = shown;
    let take = |slice: Vec<ConnectionInfo>| {
        found.extend(slice.into_iter().filter(|connection| !known.contains(&connection.id)));
        if found.len() >= MAX_CONNECTIONS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    observer.connections(&Arc::new(ConnectionFilter::default()), None, take).await;
    found.truncate(MAX_CONNECTIONS);
    let asked = spawn_blocking(move || {
        let paths = connection_paths(&found, MAX_SOCKETS)?;
        let told = found.iter().zip(paths).map(|(info, paths)| (info.id, info.endpoint, paths));
        Ok::<_, std::io::Error>(Paths::of(told))
    });
    match asked.await {
        Ok(Ok(paths)) => Some(paths),
        Ok(Err(error)) => {
            tracing::debug!(%error, "round-trip times are not told: the kernel does not answer (sock_diag)");
            None
        }
        // The admin side ends.
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::{advance, sleep};

    /// Asks in a way that takes `millis`, and counts.
    fn asking(count: &Arc<AtomicU32>, millis: u64) -> impl Future<Output = Option<Paths>> + Send + use<> {
        let count = Arc::clone(count);
        async move {
            count.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(millis)).await;
            Some(Paths::default())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_kernel_is_asked_about_once_a_second_however_many_look() {
        let (last, count) = (LastPaths::default(), Arc::new(AtomicU32::new(0)));
        let asked = || count.load(Ordering::Relaxed);
        for _ in 0..1000 {
            assert!(last.get_or(asking(&count, 0)).await.is_some());
            advance(Duration::from_millis(10)).await;
        }
        assert_eq!(asked(), 11, "in ten seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_meanwhile_waits_for_the_same_answer_however_long_it_takes() {
        let (last, count) = (LastPaths::default(), Arc::new(AtomicU32::new(0)));
        let look = |after| {
            let (last, asking) = (last.clone(), asking(&count, 3000));
            async move {
                sleep(Duration::from_millis(after)).await;
                last.get_or(asking).await.is_some()
            }
        };
        assert_eq!(tokio::join!(look(0), look(10), look(1500), look(2990)), (true, true, true, true));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn asking_takes_a_tenth_of_the_time_at_most() {
        let (last, count) = (LastPaths::default(), Arc::new(AtomicU32::new(0)));
        for _ in 0..1000 {
            last.get_or(asking(&count, 200)).await;
            advance(Duration::from_millis(10)).await;
        }
        let asked = count.load(Ordering::Relaxed);
        assert!((5..=6).contains(&asked), "{asked} times in ten seconds or a little more");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_comes_also_when_nobody_waits_for_it_any_more() {
        let (last, count) = (LastPaths::default(), Arc::new(AtomicU32::new(0)));
        for _ in 0..5 {
            let impatient = tokio::time::timeout(Duration::from_millis(50), last.get_or(asking(&count, 500)));
            assert!(impatient.await.is_err());
        }
        assert!(last.get_or(asking(&count, 500)).await.is_some());
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kernel_that_does_not_tell_is_not_asked_more_often() {
        let (last, count) = (LastPaths::default(), Arc::new(AtomicU32::new(0)));
        for _ in 0..3 {
            let counted = asking(&count, 0);
            let untold = last.get_or(async move { counted.await.and(None) }).await;
            assert!(untold.is_none());
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
