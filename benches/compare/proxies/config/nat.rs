//! How is kernel NAT configured?

use crate::bed::network::{ECHO, ENDPOINTS, FRONTEND, SINK, SOURCE};

/// Rules that send new connections and flows to the endpoints alternately.
pub(super) fn text() -> String {
    let [first, second] = ENDPOINTS;
    format!(
        "table ip compare {{\n  chain prerouting {{\n    type nat hook prerouting priority dstnat;\n    \
         ip daddr {FRONTEND} meta l4proto {{ tcp, udp }} th dport {{ {ECHO}, {SINK}, {SOURCE} }} \
         dnat to numgen inc mod 2 map {{ 0 : {first}, 1 : {second} }}\n  }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_connections_alternate_between_the_endpoints() {
        let text = text();
        assert!(text.contains("dnat to numgen inc mod 2 map { 0 : 10.77.2.2, 1 : 10.77.2.3 }\n"), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
