//! How large may packets be on their way to endpoints?

use super::{check::Check, rules::cannot_look};
use weir_capture::{Host, Link, LinkKind, Links};

const NAME: &str = "MTU";

pub(super) fn judge(host: &Host) -> Vec<Check> {
    match &host.links {
        Ok(links) => vec![mtu(links)],
        Err(error) => vec![cannot_look(NAME, error)],
    }
}

fn mtu(links: &Links) -> Check {
    let uplink = links.all.iter().find(|link| links.uplink.as_ref() == Some(&link.name));
    let pods = || links.all.iter().filter(|link| link.kind == LinkKind::Pod);
    let tunnels = links.all.iter().filter(|link| link.kind == LinkKind::Tunnel);
    let tunnel = tunnels.min_by_key(|link| link.mtu);
    let (Some(smallest), Some(largest)) =
        (pods().min_by_key(|link| link.mtu), pods().max_by_key(|link| link.mtu))
    else {
        return Check::ok(NAME, format!("no pod has an interface here yet{}", also(uplink)));
    };
    // Packets between nodes go through a tunnel if there is one.
    let way = tunnel.or(uplink);
    if let Some(way) = way.filter(|way| largest.mtu > way.mtu) {
        return Check::warn(
            NAME,
            format!(
                "{} bytes on {} are more than the {} bytes on {}, by which packets leave this node: those that do not fit are \
                 cut up or lost. weir's own connections adapt, UDP and direct connections between pods do not",
                largest.mtu, largest.name, way.mtu, way.name
            ),
            "set the network plugin's MTU to at most that of the way between nodes",
        );
    }
    let pods = match smallest.mtu == largest.mtu {
        true => format!("{} bytes at pods", smallest.mtu),
        false => format!("{} to {} bytes at pods", smallest.mtu, largest.mtu),
    };
    Check::ok(NAME, format!("{pods}{}{}", also(tunnel), also(uplink)))
}

fn also(link: Option<&Link>) -> String {
    link.map(|link| format!(", {} bytes on {}", link.mtu, link.name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::check::Outcome;

    fn links(of: &[(&str, LinkKind, u32)]) -> Links {
        let all = of.iter().map(|&(name, kind, mtu)| Link { name: name.into(), kind, mtu }).collect();
        Links { all, uplink: Some("eth0".into()), pods: Vec::new() }
    }

    #[test]
    fn packets_of_pods_fit_on_the_way_to_other_nodes() {
        use LinkKind::{Other, Pod, Tunnel};
        let outcome = |of: &[(&str, LinkKind, u32)]| mtu(&links(of)).outcome;
        let (eth0, overlay) = (("eth0", Other, 1500), ("flannel.1", Tunnel, 1450));
        assert_eq!(outcome(&[eth0]), Outcome::Ok);
        assert_eq!(outcome(&[eth0, overlay, ("veth1", Pod, 1450), ("weir0", Other, 65_535)]), Outcome::Ok);
        assert_eq!(outcome(&[eth0, overlay, ("veth1", Pod, 1500)]), Outcome::Warn);
        assert_eq!(outcome(&[eth0, ("veth1", Pod, 9000)]), Outcome::Warn);
        let said = mtu(&links(&[eth0, ("veth1", Pod, 1450), ("veth2", Pod, 1500)])).finding;
        assert_eq!(said, "1450 to 1500 bytes at pods, 1500 bytes on eth0");
    }
}
