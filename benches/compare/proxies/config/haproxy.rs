//! How is HAProxy configured?

use crate::{
    bed::network::{ENDPOINTS, FRONTEND, PORTS},
    proxies::resources::Resources,
    way::Way,
};
use std::fmt::Write;

/// Pipes for splice(2) count as descriptors; without a limit there would be one for every fourth connection.
const PIPES: usize = 64;

/// HAProxy's configuration.
pub(super) fn text(resources: Resources) -> String {
    let mut text = format!(
        "global\n    nbthread {}\n    maxconn {}\n    maxpipes {PIPES}\n\n\
         defaults\n    mode tcp\n    option splice-auto\n    balance roundrobin\n    timeout connect 5s\n    \
         timeout client 1h\n    timeout server 1h\n",
        resources.cores,
        resources.connections(Way::Haproxy)
    );
    for port in PORTS {
        // Writing to a String cannot fail.
        let _ = write!(text, "\nlisten port{port}\n    bind {FRONTEND}:{port}\n");
        for (number, endpoint) in ENDPOINTS.iter().enumerate() {
            let _ = writeln!(text, "    server endpoint{number} {endpoint}:{port}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_goes_to_both_endpoints_over_all_cores() {
        let text = text(Resources { cores: 2, descriptors: 20_000 });
        assert!(text.starts_with("global\n    nbthread 2\n    maxconn 9744\n    maxpipes 64\n"), "{text}");
        for port in PORTS {
            assert!(text.contains(&format!("bind 10.77.1.1:{port}\n")), "{text}");
            for endpoint in ENDPOINTS {
                assert!(text.contains(&format!(" {endpoint}:{port}\n")), "{text}");
            }
        }
    }
}
