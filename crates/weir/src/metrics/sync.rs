//! How long does it take to put a Snapshot into force? From its publication until it is served, in node mode by the rules.

use super::families::SYNC;
use metrics::histogram;
use tokio::{sync::watch, time::Instant};
use weir_core::{Family, Snapshot};

/// Measures each Snapshot that is served; of several that are published meanwhile only the last. Ends when a sender is gone.
pub(crate) async fn measure(mut snapshots: watch::Receiver<Snapshot>, mut in_force: watch::Receiver<u64>) {
    // kube-proxy has one proxier for each family; here both are served at once.
    let histograms = Family::ALL.map(|family| histogram!(SYNC.name, "ip_family" => family.as_str()));
    loop {
        let wanted = snapshots.borrow_and_update().generation;
        let began = Instant::now();
        if in_force.wait_for(|&generation| generation >= wanted).await.is_err() {
            return;
        }
        if wanted > 0 {
            histograms.iter().for_each(|histogram| histogram.record(began.elapsed()));
        }
        if snapshots.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::exporter, *};
    use std::time::Duration;

    #[test]
    fn a_snapshot_is_measured_once_it_is_in_force_and_one_that_came_late_only_for_its_own_time() {
        let recorder = exporter::recorder().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        metrics::with_local_recorder(&recorder, || {
            runtime.unwrap().block_on(async {
                let (publish, snapshots) = watch::channel(Snapshot::default());
                let (put, in_force) = watch::channel(0);
                let steps = async {
                    for generation in [1, 2] {
                        publish.send_modify(|snapshot| snapshot.generation = generation);
                        tokio::time::sleep(Duration::from_millis(1500)).await;
                        put.send_replace(generation);
                        tokio::time::sleep(Duration::from_secs(60)).await;
                    }
                    drop(publish);
                };
                tokio::join!(measure(snapshots, in_force), steps);
            });
        });
        let text = recorder.handle().render();
        for line in ["_count{ip_family=\"IPv6\"} 2", "_sum{ip_family=\"IPv4\"} 3"] {
            assert!(text.contains(&format!("{}{line}\n", SYNC.name)), "{text}");
        }
    }
}
