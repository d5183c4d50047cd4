//! Which limits can be set for the whole process, and for all Services?

use super::values;
use clap::{Args, value_parser};
use std::num::{NonZeroU32, NonZeroUsize};
use weir_core::{Limits, Settings};
use weir_proxy::Config;

/// Limits of this process, and of Services that set no other by annotation.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Live TCP connections; near the limit, the Service that has most of them is refused first
    /// [default: as the limit of open files allows, two descriptors for each]
    #[arg(long, value_name = "N", value_parser = values::process_limit)]
    max_connections: Option<NonZeroUsize>,

    /// Live UDP flows; one more ends the flow that has been idle for longest
    /// [default: a quarter of the limit of open files, at most 65536]
    #[arg(long, value_name = "N", value_parser = values::process_limit)]
    max_udp_flows: Option<NonZeroUsize>,

    /// Memory of relays for bytes that were read and cannot be written yet [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    relay_memory: Option<usize>,

    /// Live TCP connections of one Service; more are refused (weir.dev/max-connections)
    #[arg(long, value_name = "N", value_parser = values::count)]
    max_connections_per_service: Option<NonZeroU32>,

    /// Live TCP connections to one endpoint; more wait (weir.dev/max-connections-per-endpoint)
    #[arg(long, value_name = "N", value_parser = values::count)]
    max_connections_per_endpoint: Option<NonZeroU32>,

    /// Live TCP connections of one client address to one Service; more are refused
    #[arg(long, value_name = "N", value_parser = values::count)]
    max_connections_per_client: Option<NonZeroU32>,

    /// TCP clients of one Service accepted in a second; more wait (weir.dev/accept-rate)
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    accept_rate: Option<u32>,

    /// UDP flows of one client address to one Service; one more ends the client's flow that has been idle for longest
    #[arg(long, value_name = "N", value_parser = values::count)]
    max_udp_flows_per_client: Option<NonZeroU32>,
}

impl LimitArgs {
    /// Settings of Services whose annotations set nothing else.
    pub(crate) fn defaults(&self) -> Settings {
        let limits = Limits {
            connections: self.max_connections_per_service,
            connections_per_endpoint: self.max_connections_per_endpoint,
            connections_per_client: self.max_connections_per_client,
            accept_rate: self.accept_rate.and_then(NonZeroU32::new),
            udp_flows_per_client: self.max_udp_flows_per_client,
            ..Limits::default()
        };
        Settings { limits, ..Settings::default() }
    }

    /// Applies the limits of this process to the set-up of the data plane.
    pub(crate) fn apply(&self, config: Config) -> Config {
        Config {
            max_connections: self.max_connections.map_or(config.max_connections, NonZeroUsize::get),
            udp_flows: self.max_udp_flows.map_or(config.udp_flows, NonZeroUsize::get),
            relay_memory: self.relay_memory.unwrap_or(config.relay_memory),
            ..config
        }
    }
}
