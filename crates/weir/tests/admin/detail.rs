//! What does somebody see who looks at details? What the kernel knows of real connections, and others see nothing.

use crate::{
    bed, client,
    client::{Events, ask, get},
    common::{free, manifest, wait_for},
    echo, items,
};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

/// Whether a way was measured, and by a kernel that sends nothing again on loopback.
fn is_measured(way: &Value) -> bool {
    way["rttSeconds"].as_f64().is_some_and(|seconds| seconds > 0.0)
        && way["retransmits"].is_u64()
        && way["unackedBytes"].is_u64()
}

#[test]
fn a_connection_has_a_round_trip_on_both_ways_for_who_asks_for_details_and_for_nobody_else() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let held: Vec<_> = (0..3).map(|_| client(bed.web)).collect();
    let seen = |query: &str| get(&bed.admin, &format!("/api/v1/connections{query}"));
    assert_eq!(items(&seen(""))[0]["detail"], Value::Null);
    for query in ["?detail=true", "?detail=true&sort=bytes", "?detail=true&limit=1"] {
        let list = seen(query);
        assert!(list["lease"]["expiresInSeconds"].is_number(), "{list}");
        for connection in items(&list) {
            let detail = &connection["detail"];
            assert!(is_measured(&detail["client"]) && is_measured(&detail["endpoint"]), "{connection}");
        }
    }
    // Also while oneself has a lease, and somebody else.
    assert_eq!(items(&seen(""))[0]["detail"], Value::Null);
    assert_eq!(items(&get(&bed.socket, "/api/v1/connections"))[0]["detail"], Value::Null);
    drop(held);
    wait_for("the end", || items(&seen("?state=closed")).len() == 3);
    assert_eq!(items(&seen("?state=closed&detail=true"))[0]["detail"], Value::Null);
}

#[test]
fn an_endpoint_has_the_sums_of_its_live_connections() {
    let (server, idle) = (echo(), echo());
    let (alone, dns) = (free(Ipv4Addr::new(127, 0, 0, 9)), free(Ipv4Addr::new(127, 0, 0, 9)));
    let alone = manifest(alone, &[idle.address()]).replace("web", "alone");
    let dns = manifest(dns, &[idle.address()]).replace("web", "dns").replace("port:", "protocol: UDP, port:");
    let bed = bed(&[server.address()], &format!("{alone}---\n{dns}"));
    let _held: Vec<_> = (0..3).map(|_| client(bed.web)).collect();
    let list = get(&bed.admin, "/api/v1/endpoints?detail=true");
    let of = |service: &str| {
        items(&list).iter().find(|item| item["service"] == service).unwrap()["detail"].clone()
    };
    let web = of("web");
    assert_eq!(web["sockets"], 3);
    assert!(is_measured(&web) && web["rttMaxSeconds"].as_f64() >= web["rttSeconds"].as_f64(), "{web}");
    assert_eq!(
        of("alone"),
        json!({"sockets": 0, "rttSeconds": null, "rttMaxSeconds": null, "retransmits": 0, "unackedBytes": 0})
    );
    assert_eq!(of("dns"), Value::Null);
    let service = |query: &str| get(&bed.admin, &format!("/api/v1/services/default/web{query}"));
    assert_eq!(service("?detail=true")["endpoints"][0]["detail"]["sockets"], 3);
    for without in
        [service("")["endpoints"][0].clone(), items(&get(&bed.admin, "/api/v1/endpoints"))[0].clone()]
    {
        assert_eq!(without["detail"], Value::Null);
    }
}

#[test]
fn streams_tell_details_of_what_is_there_and_of_what_comes() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let _before = client(bed.web);
    let mut stream = Events::open(&bed.admin, "/api/v1/connections?detail=true");
    let (_, list) = stream.next();
    assert!(is_measured(&items(&list)[0]["detail"]["client"]), "{list}");
    // Where asking takes long, the answer is told again for longer, and has not whoever came since.
    let mut held = vec![client(bed.web)];
    stream.until("changes", |data| {
        let mut opened = data["opened"].as_array().unwrap().iter();
        let has_detail = opened.any(|connection| is_measured(&connection["detail"]["endpoint"]));
        if !has_detail {
            held.push(client(bed.web));
        }
        has_detail
    });
    let mut page = Events::open(&bed.socket, "/api/v1/stream?focus=default/web&detail=true");
    page.until("snapshot", |data| data["focus"]["endpoints"][0]["detail"]["sockets"] == held.len() + 1);
    let mut plain = Events::open(&bed.admin, "/api/v1/stream?focus=default/web");
    assert_eq!(plain.until("snapshot", |_| true)["focus"]["endpoints"][0]["detail"], Value::Null);
    assert_eq!(
        ask(&bed.admin, "GET /api/v1/leases", "", "").unwrap().json()["items"].as_array().unwrap().len(),
        2
    );
}
