//! How is realm configured?

use crate::bed::network::{ECHO, ENDPOINTS, FRONTEND, PORTS};
use serde_json::{Value, json};

/// realm's configuration, as JSON.
pub(super) fn text() -> String {
    let [first, second] = ENDPOINTS;
    let endpoint = |port: u16| -> Value {
        json!({
            "listen": format!("{FRONTEND}:{port}"),
            "remote": format!("{first}:{port}"),
            "extra_remotes": [format!("{second}:{port}")],
            "balance": "roundrobin: 1, 1",
            "network": { "no_tcp": false, "use_udp": port == ECHO, "udp_timeout": 60 },
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
        let config: Value = serde_json::from_str(&text()).unwrap();
        for (endpoint, port) in config["endpoints"].as_array().unwrap().iter().zip(PORTS) {
            assert_eq!(endpoint["listen"], format!("10.77.1.1:{port}"));
            assert_eq!(endpoint["remote"], format!("10.77.2.2:{port}"));
            assert_eq!(endpoint["extra_remotes"][0], format!("10.77.2.3:{port}"));
            assert_eq!(endpoint["network"]["use_udp"], port == ECHO);
        }
    }
}
