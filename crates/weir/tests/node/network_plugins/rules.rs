//! Which rules do network plugins write? In the shape of each, for the pods a-1 and a-2 of one node, without the plugins.

use std::net::IpAddr;
use weir_testkit::cluster::Host;

pub(super) fn both(host: &Host) -> [IpAddr; 2] {
    [host.v4(), host.v6()]
}

/// Rules of Calico's nftables dataplane: the source check of pods in `raw`, and their egress to the host in `filter`. `egress`
/// are the rules of the client's policies, `action` is DefaultEndpointToHostAction.
pub(super) fn calico(egress: &str, action: &str) -> String {
    format!(
        "table inet calico {{
            chain raw-PREROUTING {{
                type filter hook prerouting priority raw; policy accept
                iifname \"cali*\" meta mark set meta mark or 0x80000
                meta mark & 0x80000 == 0x80000 fib saddr . mark . iif oif 0 drop
            }}
            chain filter-INPUT {{
                type filter hook input priority filter; policy accept
                iifname \"cali*\" goto filter-cali-wl-to-host
            }}
            chain filter-cali-wl-to-host {{
                jump filter-cali-from-wl-dispatch
                {action}
            }}
            chain filter-cali-from-wl-dispatch {{
                iifname \"cali-a-2\" goto filter-cali-fw-a-2
                iifname \"cali-a-1\" return
                drop
            }}
            chain filter-cali-fw-a-2 {{
                ct state established,related accept
                ct state invalid drop
                meta l4proto ipv6-icmp return
                {egress}
            }}
        }}\n"
    )
}

/// Calico's rules for ingress of the endpoint, by the interface that leads to it; `verdict` is for what comes from the client.
pub(super) fn calico_ingress(client: &Host, verdict: &str) -> String {
    let judge = each(both(client), &format!("IP saddr {{}} {verdict}\n"));
    format!(
        "table inet calico {{
            chain filter-FORWARD {{
                type filter hook forward priority filter; policy accept
                iifname \"cali-*\" jump filter-cali-from-wl-dispatch
                oifname \"cali-*\" jump filter-cali-to-wl-dispatch
            }}
            chain filter-cali-from-wl-dispatch {{
            }}
            chain filter-cali-to-wl-dispatch {{
                oifname \"cali-a-1\" goto filter-cali-tw-a-1
            }}
            chain filter-cali-tw-a-1 {{
                ct state established,related accept
                ct state invalid drop
                {judge}drop
            }}
        }}\n"
    )
}

/// What a rule of kube-router's says of a packet that a policy admits.
pub(super) const ADMIT: &str = "meta mark set meta mark | 0x10000";

/// Rules of kube-router's nftables mode for the pods of one node, by the policies that select the client and the endpoint.
pub(super) fn kube_router(client: &Host, endpoint: &Host, policies: [&str; 2]) -> String {
    let jumps = |direction: &str| {
        let of = |host: &Host, chain: &str| {
            let of =
                |(ip, word): (IpAddr, &str)| format!("{word} {direction} {ip} jump KUBE-POD-FW-{chain}\n");
            both(host).into_iter().zip(["ip", "ip6"]).map(of).collect::<String>()
        };
        of(client, "CLIENT") + &of(endpoint, "ENDPOINT")
    };
    let (to, from) = (jumps("daddr"), jumps("saddr"));
    let pod = |name: &str, rules: &str| {
        format!(
            "chain KUBE-POD-FW-{name} {{
                ct state invalid drop
                ct state established,related accept
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                fib saddr type local accept
                {rules}
                meta mark & 0x10000 == 0 reject
                meta mark set meta mark & 0xfffeffff
                meta mark set meta mark | 0x20000
            }}\n"
        )
    };
    let (client, endpoint) = (pod("CLIENT", policies[0]), pod("ENDPOINT", policies[1]));
    format!(
        "table inet kube-router {{
            chain KUBE-ROUTER-INPUT {{
                type filter hook input priority filter; policy accept
                ip daddr 172.30.0.0/16 return
                ip6 daddr fd00:172:30::/112 return
                {from}
                meta mark & 0x20000 == 0x20000 accept
            }}
            chain KUBE-ROUTER-FORWARD {{
                type filter hook forward priority filter; policy accept
                {to}{from}
                meta mark & 0x20000 == 0x20000 accept
            }}
            chain KUBE-ROUTER-OUTPUT {{
                type filter hook output priority filter; policy accept
                {to}{from}
                meta mark & 0x20000 == 0x20000 accept
            }}
            {client}{endpoint}
        }}\n"
    )
}

/// The rules that kube-network-policies has, with what its program says behind NFQUEUE in place of that.
pub(super) fn kube_network_policies(verdicts: &str) -> String {
    format!(
        "table inet kube-network-policies {{
            chain postrouting {{
                type filter hook postrouting priority srcnat - 5; policy accept
                icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                meta skuid 0 accept
                {verdicts}
            }}
            chain input {{
                type filter hook input priority 101; policy accept
                iifname \"lo\" accept
                ct state new drop
            }}
        }}\n"
    )
}

/// Text for both families, in which `{}` stands for an address.
pub(super) fn each(ips: [IpAddr; 2], text: &str) -> String {
    ips.into_iter()
        .zip(["ip", "ip6"])
        .map(|(ip, word)| text.replace("IP", word).replace("{}", &ip.to_string()))
        .collect()
}

/// kube-router's rules for a policy of the client whose rules match these addresses as the `direction` of a packet.
pub(super) fn kube_router_admitting(
    direction: &str,
    ips: impl Fn(&Host, &Host) -> [IpAddr; 2],
) -> impl Fn(&Host, &Host) -> String {
    move |client, endpoint| {
        let admit = |ips, direction: &str| each(ips, &format!("IP {direction} {{}} {ADMIT}\n"));
        let policies = admit(ips(client, endpoint), direction) + &admit(both(client), direction);
        kube_router(client, endpoint, [&policies, ADMIT])
    }
}
