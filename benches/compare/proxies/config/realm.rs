//! How is realm configured?

use crate::{
    bed::network::{ECHO, ENDPOINTS, FRONTEND, PORTS},
    way::Way,
};
use serde_json::{Value, json};

/// Capacity of each pipe in pages, in place of the kernel's 16: the most that a user without privileges may ask for.
const PIPE_PAGES: &str = "256";

/// realm's arguments in the form of a way, whose configuration is in a file.
pub(super) fn arguments(way: Way, path: &str) -> Vec<String> {
    let tuned = ["--pipe-page", PIPE_PAGES].into_iter().filter(|_| way.is_tuned());
    ["-c", path].into_iter().chain(tuned).map(str::to_owned).collect()
}

/// realm's configuration in the form of a way, as JSON.
pub(super) fn text(way: Way) -> String {
    let [first, second] = ENDPOINTS;
    let endpoint = |port: u16| -> Value {
        let mut network = json!({ "no_tcp": false, "use_udp": port == ECHO, "udp_timeout": 60 });
        if way.is_tuned() {
            // Three system calls for each end of a connection, which no other proxy makes by default.
            network["tcp_keepalive"] = json!(0);
        }
        json!({
            "listen": format!("{FRONTEND}:{port}"),
            "remote": format!("{first}:{port}"),
            "extra_remotes": [format!("{second}:{port}")],
            "balance": "roundrobin: 1, 1",
            "network": network,
        })
    };
    json!({
        "log": { "level": "warn", "output": "stdout" },
        "endpoints": PORTS.map(endpoint),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_goes_to_both_endpoints_in_turn() {
        for way in [Way::Realm, Way::RealmTuned] {
            let config: Value = serde_json::from_str(&text(way)).unwrap();
            for (endpoint, port) in config["endpoints"].as_array().unwrap().iter().zip(PORTS) {
                assert_eq!(endpoint["listen"], format!("10.77.1.1:{port}"));
                assert_eq!(endpoint["remote"], format!("10.77.2.2:{port}"));
                assert_eq!(endpoint["extra_remotes"][0], format!("10.77.2.3:{port}"));
                assert_eq!(endpoint["network"]["use_udp"], port == ECHO);
                assert_eq!(endpoint["network"]["tcp_keepalive"] == 0, way.is_tuned());
            }
        }
    }

    #[test]
    fn only_the_tuned_form_has_larger_pipes() {
        assert_eq!(arguments(Way::Realm, "a.json"), ["-c", "a.json"]);
        assert_eq!(arguments(Way::RealmTuned, "a.json"), ["-c", "a.json", "--pipe-page", "256"]);
    }
}
