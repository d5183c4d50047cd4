//! Where do load balancers ask whether this node has endpoints of a Service? At health-check node ports.

mod desired_reports;
#[cfg(test)]
mod fixture;
mod ports;
mod report;
mod server;

pub(crate) use server::HealthChecks;
