//! Which of several endpoints accepts first?

use crate::{
    limits::descriptor_budget::DescriptorPermit,
    routing::port_runtime::Selected,
    sys::{
        self_connect::{self, EphemeralPorts},
        socket::{Egress, tcp_connecting},
        tcp::Stream,
    },
};
use std::{
    io,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use weir_core::MAX_RACING_ATTEMPTS;

/// A connection that is being opened.
pub(super) struct Attempt {
    pub(super) selected: Selected,
    pub(super) stream: Stream,
    started: Instant,
    /// Whether the socket might be connected to itself.
    may_meet_itself: bool,
    /// Descriptor of an attempt beside another one.
    _extra: Option<DescriptorPermit>,
}

/// The attempts of one client that have neither succeeded nor failed.
#[derive(Default)]
pub(super) struct Race {
    attempts: [Option<Attempt>; MAX_RACING_ATTEMPTS],
}

/// An attempt that has ended, with the error if it failed.
pub(super) struct Ended {
    pub(super) attempt: Attempt,
    pub(super) error: Option<io::Error>,
}

impl Attempt {
    /// Begins to connect. A connect that fails at once gives its endpoint back.
    pub(super) fn begin(
        selected: Selected,
        egress: Egress<'_>,
        ephemeral_ports: EphemeralPorts,
        now: Instant,
        extra: Option<DescriptorPermit>,
    ) -> Result<Self, (Selected, io::Error)> {
        let may_meet_itself = ephemeral_ports.may_meet(egress.source, selected.address);
        match tcp_connecting(selected.address, egress).and_then(Stream::watch) {
            Ok(stream) => Ok(Self { selected, stream, started: now, may_meet_itself, _extra: extra }),
            Err(error) => Err((selected, error)),
        }
    }

    /// Time since the attempt began.
    pub(super) fn took(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<io::Error>> {
        let connected = ready!(self.stream.poll_connected(context));
        let met_itself = || self_connect::refusal(&self.stream, self.selected.address);
        Poll::Ready(connected.err().or_else(|| self.may_meet_itself.then(met_itself).flatten()))
    }
}

impl Race {
    /// Adds an attempt.
    pub(super) fn add(&mut self, attempt: Attempt) {
        if let Some(free) = self.attempts.iter_mut().find(|attempt| attempt.is_none()) {
            *free = Some(attempt);
        }
    }

    /// Polls the attempts; ready when one has succeeded or failed.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        for entry in &mut self.attempts {
            if let Some(attempt) = entry
                && let Poll::Ready(error) = attempt.poll(context)
                && let Some(attempt) = entry.take()
            {
                return Poll::Ready(Ended { attempt, error });
            }
        }
        Poll::Pending
    }

    /// Attempts that are under way.
    pub(super) fn into_attempts(self) -> impl Iterator<Item = Attempt> {
        self.attempts.into_iter().flatten()
    }

    /// Whether no attempt is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.attempts.iter().all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::{Domain, Socket, Type};
    use std::{future::poll_fn, io::ErrorKind, sync::Arc};
    use weir_core::Load;

    #[tokio::test]
    async fn a_connect_that_reaches_itself_is_refused_and_leaves_the_port_free() {
        let address = weir_testkit::refused_address().unwrap();
        // The source that the kernel would choose by chance.
        let egress = Egress { source: Some(address), ..Egress::default() };
        let selected = Selected { address, lease: Arc::new(Load::default()).lease() };
        let Ok(attempt) = Attempt::begin(selected, egress, EphemeralPorts::read(), Instant::now(), None)
        else {
            panic!("the kernel refuses it");
        };
        let mut race = Race::default();
        race.add(attempt);
        let ended = poll_fn(|context| race.poll(context)).await;
        assert_eq!(ended.error.unwrap().kind(), ErrorKind::ConnectionRefused);
        drop(ended.attempt);
        // Without SO_REUSEADDR, so that TIME_WAIT would be in the way.
        Socket::new(Domain::IPV4, Type::STREAM, None).unwrap().bind(&address.into()).unwrap();
    }
}
