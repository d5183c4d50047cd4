//! Which series stay in the exporter? Series whose handle is held.
//!
//! The exporter drops a counter or gauge that nobody touched for a while; it looks only when it renders. A handle whose
//! series was dropped is orphaned: it still counts, but into nothing that is ever shown, and registering the name again starts
//! a new series at zero. So the recorder here remembers every handle that it gives out, and one periodic call touches
//! those that are still held. A series leaves by its handle's end, as those of a deleted Service do. Histograms are never
//! dropped: give them no label that comes and goes.

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// Handles that were given out, shared by all clones.
#[derive(Clone, Default)]
pub(crate) struct LiveSeries(Arc<Mutex<Vec<Weak<dyn Touch>>>>);

/// Handle whose series can be marked as used.
trait Touch: Send + Sync {
    fn touch(&self);
}

impl LiveSeries {
    /// Marks the series of every handle that is still held as used, and forgets the other handles.
    pub(super) fn touch(&self) {
        // Workers register series, so the lock is not held while very many are touched.
        let mut handles = mem::take(&mut *self.handles());
        handles.retain(|handle| handle.upgrade().inspect(|handle| handle.touch()).is_some());
        let mut known = self.handles();
        mem::swap(&mut *known, &mut handles);
        known.append(&mut handles);
    }

    fn hold<T: Touch + 'static>(&self, handle: T) -> Arc<T> {
        let handle = Arc::new(handle);
        let weak: Weak<T> = Arc::downgrade(&handle);
        self.handles().push(weak);
        handle
    }

    fn handles(&self) -> MutexGuard<'_, Vec<Weak<dyn Touch>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Recorder that remembers the handles of counters and gauges which the inner recorder gives out.
pub(super) struct LiveRecorder<R> {
    pub(super) recorder: R,
    pub(super) series: LiveSeries,
}

impl<R: Recorder> Recorder for LiveRecorder<R> {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_counter(name, unit, description);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_gauge(name, unit, description);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.recorder.describe_histogram(name, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series.hold(LiveCounter(self.recorder.register_counter(key, metadata))))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series.hold(LiveGauge(self.recorder.register_gauge(key, metadata))))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.recorder.register_histogram(key, metadata)
    }
}

struct LiveCounter(Counter);

impl CounterFn for LiveCounter {
    fn increment(&self, value: u64) {
        self.0.increment(value);
    }

    fn absolute(&self, value: u64) {
        self.0.absolute(value);
    }
}

impl Touch for LiveCounter {
    fn touch(&self) {
        self.0.increment(0);
    }
}

struct LiveGauge(Gauge);

impl GaugeFn for LiveGauge {
    fn increment(&self, value: f64) {
        self.0.increment(value);
    }

    fn decrement(&self, value: f64) {
        self.0.decrement(value);
    }

    fn set(&self, value: f64) {
        self.0.set(value);
    }
}

impl Touch for LiveGauge {
    fn touch(&self) {
        self.0.increment(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{counter, gauge, with_local_recorder};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Counts how often its handles are used.
    #[derive(Default)]
    struct Uses(Arc<AtomicUsize>);

    impl CounterFn for Uses {
        fn increment(&self, _: u64) {
            self.0.fetch_add(1, Relaxed);
        }

        fn absolute(&self, _: u64) {}
    }

    impl GaugeFn for Uses {
        fn increment(&self, _: f64) {
            self.0.fetch_add(1, Relaxed);
        }

        fn decrement(&self, _: f64) {}

        fn set(&self, _: f64) {}
    }

    impl Recorder for Uses {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::new(Uses(Arc::clone(&self.0))))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(Arc::new(Uses(Arc::clone(&self.0))))
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn series_are_touched_until_their_handle_is_dropped() {
        let (uses, series) = (Uses::default(), LiveSeries::default());
        let count = Arc::clone(&uses.0);
        let recorder = LiveRecorder { recorder: uses, series: series.clone() };
        let (counter, gauge) =
            with_local_recorder(&recorder, || (counter!("weir_test_total"), gauge!("weir_test")));
        let touched = || {
            let before = count.load(Relaxed);
            series.touch();
            count.load(Relaxed) - before
        };
        assert_eq!([touched(), touched()], [2, 2]);
        let clone = counter.clone();
        drop((counter, gauge));
        assert_eq!(touched(), 1, "a clone is held");
        drop(clone);
        assert_eq!(touched(), 0);
        assert!(series.handles().is_empty(), "nothing is kept of handles that are gone");
    }
}
