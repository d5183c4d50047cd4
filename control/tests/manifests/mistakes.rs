//! What is reported about a mistake, and what stays served? File, document, line, object and field.

use super::{Folder, documents, problems, served, service, slice};

/// Loads two good Services around something bad; both must be served. Returns what is said.
fn said_about(bad: &str) -> Vec<String> {
    let folder = Folder::new();
    folder.write("all.yaml", documents(&[service("first", 1), bad.into(), service("last", 2)]));
    let loaded = folder.load();
    let served = served(&loaded.snapshot);
    assert!(served.contains(&"first:1".into()) && served.contains(&"last:2".into()), "{served:?}");
    problems(&folder, &loaded)
}

#[track_caller]
fn assert_said(bad: &str, expected: &[&str]) {
    let said = said_about(bad);
    let [problem] = &said[..] else { panic!("{said:?}") };
    for part in expected {
        assert!(problem.contains(part), "{problem:?} does not say {part:?}");
    }
}

#[test]
fn text_that_is_no_yaml() {
    assert_said("a:\n  - [\nb", &["all.yaml: document 2, line 1", "not valid YAML"]);
    assert_said("\t: x\n", &["all.yaml: document 2, line ", "not valid YAML"]);
    assert_said("a: 1\na: 2\n", &["all.yaml: document 2, line ", "duplicate"]);
}

#[test]
fn an_object_that_does_not_say_what_it_is() {
    assert_said("metadata: {name: web}\n", &["all.yaml: document 2, line 10: has no apiVersion and kind"]);
    assert_said("apiVersion: v1\n", &["document 2", "has no kind, so"]);
    assert_said("kind: Service\n", &["document 2", "has no apiVersion, so"]);
    assert_said("- 1\n", &["all.yaml: document 2, line 10: is not an object"]);
    assert_said("just text\n", &["all.yaml: document 2, line 10: is not an object"]);
}

#[test]
fn a_port_out_of_range() {
    let bad = service("bad", 70000);
    let place = "all.yaml: document 2, line 17: Service default/bad: spec.ports[0].port: 70000 is not a port";
    assert_said(&bad, &[place]);
    assert_said(&bad.replace("70000", "-1"), &["spec.ports[0].port: -1 is not a port"]);
    assert_said(&bad.replace("70000", "99999999999"), &["spec.ports[0].port: ", "99999999999"]);
}

#[test]
fn a_field_of_the_wrong_type() {
    let bad = service("bad", 80).replace("port: 80", "port: eighty");
    let place = "all.yaml: document 2, line 17: Service default/bad: spec.ports[0].port: ";
    assert_said(&bad, &[place, "eighty"]);
    let bad = slice("first", "10.0.0.1").replace("[\"10.0.0.1\"]", "10.0.0.1");
    assert_said(&bad, &["EndpointSlice default/first-1: endpoints[0].addresses: ", "sequence"]);
}

#[test]
fn an_address_that_does_not_parse() {
    let bad = service("bad", 80).replace("10.96.0.", "10.96.0.300.");
    assert_said(&bad, &["document 2", "Service default/bad: spec.clusterIP: ", "is not an IP address"]);
    let bad = slice("first", "10.0.0.256");
    assert_said(
        &bad,
        &["EndpointSlice default/first-1: endpoints[0].addresses[0]: \"10.0.0.256\" is not an IP"],
    );
}

#[test]
fn an_address_of_another_family_than_its_slice_says() {
    let mixed = slice("first", "10.0.0.7").replace("addressType: IPv4", "addressType: IPv6");
    let said = "EndpointSlice default/first-1: endpoints[0].addresses[0]: 10.0.0.7 is IPv4, and addressType is IPv6: the \
                endpoint counts for IPv6 Service addresses only";
    assert_said(&mixed, &["all.yaml: document 2, line ", said]);
    let right = slice("first", "fd00::7").replace("addressType: IPv4", "addressType: IPv6");
    assert_eq!(said_about(&right), [""; 0]);
}

#[test]
fn a_missing_name() {
    assert_said(
        &service("bad", 80).replace("  name: bad\n", "  labels: {}\n"),
        &["metadata.name", "is missing"],
    );
}

