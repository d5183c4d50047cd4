//! Where do load balancers ask whether this node has endpoints of a Service? At health-check node ports.

#[cfg(test)]
mod fixture;
mod ports;
mod report;
mod server;
mod wanted;

pub(crate) use server::HealthChecks;
