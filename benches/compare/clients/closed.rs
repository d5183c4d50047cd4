//! How fast do clients go that wait for each answer before they ask again?

use super::exchange::{connect, exchange};
use crate::meter::Meter;
use std::{net::SocketAddr, sync::Arc, time::Duration};

/// The wait after a connect that is refused, which would be refused again at once.
const BACK_OFF: Duration = Duration::from_millis(10);

/// Opens, exchanges, closes, in so many tasks.
pub(super) async fn connections(address: SocketAddr, tasks: usize, meter: &Arc<Meter>) {
    for _ in 0..tasks {
        let meter = Arc::clone(meter);
        tokio::spawn(async move {
            loop {
                connection(address, meter.now(), &meter).await;
            }
        });
    }
    meter.stopped().await;
}

/// Makes one connection, which began or should have begun at `since`.
pub(super) async fn connection(address: SocketAddr, since: u64, meter: &Meter) {
    let served = async { exchange(&mut connect(address).await?, since).await };
    match served.await {
        Ok(()) => meter.completed(since),
        Err(error) => {
            meter.failed(error);
            tokio::time::sleep(BACK_OFF).await;
        }
    }
}

/// Exchanges on so many connections; one that fails is opened again.
pub(super) async fn exchanges(address: SocketAddr, connections: usize, meter: &Arc<Meter>) {
    for _ in 0..connections {
        let meter = Arc::clone(meter);
        tokio::spawn(async move {
            loop {
                let Err(error) = exchanges_on_one(address, &meter).await;
                meter.failed(error);
                tokio::time::sleep(BACK_OFF).await;
            }
        });
    }
    meter.stopped().await;
}

async fn exchanges_on_one(address: SocketAddr, meter: &Meter) -> std::io::Result<std::convert::Infallible> {
    let mut stream = connect(address).await?;
    loop {
        let since = meter.now();
        exchange(&mut stream, since).await?;
        meter.completed(since);
    }
}
