//! How is HAProxy configured?

use crate::{
    bed::network::{ENDPOINTS, FRONTEND, PORTS},
    proxies::resources::Resources,
    way::Way,
};
use std::fmt::Write;

/// Pipes for splice(2) count as descriptors; without a limit there would be one for every fourth connection.
const PIPES: usize = 64;
/// Capacity of each pipe in bytes, in place of the kernel's 64 KiB: the most that a user without privileges may ask for.
const PIPE_CAPACITY: usize = 1 << 20;

/// What makes HAProxy faster: no packets that only acknowledge at either end of an opening connection, and bytes that
/// stay in the kernel.
const OPTIONS: [&str; 3] = ["tcp-smart-accept", "tcp-smart-connect", "splice-auto"];

/// HAProxy's configuration in the form of a way.
pub(super) fn text(way: Way, resources: Resources) -> String {
    let mut text =
        format!("global\n    nbthread {}\n    maxconn {}\n", resources.cores, resources.connections(way));
    // Writing to a String cannot fail.
    if way.is_tuned() {
        let _ = writeln!(text, "    maxpipes {PIPES}\n    tune.pipesize {PIPE_CAPACITY}");
    }
    text += "\ndefaults\n    mode tcp\n    balance roundrobin\n    timeout connect 5s\n    timeout client 1h\n    \
             timeout server 1h\n";
    for option in OPTIONS.into_iter().filter(|_| way.is_tuned()) {
        let _ = writeln!(text, "    option {option}");
    }
    // A socket for each thread, so that none wakes another one up in vain.
    let shards = if way.is_tuned() { " shards by-thread" } else { "" };
    for port in PORTS {
        let _ = write!(text, "\nlisten port{port}\n    bind {FRONTEND}:{port}{shards}\n");
        for (number, endpoint) in ENDPOINTS.iter().enumerate() {
            let _ = writeln!(text, "    server endpoint{number} {endpoint}:{port}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCES: Resources = Resources { cores: 2, descriptors: 20_000 };

    #[test]
    fn every_port_goes_to_both_endpoints_over_all_cores() {
        for way in [Way::Haproxy, Way::HaproxyTuned] {
            let text = text(way, RESOURCES);
            assert!(text.starts_with("global\n    nbthread 2\n    maxconn 9744\n"), "{text}");
            for port in PORTS {
                assert!(text.contains(&format!("bind 10.77.1.1:{port}")), "{text}");
                for endpoint in ENDPOINTS {
                    assert!(text.contains(&format!(" {endpoint}:{port}\n")), "{text}");
                }
            }
        }
    }

    #[test]
    fn only_the_tuned_form_saves_acknowledgements_splices_and_shards() {
        let (plain, tuned) = (text(Way::Haproxy, RESOURCES), text(Way::HaproxyTuned, RESOURCES));
        for option in OPTIONS {
            assert_eq!(tuned.matches(&format!("    option {option}\n")).count(), 1, "{tuned}");
        }
        assert_eq!(tuned.matches(" shards by-thread\n").count(), PORTS.len(), "{tuned}");
        assert!(tuned.contains("    maxpipes 64\n    tune.pipesize 1048576\n"), "{tuned}");
        assert!(!["option", "shards", "pipe"].iter().any(|word| plain.contains(word)), "{plain}");
    }
}
