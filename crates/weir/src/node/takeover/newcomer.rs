//! How does a newcomer get the sockets of the weir that runs?

use super::{
    channel::Channel,
    message::{MAX_SOCKETS, Message, Peer, invalid},
};
use std::{io, os::fd::OwnedFd, time::Duration};
use tokio::time::timeout;
use weir_capture::{RuntimeDir, TAKEOVER_SOCKET};
use weir_proxy::ListeningSocket;

/// Longest wait for each part of what the older weir passes; it may be changing its rules just then.
const MAX_PART: Duration = Duration::from_secs(15);

/// Longest wait until the older weir has let go.
const MAX_RELEASE: Duration = Duration::from_secs(5);

/// Parts that are taken at most.
const MAX_PARTS: usize = 4096;

/// A newcomer's connection to the weir that runs.
#[derive(Debug)]
pub(crate) struct Newcomer {
    channel: Channel,
    older: Peer,
}

/// What the older weir has passed.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Listening sockets of bound frontends.
    pub(crate) sockets: Vec<ListeningSocket>,
    /// The locked file of the capture lock.
    pub(crate) lock: Option<OwnedFd>,
}

impl Newcomer {
    /// Longest wait for the older weir's greeting.
    pub(crate) const MAX_GREETING: Duration = Duration::from_secs(2);

    /// Greets the weir that runs. Fails if there is none that hands over.
    pub(crate) async fn greet(runtime_dir: &RuntimeDir) -> io::Result<Self> {
        let channel = Channel::new(runtime_dir.connect(TAKEOVER_SOCKET)?)?;
        channel.send(&Message::hello()).await?;
        let older = said(&channel, Self::MAX_GREETING).await?.0;
        let older = older.peer().ok_or_else(|| invalid("it does not greet"))?;
        Ok(Self { channel, older })
    }

    /// The weir that runs.
    pub(crate) fn older(&self) -> &Peer {
        &self.older
    }

    /// Asks for the sockets. The clients of the older weir wait from then on, until this one serves or its connection ends.
    pub(crate) async fn ask(&self) -> io::Result<Taken> {
        self.channel.send(&Message::Ask).await?;
        let mut taken = Taken::default();
        for _ in 0..MAX_PARTS {
            let (message, mut descriptors) = said(&self.channel, MAX_PART).await?;
            let (sockets, more) = match message {
                Message::Sockets { sockets, lock, more } => {
                    if lock {
                        taken.lock = descriptors.pop();
                    }
                    (sockets, more)
                }
                Message::Refused { reason } => return Err(io::Error::other(reason)),
                _ => return Err(invalid("it does not pass its sockets")),
            };
            for (name, socket) in sockets.into_iter().zip(descriptors) {
                if let Some(listen) = name.frontend() {
                    taken.sockets.push(ListeningSocket { listen, socket });
                }
            }
            self.channel.send(&Message::Received).await?;
            if !more {
                return Ok(taken);
            }
        }
        Err(invalid(&format!("it passes more than {} sockets", MAX_PARTS * MAX_SOCKETS)))
    }

    /// Tells the older weir that this one serves; returns when it has let go of its ports and sockets.
    pub(crate) async fn confirm(&self) -> io::Result<()> {
        self.channel.send(&Message::Confirm).await?;
        match said(&self.channel, MAX_RELEASE).await?.0 {
            Message::Released => Ok(()),
            _ => Err(invalid("it does not say that it has let go")),
        }
    }
}

async fn said(channel: &Channel, longest: Duration) -> io::Result<(Message, Vec<OwnedFd>)> {
    match timeout(longest, channel.receive()).await {
        Ok(received) => received?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
