//! Which kernel parameters does a host need that opens very many connections?

use std::io;
use weir_testkit::Namespace;

/// Parameters of a client: many ephemeral ports, which begin above the ports in use, and their early reuse.
const CLIENT: [(&str, &str); 2] =
    [("net/ipv4/ip_local_port_range", "10240 65535"), ("net/ipv4/tcp_tw_reuse", "1")];

/// Lets a host open very many connections one after another.
///
/// # Errors
/// When a parameter cannot be set.
pub fn allow_many_connections(host: &Namespace) -> io::Result<()> {
    CLIENT.iter().try_for_each(|(name, value)| host.set_parameter(name, value))
}
