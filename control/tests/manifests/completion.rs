//! What does an author leave out that an API server would write, and is it completed or named? Never an empty table without
//! a reason.

use super::{Folder, documents, problems, served, service, slice};
use weir_control::{Kind, LeftOut, Loaded, Scope, Selection, load_manifests_with};

fn load(text: &str) -> Loaded {
    load_manifests_with(&["-".into()], text.as_bytes(), &Scope::default()).unwrap()
}

fn spec(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{{spec}}}\n")
}

/// What is served of a Service, and what is said.
fn outcome(text: &str) -> (Vec<String>, Vec<String>) {
    let loaded = load(text);
    let said = loaded.report.problems.iter().map(ToString::to_string);
    (served(&loaded.snapshot), said.map(|said| said.replace("standard input: ", "")).collect())
}

#[track_caller]
fn assert_silent(text: &str, expected: &str) {
    assert_eq!(outcome(text), (vec![expected.to_owned()], vec![]));
}

#[track_caller]
fn assert_said(text: &str, expected: &[&str], reason: Option<LeftOut>) {
    let (_, said) = outcome(text);
    let [problem] = &said[..] else { panic!("{said:?}") };
    for part in expected {
        assert!(problem.contains(part), "{problem:?} does not say {part:?}");
    }
    let loaded = load(text);
    assert_eq!(loaded.report.problems[0].left_out, reason);
    assert!(!loaded.report.problems[0].refused);
}

#[test]
fn cluster_ips_families_and_protocols_are_completed_as_an_api_server_does() {
    for written in [
        "clusterIP: 10.96.1.1, ipFamilyPolicy: SingleStack, ipFamilies: [IPv4], ports: [{port: 80}]",
        "clusterIP: 10.96.1.1, ipFamilies: [IPv4], ports: [{port: 80}]",
        "clusterIP: 10.96.1.1, ports: [{port: 80}]",
        "clusterIPs: [10.96.1.1], ports: [{port: 80}]",
        "clusterIPs: [10.96.1.1], ipFamilies: [IPv4], ports: [{port: 80}]",
        "clusterIP: 10.96.1.1, clusterIPs: [10.96.1.1], ports: [{port: 80, protocol: ''}]",
        "clusterIP: 10.96.1.1, ipFamilies: [], ports: [{port: 80, protocol: TCP}], sessionAffinity: ClientIP",
    ] {
        assert_silent(&spec(written), "web:80");
    }
}

#[test]
fn both_families_are_served_when_only_the_addresses_of_both_are_written() {
    let loaded = load(&spec("clusterIPs: [10.96.1.1, 'fd00::1'], ports: [{port: 80}]"));
    let service = loaded.snapshot.services().next().unwrap();
    assert_eq!((service.ports.len(), loaded.report.problems.len()), (2, 0));
}

#[test]
fn an_address_that_an_api_server_would_allocate_is_named() {
    let text = spec("clusterIP: 10.96.1.1, ipFamilies: [IPv4, IPv6], ports: [{port: 80}]");
    assert_said(&text, &["line 4", "spec.ipFamilies[1]: IPv6 has no address", "over IPv6"], None);
    let text = spec("clusterIP: 10.96.1.1, clusterIPs: [], ipFamilies: [IPv4], ports: [{port: 80}]");
    assert_said(&text, &["spec.ipFamilies[0]: IPv4 has no address", "over IPv4"], None);
    let text = spec("type: NodePort, clusterIP: 10.96.1.1, ports: [{port: 80}]");
    assert_said(&text, &["spec.ports[0].nodePort: is missing", "API server"], None);
    let text =
        spec("type: LoadBalancer, externalTrafficPolicy: Local, clusterIP: 10.96.1.1, ports: [{port: 80}]");
    assert_said(&text, &["spec.healthCheckNodePort: is missing"], None);
    let text = spec("clusterIP: 10.96.1.1, ports: [{port: 80}, {port: 81}]");
    assert_said(&text, &["spec.ports[1].name: \"\" is the name of another port"], None);
    let text = spec(
        "clusterIP: 10.96.1.1, clusterIPs: [10.96.1.1, 'fd00::1'], ipFamilies: [IPv4], ports: [{port: 80}]",
    );
    assert_said(&text, &["spec.clusterIPs[1]: \"fd00::1\" has no family"], None);
}

