//! What can be wrong with an endpoint or a Service port?

use std::{num::NonZeroU16, time::Duration};
use weir_core::{Balancer, Family, Load, PortKey, Target};

/// A Service port in one family.
pub(super) type Port = (PortKey, Family);

/// Why clients of a Service port cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PortFault {
    /// The Service port has no endpoint.
    Empty { number: NonZeroU16 },
    /// None of so many endpoints works, by the failure of one of them.
    Fails { number: NonZeroU16, endpoints: usize, reason: &'static str },
}

/// What is wrong with an endpoint, and one Service port that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndpointFault {
    pub(super) port: PortKey,
    pub(super) number: NonZeroU16,
    pub(super) reason: &'static str,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Connections fail: it gets none for a while.
    Ejected,
    /// Active checks fail.
    Down,
    /// It fails, and is used all the same: too few others would be left.
    Spared,
    /// It fails, and is used all the same: nothing else is left.
    LastResort,
}

impl State {
    /// A sentence for people.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Spared => "endpoint fails and is used all the same, as too few others would be left",
            Self::LastResort => "endpoint fails and is used all the same, as nothing else is left",
            Self::Down => "endpoint is down: its checks fail",
            Self::Ejected => "endpoint ejected: it fails, and gets no clients for a while",
        }
    }
}

impl PortFault {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        matches!(self, Self::Empty { .. }) == matches!(other, Self::Empty { .. })
    }

    pub(super) fn number(&self) -> NonZeroU16 {
        let (Self::Empty { number } | Self::Fails { number, .. }) = self;
        *number
    }
}

impl EndpointFault {
    pub(super) fn of((port, number): (&PortKey, NonZeroU16), balancer: &Balancer, target: &Target) -> Self {
        let load: &Load = &target.load;
        let state = match load.is_down() {
            _ if balancer.is_last_resort(target) => State::LastResort,
            true => State::Down,
            false => State::Ejected,
        };
        let reason = match load.last_failure() {
            _ if !load.is_down() && load.ends_at_once() => "ends_at_once",
            failure => failure.map_or("unknown", |failure| failure.as_str()),
        };
        Self { port: port.clone(), number, reason, state }
    }
}

/// A time for people: to a tenth of a second.
pub(super) fn rounded(time: Duration) -> String {
    format!("{:?}", Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX) / 100 * 100))
}
