//! How fast do clients exchange datagrams, a few on the way at a time?

use super::exchange::{PAYLOAD, request, time_of};
use crate::{bed::endpoints::DATAGRAM_BUFFER, meter::Meter};
use socket2::SockRef;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{net::UdpSocket, time::MissedTickBehavior};

/// The time after which a datagram counts as lost.
pub(super) const LOST: Duration = Duration::from_millis(200);

/// Exchanges on so many flows, with so many datagrams of each on the way.
pub(super) async fn exchanges(
    address: SocketAddr,
    flows: usize,
    outstanding: usize,
    meter: &Arc<Meter>,
) -> io::Result<()> {
    for _ in 0..flows {
        let sent = vec![0; outstanding].into();
        let flow = Flow { socket: socket(address).await?, meter: Arc::clone(meter), sent };
        tokio::spawn(flow.run());
    }
    meter.stopped().await;
    Ok(())
}

/// A socket of one flow.
pub(super) async fn socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    SockRef::from(&socket).set_recv_buffer_size(DATAGRAM_BUFFER)?;
    socket.connect(address).await?;
    // Only then does tokio know that it can be written to at once.
    socket.writable().await?;
    Ok(socket)
}

struct Flow {
    socket: UdpSocket,
    meter: Arc<Meter>,
    /// Time at which each datagram on the way was sent, which also tells datagrams from those that were lost and come late.
    sent: Box<[u64]>,
}

impl Flow {
    async fn run(mut self) {
        for slot in 0..self.sent.len() {
            self.send(slot).await;
        }
        let mut look_for_lost = tokio::time::interval(LOST / 2);
        look_for_lost.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut answer = [0; PAYLOAD];
            tokio::select! {
                received = self.socket.recv(&mut answer) => match received {
                    Ok(length) => self.received(&answer[..length]).await,
                    // The datagram that was refused is looked for below.
                    Err(error) => self.meter.failed(error),
                },
                _ = look_for_lost.tick() => self.send_lost().await,
            }
        }
    }

    async fn received(&mut self, answer: &[u8]) {
        let slot = self.sent.iter().position(|sent| Some(*sent) == time_of(answer));
        if let Some(slot) = slot {
            self.meter.completed(self.sent[slot]);
            self.send(slot).await;
        }
    }

    async fn send_lost(&mut self) {
        let before = self.meter.now().saturating_sub(LOST.as_nanos() as u64);
        for slot in 0..self.sent.len() {
            if self.sent[slot] < before {
                self.meter.failed(format_args!("no answer to a datagram after {LOST:?}"));
                self.send(slot).await;
            }
        }
    }

    async fn send(&mut self, slot: usize) {
        // Two of one flow must differ.
        self.sent[slot] = self.meter.now().max(self.sent.iter().max().map_or(0, |newest| newest + 1));
        if let Err(error) = self.socket.send(&request(self.sent[slot])).await {
            self.meter.failed(error);
        }
    }
}
