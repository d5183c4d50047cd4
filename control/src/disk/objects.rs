//! In which order are the parts of objects written? Every change here, and every new part of an object, is a new schema.

use super::wire::{Malformed, Reader, Wire, Writer};
use ipnet::IpNet;
use std::{
    net::IpAddr,
    num::{NonZeroU16, NonZeroU32},
    sync::Arc,
    time::Duration,
};
use weir_core::{
    EndpointSlice, Family, Node, PerFamily, Policy, Protocol, Ratio, Service, ServiceKey, Settings,
    endpoint::{Conditions, Hints, SliceEndpoint, SlicePort},
    service::PortSpec,
    settings::{ActiveCheck, EndpointRemoved, Limits, ProxyProtocol},
};

/// The parts of a struct, all of them, in this order. A part that is missing here does not compile.
macro_rules! parts {
    ($name:ident { $($part:ident),* $(,)? }) => {
        impl Wire for $name {
            fn write(&self, out: &mut Writer) {
                let Self { $($part),* } = self;
                $($part.write(out);)*
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
                Ok(Self { $($part: Wire::read(input)?),* })
            }
        }
    };
}

/// The number of each variant.
macro_rules! numbers {
    ($name:ident { $($variant:ident = $number:literal),* $(,)? }) => {
        impl Wire for $name {
            fn write(&self, out: &mut Writer) {
                out.bytes.push(match self { $(Self::$variant => $number),* });
            }

            fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
                match input.array()? {
                    $([$number] => Ok(Self::$variant),)*
                    _ => Err(input.malformed()),
                }
            }
        }
    };
}

pub(super) use parts;

parts!(ServiceKey { namespace, name });
parts!(PortSpec { name, protocol, port, node_port });
parts!(Service {
    key,
    cluster_ips,
    external_ips,
    load_balancer_ips,
    source_ranges,
    internal_local,
    external_local,
    affinity,
    health_check_node_port,
    ports,
    settings,
});
parts!(SlicePort { name, protocol, port });
parts!(SliceEndpoint { ip, conditions, node, zone, hints });
parts!(EndpointSlice { name, service, family, ports, endpoints });
parts!(Hints { zones, nodes });
parts!(Node { name, zone, internal_ips, pod_cidrs, known, leaving });
parts!(ActiveCheck { interval, rise, fall });
parts!(Limits {
    connections,
    connections_per_endpoint,
    queue,
    queue_timeout,
    connections_per_client,
    accept_rate,
    udp_flows_per_client,
});
parts!(Settings {
    balance,
    connect_timeout,
    idle_timeout,
    udp_idle_timeout,
    udp_assured_timeout,
    dead_peer_timeout,
    max_connection_age,
    on_endpoint_removed,
    health_check,
    topology_spill,
    limits,
    proxy_protocol,
    accept_proxy_protocol,
});

numbers!(Protocol { Sctp = 0, Tcp = 1, Udp = 2 });
numbers!(Family { V4 = 4, V6 = 6 });
numbers!(Policy { Random = 0, RoundRobin = 1, LeastConnections = 2, PeakEwma = 3, Maglev = 4 });
numbers!(ProxyProtocol { V1 = 1, V2 = 2 });

impl<T: Wire> Wire for PerFamily<T> {
    fn write(&self, out: &mut Writer) {
        let Self { v4, v6 } = self;
        v4.write(out);
        v6.write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { v4: T::read(input)?, v6: T::read(input)? })
    }
}

impl Wire for Conditions {
    fn write(&self, out: &mut Writer) {
        let Self { ready, serving, terminating } = *self;
        out.bytes.push(u8::from(ready) | u8::from(serving) << 1 | u8::from(terminating) << 2);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let [bits] = input.array()?;
        if bits > 7 {
            return Err(input.malformed());
        }
        Ok(Self { ready: bits & 1 != 0, serving: bits & 2 != 0, terminating: bits & 4 != 0 })
    }
}

impl Wire for EndpointRemoved {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Keep => out.bytes.push(0),
            Self::Drain(within) => {
                out.bytes.push(1);
                within.write(out);
            }
            Self::Reset => out.bytes.push(2),
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        match input.array()? {
            [0] => Ok(Self::Keep),
            [1] => Ok(Self::Drain(Duration::read(input)?)),
            [2] => Ok(Self::Reset),
            _ => Err(input.malformed()),
        }
    }
}

impl Wire for IpAddr {
    fn write(&self, out: &mut Writer) {
        Family::of(*self).write(out);
        match self {
            Self::V4(ip) => out.bytes.extend(ip.octets()),
            Self::V6(ip) => out.bytes.extend(ip.octets()),
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match Family::read(input)? {
            Family::V4 => input.array::<4>()?.into(),
            Family::V6 => input.array::<16>()?.into(),
        })
    }
}

impl Wire for IpNet {
    fn write(&self, out: &mut Writer) {
        self.addr().write(out);
        out.bytes.push(self.prefix_len());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (address, [length]) = (IpAddr::read(input)?, input.array()?);
        Self::new(address, length).map_err(|_| input.malformed())
    }
}

impl Wire for Duration {
    fn write(&self, out: &mut Writer) {
        out.number(self.as_secs());
        out.number(self.subsec_nanos().into());
    }

    /// At most 136 years, so that it can be added to any time.
    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (seconds, nanos) = (input.small::<u32>()?, input.small()?);
        match nanos {
            0..1_000_000_000 => Ok(Self::new(seconds.into(), nanos)),
            _ => Err(input.malformed()),
        }
    }
}

impl Wire for Ratio {
    fn write(&self, out: &mut Writer) {
        self.to_string().write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.text()?.parse().map_err(|_| input.malformed())
    }
}

impl Wire for u32 {
    fn write(&self, out: &mut Writer) {
        out.number((*self).into());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.small()
    }
}

impl Wire for NonZeroU16 {
    fn write(&self, out: &mut Writer) {
        out.number(self.get().into());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::new(input.small()?).ok_or(input.malformed())
    }
}

impl Wire for NonZeroU32 {
    fn write(&self, out: &mut Writer) {
        self.get().write(out);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::new(input.small()?).ok_or(input.malformed())
    }
}

impl Wire for Box<[Arc<str>]> {
    fn write(&self, out: &mut Writer) {
        out.all(self.iter());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Vec::read(input).map(Self::from)
    }
}

impl Wire for Arc<[IpNet]> {
    fn write(&self, out: &mut Writer) {
        out.all(self.iter());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Vec::read(input).map(Self::from)
    }
}
