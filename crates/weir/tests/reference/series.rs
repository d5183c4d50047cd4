//! Does a scrape show what is in use, with what is asked for, and no longer than that?

use crate::common::{Weir, free, get, greeter, greeting, manifest, metric, wait_for};
use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpStream},
};

/// Manifests of two Services with one endpoint, on a node and in a zone.
fn two_services(endpoint: SocketAddr) -> ([SocketAddr; 2], [String; 2]) {
    let services = [9, 10].map(|last| free(Ipv4Addr::new(127, 0, 0, last)));
    let on_node = "endpoints: [{nodeName: node-a, zone: zone-1, ";
    let [web, shop] = services.map(|service| {
        let manifest = manifest(service, &[endpoint]);
        assert!(manifest.contains("endpoints: [{"), "{manifest}");
        manifest.replace("endpoints: [{", on_node)
    });
    (services, [web, shop.replace("web", "shop")])
}

#[test]
fn series_of_a_service_that_is_gone_leave_and_those_of_others_stay() {
    let a = greeter("a");
    let ([web, shop], [of_web, of_shop]) = two_services(a.address());
    let admin = free(Ipv4Addr::LOCALHOST);
    let weir = Weir::ready(&format!("{of_web}---\n{of_shop}"), &["--admin-address", &admin.to_string()]);
    assert_eq!((greeting(web).unwrap(), greeting(shop).unwrap()), ("a".into(), "a".into()));
    let scrape = || get(admin, "/metrics").unwrap_or_default();
    let opened = |service: &str| metric(&scrape(), "weir_connections_opened_total", service);
    wait_for("both", || opened("\"web\"") + opened("\"shop\"") == 2.0);
    weir.write(&of_shop);
    wait_for("the end of all series of web", || !scrape().contains("\"web\""));
    assert_eq!(opened("\"shop\""), 1.0);
}

#[test]
fn endpoints_are_shown_with_node_and_zone_if_that_is_asked_for_and_leave_with_the_endpoint() {
    let (a, b) = (greeter("a"), greeter("b"));
    let ([web, _], [of_a, _]) = two_services(a.address());
    let of_b = of_a.replace(&a.address().port().to_string(), &b.address().port().to_string());
    let [admin, brief] = [(); 2].map(|()| free(Ipv4Addr::LOCALHOST));
    let weir = Weir::ready(&of_a, &["--endpoint-metrics", "--admin-address", &admin.to_string()]);
    let scrape = || get(admin, "/metrics").unwrap_or_default();
    assert!(!scrape().contains("\nweir_endpoint_state"), "nobody has used the Service");
    assert_eq!(greeting(web).unwrap(), "a");
    let labels = |endpoint: SocketAddr| {
        let port = web.port();
        format!(
            "{{namespace=\"default\",service=\"web\",port=\"{port}\",protocol=\"TCP\",endpoint=\"{endpoint}\",\
             node=\"node-a\",zone=\"zone-1\""
        )
    };
    let state = |endpoint| format!("\nweir_endpoint_state{},state=\"ready\"}} 1\n", labels(endpoint));
    wait_for("a", || scrape().contains(&state(a.address())));
    let text = scrape();
    for (name, value) in
        [("connections_active", 0), ("picked_total", 1), ("connect_failures_total", 0), ("ejected_total", 0)]
    {
        let line = format!("\nweir_endpoint_{name}{}}} {value}\n", labels(a.address()));
        assert!(text.contains(&line), "{line}{text}");
    }
    assert!(text.contains(&format!("\nweir_endpoint_connect_seconds{}}} 0.", labels(a.address()))), "{text}");
    weir.write(&of_b);
    wait_for("b alone", || {
        scrape().contains(&state(b.address())) && !scrape().contains(&labels(a.address()))
    });
    drop(weir);
    let _weir = Weir::ready(&of_a, &["--admin-address", &brief.to_string()]);
    assert_eq!(greeting(web).unwrap(), "a");
    let scrape = || get(brief, "/metrics").unwrap_or_default();
    wait_for("the client", || metric(&scrape(), "weir_connections_opened_total", "") == 1.0);
    assert!(!scrape().contains("\nweir_endpoint_state"), "not asked for");
}

#[test]
fn clients_that_wait_for_an_endpoint_with_room_are_shown_for_their_service() {
    let a = greeter("a");
    let ([web, _], [of_web, of_shop]) = two_services(a.address());
    let limited =
        "{name: web, annotations: {weir.dev/max-connections-per-endpoint: \"1\", weir.dev/queue: \"5\"}}";
    let manifests = format!("{}---\n{of_shop}", of_web.replace("{name: web}", limited));
    let admin = free(Ipv4Addr::LOCALHOST);
    let _weir = Weir::ready(&manifests, &["--admin-address", &admin.to_string()]);
    let waiting = |service: &str| {
        let text = get(admin, "/metrics").unwrap_or_default();
        metric(&text, "weir_queue_waiting{", &format!("service=\"{service}\""))
    };
    let mut served = TcpStream::connect(web).unwrap();
    served.read_exact(&mut [0]).unwrap();
    let queued = [(); 2].map(|()| TcpStream::connect(web).unwrap());
    wait_for("two that wait", || waiting("web") == 2.0);
    drop(queued);
    wait_for("nobody", || waiting("web") == 0.0);
    assert_eq!(waiting("shop"), 0.0);
}

#[test]
fn services_without_series_are_left_out_by_name_or_number_and_counted() {
    let a = greeter("a");
    let ([web, shop], [of_web, of_shop]) = two_services(a.address());
    let manifests = format!("{of_web}---\n{of_shop}");
    for (flags, reason) in
        [(["--metrics-services", "default/sh.*"], "name"), (["--metrics-max-services", "1"], "limit")]
    {
        let admin = free(Ipv4Addr::LOCALHOST).to_string();
        let weir = Weir::ready(&manifests, &[&["--admin-address", &admin][..], &flags].concat());
        // The first that is used has series.
        let scrape = || get(admin.parse().unwrap(), "/metrics").unwrap_or_default();
        assert_eq!(greeting(shop).unwrap(), "a");
        wait_for("shop", || metric(&scrape(), "weir_connections_opened_total", "\"shop\"") == 1.0);
        assert_eq!(greeting(web).unwrap(), "a");
        let left_out_at_all = || metric(&scrape(), "weir_metrics_left_out", "what=\"service\"");
        wait_for("web", || left_out_at_all() == 1.0);
        let text = scrape();
        let of_web = |line: &&str| line.contains("service=\"web\"");
        let shown: Vec<&str> = text.lines().filter(of_web).collect();
        // The limit is for Services in use; every Service has weir_endpoints.
        assert_eq!(shown.len(), usize::from(reason == "limit"), "{shown:?}");
        assert!(shown.iter().all(|line| line.starts_with("weir_endpoints{")), "{shown:?}");
        let left_out =
            |reason| metric(&text, "weir_metrics_left_out", &format!("what=\"service\",reason=\"{reason}\""));
        assert_eq!((left_out(reason), left_out("name") + left_out("limit")), (1.0, 1.0), "{text}");
        drop(weir);
    }
}
