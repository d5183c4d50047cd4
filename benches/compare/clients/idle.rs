//! Which clients connect and then do nothing?

use super::exchange::{connect, exchange};
use crate::meter::Meter;
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::Semaphore;

/// The most connects at a time: a burst above that would measure the backlog.
const AT_A_TIME: usize = 64;

/// Opens so many connections, makes one exchange on each, and keeps them.
pub(super) async fn connections(address: SocketAddr, connections: usize, meter: &Arc<Meter>) {
    let opening = Arc::new(Semaphore::new(AT_A_TIME));
    for _ in 0..connections {
        let (meter, opening) = (Arc::clone(meter), Arc::clone(&opening));
        tokio::spawn(async move {
            let permit = opening.acquire().await;
            let since = meter.now();
            let opened = async {
                let mut stream = connect(address).await?;
                exchange(&mut stream, since).await.map(|()| stream)
            };
            let opened = opened.await;
            drop(permit);
            match opened {
                Ok(_stream) => {
                    meter.completed(since);
                    meter.stopped().await;
                }
                Err(error) => meter.failed(error),
            }
        });
    }
    meter.stopped().await;
}
