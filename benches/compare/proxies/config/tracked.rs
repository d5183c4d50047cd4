//! What do the rules of a host say that tracks connections and does nothing else?

/// Rules that change no packet. With a chain for NAT in each direction the kernel tracks connections and asks for their
/// translation, as on every node of a cluster that masquerades what leaves its pods' networks.
pub(super) fn text() -> String {
    "table ip compare {\n  chain prerouting {\n    type nat hook prerouting priority dstnat;\n  }\n  chain postrouting \
     {\n    type nat hook postrouting priority srcnat;\n  }\n}\n"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_touches_a_packet() {
        let text = text();
        let statements = text.lines().map(str::trim).filter(|line| line.ends_with(';'));
        assert!(statements.clone().all(|line| line.starts_with("type nat hook ")), "{text}");
        assert_eq!(statements.count(), 2);
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }
}