#[test]
fn a_service_that_is_left_out_has_one_line_that_says_why() {
    for (written, expected, reason) in [
        (
            "ports: [{port: 80}]",
            "spec.clusterIP: is missing, where an API server would allocate",
            LeftOut::NoClusterIp,
        ),
        ("clusterIP: '', ports: [{port: 80}]", "spec.clusterIP: is missing", LeftOut::NoClusterIp),
        (
            "clusterIP: None, ports: [{port: 80}]",
            "spec.clusterIP: None: a headless Service",
            LeftOut::Headless,
        ),
        ("clusterIPs: [None], ports: [{port: 80}]", "headless", LeftOut::Headless),
        (
            "type: ExternalName, externalName: example.com",
            "spec.type: ExternalName is a matter of DNS",
            LeftOut::ExternalName,
        ),
    ] {
        assert_said(&spec(written), &["document 1, line 4: Service default/web: ", expected], Some(reason));
    }
    assert_said(
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n",
        &["spec: is missing"],
        Some(LeftOut::NoPorts),
    );
}

#[test]
fn a_service_of_another_proxy_is_left_out_with_its_name() {
    let labelled = service("web", 80).replace(
        "  name: web\n",
        "  name: web\n  labels:\n    service.kubernetes.io/service-proxy-name: other\n",
    );
    let expected = ["line 6", "service-proxy-name]: hands the Service to the proxy \"other\""];
    assert_said(&labelled, &expected, Some(LeftOut::OtherProxy));
    let selection = Selection { service_proxy_name: Some("other".into()) };
    let scope = Scope { selection, ..Scope::default() };
    let loaded = load_manifests_with(&["-".into()], service("web", 80).as_bytes(), &scope).unwrap();
    assert!(loaded.report.problems[0].to_string().contains("serves only Services with --service-proxy-name"));
}

#[test]
fn a_word_that_the_api_does_not_know_is_named_with_the_nearest() {
    for (written, expected) in [
        ("type: clusterIP", "did you mean \"ClusterIP\"?"),
        ("sessionAffinity: ClientIp", "did you mean \"ClientIP\"?"),
        ("internalTrafficPolicy: local", "did you mean \"Local\"?"),
        ("externalTrafficPolicy: Lokal", "did you mean \"Local\"?"),
        ("ipFamilyPolicy: Singlestack", "did you mean \"SingleStack\"?"),
    ] {
        let text = spec(&format!("clusterIP: 10.96.1.1, ports: [{{port: 80}}], {written}"));
        assert_said(&text, &[expected], None);
        assert_eq!(outcome(&text).0, ["web:80"]);
    }
}

#[test]
fn an_orphan_slice_is_named_with_the_service_that_may_be_meant() {
    let text = documents(&[service("web", 80), slice("wbe", "10.0.0.1")]);
    let expected = [
        "line 15: EndpointSlice default/wbe-1: metadata.labels[kubernetes.io/service-name]",
        "did you mean \"web\"?",
    ];
    assert_said(&text, &expected, Some(LeftOut::NoService));
    let text = documents(&[
        service("web", 80),
        slice("web", "10.0.0.1").replace("kubernetes.io/service-name: web", "app: web"),
    ]);
    assert_said(
        &text,
        &["metadata.labels[kubernetes.io/service-name]: is missing"],
        Some(LeftOut::NoServiceName),
    );
    let misspelt =
        slice("web", "10.0.0.1").replace("kubernetes.io/service-name", "kubernetes.io/servicename");
    assert_said(
        &documents(&[service("web", 80), misspelt]),
        &["kubernetes.io/servicename is another one"],
        Some(LeftOut::NoServiceName),
    );
}

#[test]
fn slices_of_a_service_that_is_left_out_or_refused_are_no_orphans() {
    let headless = service("web", 80).replace("10.96.0.", "None # ");
    assert_eq!(outcome(&documents(&[headless, slice("web", "10.0.0.1")])).1.len(), 1);
    let refused = service("web", 70000);
    assert_eq!(outcome(&documents(&[refused, slice("web", "10.0.0.1")])).1.len(), 1);
}

#[test]
fn an_address_type_in_lower_case_is_refused_with_the_nearest() {
    let text = documents(&[service("web", 80), slice("web", "10.0.0.1").replace("IPv4", "ipv4")]);
    let (_, said) = outcome(&text);
    let expected = "document 2, line 16: EndpointSlice default/web-1: addressType: \"ipv4\" is none of IPv4, IPv6, FQDN (did you \
                    mean \"IPv4\"?); the slice is refused";
    assert_eq!(said, [expected]);
}