#[test]
fn a_setting_that_does_not_parse_is_said_and_the_service_is_served() {
    let bad =
        service("bad", 80).replace("  name: bad\n", "  name: bad\n  annotations: {weir.dev/balance: fair}\n");
    assert_said(
        &bad,
        &["Service default/bad: metadata.annotations[weir.dev/balance]: \"fair\"", "default is used"],
    );
}

#[test]
fn an_item_of_a_list() {
    let bad = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "good"},
         "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 3}]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bad"},
         "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 0}]}}]}"#;
    assert_said(
        bad,
        &["all.yaml: document 2, line 14: Service default/bad: items[1].spec.ports[0].port: 0 is"],
    );
}

#[test]
fn a_null_in_a_list_is_passed_over_with_a_word_and_costs_no_other_item() {
    let bad = "apiVersion: v1\nkind: List\nitems:\n- null\n- {apiVersion: v1, kind: Service, metadata: {name: good}, \
               spec: {clusterIP: 10.96.0.1, ports: [{port: 3}]}}\n-\n";
    let expected = [
        "all.yaml: document 2, line 13: items[0]: is null; it is passed over",
        "all.yaml: document 2, line 15: items[2]: is null; it is passed over",
    ];
    assert_eq!(said_about(bad), expected);
}

#[test]
fn json_that_breaks_off() {
    let folder = Folder::new();
    folder.write("all.json", "{\"apiVersion\": \"v1\",\n \"kind\": ");
    let said = problems(&folder, &folder.load());
    assert_eq!(said, ["all.json: document 1, line 2: is not valid JSON: EOF while parsing a value"]);
}

#[test]
fn an_object_that_is_there_twice_is_served_in_its_first_form_and_both_places_are_named() {
    let folder = Folder::new();
    folder.write("a.yaml", documents(&[service("web", 1), service("dns", 53)]));
    folder.write("b.yaml", documents(&[service("api", 443), service("web", 2)]));
    let loaded = folder.load();
    assert_eq!(served(&loaded.snapshot), ["api:443", "dns:53", "web:1"]);
    let said = problems(&folder, &loaded);
    let expected = "b.yaml: document 2, line 10: Service default/web: metadata.name: is defined twice; the first in a.yaml: \
                    document 1, line 1 is used";
    assert_eq!(said, [expected]);
}

#[test]
fn bytes_that_are_no_text() {
    let folder = Folder::new();
    folder.write("bad.yaml", b"\xff\xfe\x00a");
    folder.write("good.yaml", service("web", 80));
    let loaded = folder.load();
    assert_eq!(problems(&folder, &loaded), ["bad.yaml: is not text in UTF-8; nothing is served from it"]);
    assert_eq!(served(&loaded.snapshot), ["web:80"]);
}

#[test]
fn a_file_beyond_the_limit_is_refused() {
    let folder = Folder::new();
    let path = folder.write("huge.yaml", "");
    std::fs::File::options().write(true).open(&path).unwrap().set_len((64 << 20) + 1).unwrap();
    let error = weir_control::load_manifests(&[path], &weir_control::Scope::default()).unwrap_err();
    assert!(error.to_string().contains("larger than 64 MiB"), "{error}");
}

#[test]
fn a_health_check_of_a_port_that_is_not_tcp_is_reported_and_the_service_is_served() {
    let folder = Folder::new();
    let checked = "metadata:\n  annotations: {weir.dev/health-check: tcp}\n";
    let udp =
        service("dns", 53).replace("metadata:\n", checked).replace("port: 53", "port: 53\n    protocol: UDP");
    folder.write("a.yaml", documents(&[udp, service("web", 80).replace("metadata:\n", checked)]));
    let loaded = folder.load();
    assert_eq!(served(&loaded.snapshot), ["dns:53", "web:80"]);
    assert_eq!(
        problems(&folder, &loaded),
        ["a.yaml: document 1, line 4: Service default/dns: metadata.annotations[weir.dev/health-check]: \
          is for TCP only; port 53/UDP is not checked"]
    );
}
