//! How are TCP clients served? accept -> hand_over -> session -> proxy_header -> connect -> relay

pub(crate) mod accept;
mod attempted;
mod connect;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod hand_over;
mod hops;
mod proxy_header;
mod proxy_protocol;
mod pump;
mod race;
mod relay;
mod session;