#[test]
fn what_a_slice_leaves_out_is_named() {
    let of =
        |from: &str, to: &str| documents(&[service("web", 80), slice("web", "10.0.0.1").replace(from, to)]);
    assert_said(&of("name: \"\", ", ""), &["line 18", "ports[0].name: is missing"], None);
    assert_said(&of(", port: 8080", ""), &["ports[0].port: is missing"], None);
    assert_said(&of("[\"10.0.0.1\"]", "[]"), &["line 20", "endpoints[0].addresses: is empty"], None);
    let headless = of(
        "  labels:\n    kubernetes",
        "  labels:\n    service.kubernetes.io/headless: \"\"\n    kubernetes",
    );
    assert_said(
        &headless,
        &["line 15", "headless]: says that the Service is headless"],
        Some(LeftOut::Headless),
    );
    assert_said(&of("IPv4", "FQDN"), &["addressType: FQDN"], Some(LeftOut::NoIpAddresses));
}

#[test]
fn a_misspelt_field_is_named_as_kubectl_names_it() {
    let text = service("web", 80).replace("  clusterIP", "  prots: []\n  clusterIP");
    assert_said(
        &text,
        &["line 6: Service default/web", "unknown field \"spec.prots\" (did you mean \"ports\"?)"],
        None,
    );
    let text = service("web", 80).replace("port: 80", "port: 80\n    targetport: 8080");
    assert_said(&text, &["line 9", "unknown field \"spec.ports[0].targetport\""], None);
    assert_eq!(outcome(&text).0, ["web:80"]);
}

#[test]
fn a_key_that_is_there_twice_in_json_is_named_and_the_last_one_counts() {
    let text = "{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"web\"},\n \"spec\": {\"clusterIP\": \
                \"10.96.0.1\",\n \"ports\": [{\"port\": 80,\n\"port\": 81}]}}";
    assert_said(text, &["line 4", "spec.ports[0].port: duplicate field \"spec.ports[0].port\""], None);
    assert_eq!(outcome(text).0, ["web:81"]);
}

#[test]
fn a_version_that_is_not_read_is_named() {
    let text = slice("web", "10.0.0.1").replace("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1");
    let expected = [
        "line 1: ",
        "apiVersion \"discovery.k8s.io/v1beta1\" is not read: weir reads discovery.k8s.io/v1 EndpointSlice",
    ];
    assert_said(&text, &expected, None);
    assert_said(
        "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n",
        &["kind Endpoints is not read"],
        None,
    );
}

#[test]
fn nothing_to_read_is_named() {
    for text in ["", "\n", "# nothing\n", "---\n---\n"] {
        assert_said(text, &["is empty: it holds no object"], None);
    }
    let folder = Folder::new();
    let said = problems(&folder, &folder.load());
    assert!(
        said.len() == 1 && said[0].ends_with(": holds no manifest (*.yaml, *.yml or *.json)"),
        "{said:?}"
    );
    folder.write("web.yaml.txt", service("web", 80));
    let said = problems(&folder, &folder.load());
    assert!(said[0].contains("1 other files and directories in it are not read"), "{said:?}");
}

#[test]
fn an_object_with_thousands_of_mistakes_has_eleven_problems() {
    let ips: Vec<String> = (0..5000).map(|number| format!("x{number}")).collect();
    let text =
        spec(&format!("clusterIP: 10.96.0.1, ports: [{{port: 80}}], externalIPs: [{}]", ips.join(", ")));
    let loaded = load(&text);
    assert_eq!(loaded.report.problems.len(), 11);
    assert_eq!(loaded.report.problems.iter().map(|problem| problem.count).sum::<usize>(), 5000);
    assert!(Kind::ALL.len() == 4 && outcome(&text).0 == ["web:80"]);
}

#[test]
fn a_name_with_a_line_end_is_refused_and_shown_on_one_line() {
    let text = service("web", 80).replace("name: web", "name: \"web\\n2026 ERROR all is lost\"");
    let (served, said) = outcome(&text);
    assert!(served.is_empty() && said.len() == 1 && !said[0].contains('\n'), "{said:?}");
    assert!(said[0].contains("metadata.name: \"web\\n2026 ERROR all is lost\" is not a name"), "{said:?}");
}
