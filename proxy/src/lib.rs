//! The data plane of weir: how do a Service's clients reach its endpoints?
//!
//! ```text
//! Snapshot -> reconcile -> worker: accept -> session -> connect -> relay
//! ```
//!
//! The thread that calls [`Proxy::apply`] owns the reconciler: listening sockets, Service ports and the registry of
//! endpoint loads. Worker threads own their connections and flows. Both share the runtime of each Service port: an
//! immutable routing table, swapped whole.

mod buffers;
mod limits;
mod observe;
mod proxy;
mod reconcile;
mod routing;
mod session;
mod shared;
mod sys;
mod tcp;
mod telemetry;
mod udp;
mod worker;

pub use limits::descriptor_budget::{DescriptorBudget, DescriptorPermit};
pub use observe::{
    connection_paths::{ConnectionPaths, connection_paths},
    endpoint_state::EndpointState,
    endpoint_view::{EndpointView, Pick},
    killer::Killer,
    observer::Observer,
    port_view::PortView,
    registry::FrontendCounts,
    watching::{ConnectionChanges, Watch},
};
pub use proxy::{Drained, Proxy};
pub use reconcile::{
    bind_failure::BindFailure,
    plan::mapping::LoopbackMapping,
    report::{Applied, FrontendRow, FrontendState},
};
pub use shared::{
    bridges::SetBridges,
    config::{Config, NodeMode},
    connection_info::{ConnectionEnd, ConnectionFilter, ConnectionId, ConnectionInfo, FlowInfo, ServedPort},
    error::Error,
    event_log::{Event, EventKind, EventLog, Occurrence},
    hand_over::{HandOver, ListeningSocket},
};
pub use sys::{
    host::interface_addresses,
    marks::Marks,
    port_holders::listeners_at,
    sock_diag::{
        availability as sock_diag_availability,
        tcp_info::{CongestionState, TcpInfo},
    },
};
pub use telemetry::{
    close_reason::{Closed, UnknownReason},
    connection_log::{ConnectionLog, Datagrams, EndedSession, EndedSessions, LeftOut, connection_log},
    details::{Details, WantedDetails},
    endpoint_reading::{
        EndpointReading, EndpointStanding,
        families::{ENDPOINT_FAMILIES, EndpointFamily},
    },
    histogram::{Bounds, HistogramReading},
    metric_families::METRIC_FAMILIES,
    port_families::{PORT_FAMILIES, PortFamily, PortReading, ShowReading},
    port_series::{CheckResult, PortCount, PortSeries, ReasonCount},
    readings::Readings,
    totals::PortTotals,
};
