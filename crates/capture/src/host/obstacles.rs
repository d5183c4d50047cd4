//! Which settings of this host lose captured packets although the rules are accepted?

use std::fs;

/// The settings found, each as a sentence for the operator.
pub(crate) fn obstacles() -> Vec<String> {
    let interfaces = fs::read_dir("/proc/sys/net/ipv4/conf").into_iter().flatten().flatten();
    let mut on: Vec<String> = interfaces
        .filter(|interface| {
            let value = fs::read_to_string(interface.path().join("src_valid_mark"));
            value.is_ok_and(|value| value.trim() == "1")
        })
        .map(|interface| interface.file_name().to_string_lossy().into_owned())
        .collect();
    on.sort_unstable();
    on.iter().map(|interface| src_valid_mark(interface)).collect()
}

/// Explains `src_valid_mark`: the kernel then looks up the way back with the mark too, finds that every source is local,
/// and drops the packet.
fn src_valid_mark(interface: &str) -> String {
    format!(
        "net.ipv4.conf.{interface}.src_valid_mark is 1 (wg-quick and some CNIs with WireGuard set it): the kernel drops \
         captured IPv4 packets without a word; set it to 0"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_lose_packets_are_named_with_their_interface() {
        let text = src_valid_mark("wg0");
        assert!(text.contains("net.ipv4.conf.wg0.src_valid_mark") && text.contains("set it to 0"), "{text}");
    }
}
