//! Are Services chosen by their labels in every list, and anew when labels change?

use crate::{
    Bed, bed, client,
    client::{Events, ask, get},
    common::{HANG, free, manifest, wait_for},
    echo, items,
};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use weir_testkit::{OwnThread, UdpBehaviour, UdpServer};

/// Manifests of `default/web` with labels, and of the UDP Service `default/dns` without.
fn manifests(web: SocketAddr, dns: SocketAddr, to: [SocketAddr; 2], labels: &str) -> String {
    let web =
        manifest(web, &to[..1]).replacen("{name: web}", &format!("{{name: web, labels: {{{labels}}}}}"), 1);
    let dns = manifest(dns, &to[1..]).replace("web", "dns").replace("port:", "protocol: UDP, port:");
    format!("{web}---\n{dns}")
}

/// Services in the items of a list that is asked for with a selector.
fn chosen(bed: &Bed, route: &str, selector: &str) -> Vec<String> {
    let list = get(&bed.admin, &format!("/api/v1/{route}?labelSelector={selector}"));
    items(&list).iter().map(|item| item["service"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_list_has_only_what_belongs_to_services_with_the_labels() {
    let server = echo();
    let udp =
        OwnThread::start(|| UdpServer::start("127.0.0.2:0".parse().unwrap(), UdpBehaviour::Echo)).unwrap();
    let dns = free(Ipv4Addr::new(127, 0, 0, 9));
    let bed = bed(&[server.address()], "");
    let to = [server.address(), udp.address()];
    let relabel = |labels: &str| {
        bed.weir.write(&manifests(bed.web, dns, to, labels));
        let encoded = labels.replace(": ", "%3D").replace(", ", ",").replace('"', "");
        wait_for("the labels", || chosen(&bed, "services", &encoded) == ["web"]);
    };
    relabel("app: shop, tier: front");
    let _held = client(bed.web);
    let asker = UdpSocket::bind("127.0.0.1:0").unwrap();
    asker.set_read_timeout(Some(HANG)).unwrap();
    wait_for("a flow", || asker.send_to(b"hello", dns).is_ok() && asker.recv(&mut [0; 8]).is_ok());
    assert_eq!(chosen(&bed, "services", ""), ["dns", "web"]);
    for (route, others) in [("services", "dns"), ("endpoints", "dns"), ("connections", ""), ("flows", "dns")]
    {
        let own = if route == "flows" { vec![] } else { vec!["web"] };
        for selector in ["app%3Dshop", "app%20in%20(shop,bank),!legacy,tier!%3Dback"] {
            assert_eq!(chosen(&bed, route, selector), own, "{route} {selector}");
        }
        let others = if others.is_empty() { vec![] } else { vec![others] };
        assert_eq!(chosen(&bed, route, "!app"), others, "{route}");
        assert_eq!(chosen(&bed, route, "app%3Dbank"), Vec::<String>::new(), "{route}");
    }
    let counted = get(&bed.admin, "/api/v1/services?labelSelector=app");
    assert_eq!((&counted["metadata"]["total"], &counted["metadata"]["matched"]), (&json!(2), &json!(1)));
    relabel("app: bank");
    assert_eq!(chosen(&bed, "connections", "app%3Dshop"), Vec::<String>::new());
    assert_eq!(chosen(&bed, "connections", "app%3Dbank"), ["web"]);
}

#[test]
fn a_stream_follows_services_that_get_the_labels_later() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let mut stream = Events::open(&bed.admin, "/api/v1/connections?labelSelector=app%3Dshop");
    assert_eq!(items(&stream.next().1).len(), 0);
    let dns = free(Ipv4Addr::new(127, 0, 0, 9));
    bed.weir.write(&manifests(bed.web, dns, [server.address(); 2], "app: shop"));
    wait_for("the label", || chosen(&bed, "services", "app%3Dshop") == ["web"]);
    let held = client(bed.web);
    let name = held.local_addr().unwrap().to_string();
    let has = |data: &Value| data["opened"].as_array().unwrap().iter().any(|one| one["client"] == *name);
    stream.until("changes", has);
}

#[test]
fn what_is_no_selector_is_refused_where_it_stops_being_one() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let long = format!("app%3D{}", "w,".repeat(600));
    for (route, selector, said) in [
        ("services", "app%3Dweb,,", "at character 9: there must be the key of a label"),
        ("endpoints", "app%20in%20x", "values in parentheses"),
        ("connections", "app%3E1", "at character 4"),
        ("flows", &long, "at most 1024 bytes"),
    ] {
        let line = format!("GET /api/v1/{route}?labelSelector={selector}");
        let seen = ask(&bed.admin, &line, "", "").unwrap();
        let told = seen.json();
        assert_eq!((seen.status, &told["details"]["parameter"]), (400, &json!("labelSelector")), "{told}");
        assert!(told["message"].as_str().unwrap().contains(said), "{told}");
    }
}
