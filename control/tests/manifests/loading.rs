//! What is read? Files, directories, standard input; YAML, JSON, several documents, lists.

use super::{Folder, documents, load, problems, served, service, slice};
use serde_json::json;
use std::path::Path;
use weir_control::{Scope, Selection, load_manifests, load_manifests_with};

#[test]
fn a_service_gets_the_endpoints_of_its_slices_in_any_file() {
    let folder = Folder::new();
    folder.write("a.yaml", documents(&[slice("web", "10.0.0.1"), slice("dns", "10.0.0.2")]));
    folder.write("b.yml", documents(&[service("web", 80), service("dns", 53)]));
    let loaded = folder.load();
    assert_eq!(problems(&folder, &loaded), Vec::<String>::new());
    assert_eq!((served(&loaded.snapshot).join(" "), loaded.report.objects), ("dns:53 web:80".into(), 4));
    for service in loaded.snapshot.services() {
        assert_eq!(service.ports[0].merged.len(), 1, "{}", service.key);
    }
}

#[test]
fn a_directory_means_its_own_visible_manifests_in_order() {
    let folder = Folder::new();
    folder.write("web.yaml", service("web", 80));
    folder.write(
        "dns.json",
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "dns" },
        "spec": { "clusterIP": "10.96.0.10", "ports": [{ "port": 53 }] } })
        .to_string(),
    );
    folder.write(".hidden.yaml", service("hidden", 80));
    folder.write("notes.txt", "not: [a manifest");
    folder.write("backup.yaml~", "not: [a manifest");
    std::fs::create_dir(folder.path("nested.yaml")).unwrap();
    folder.write("nested.yaml/deep.yaml", service("deep", 80));
    let loaded = folder.load();
    assert_eq!(problems(&folder, &loaded), Vec::<String>::new());
    assert_eq!(served(&loaded.snapshot), ["dns:53", "web:80"]);
}

#[test]
fn lists_of_every_sort_are_unpacked() {
    let item = |name: &str, port: u16| json!({ "metadata": { "name": name }, "spec": { "clusterIP": "10.96.0.1", "ports": [{ "port": port }] } });
    let mut typed = item("in-list", 1);
    typed["apiVersion"] = "v1".into();
    typed["kind"] = "Service".into();
    let nested = json!({ "apiVersion": "v1", "kind": "List", "items": [typed] });
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [
        nested,
        { "apiVersion": "v1", "kind": "ServiceList", "items": [item("in-service-list", 2)] },
        { "apiVersion": "v1", "kind": "NodeList", "items": [{ "metadata": { "name": "worker-1" } }] },
        { "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSliceList", "items": [] },
        { "apiVersion": "v1", "kind": "PodList", "items": [{ "metadata": { "name": "pod" } }] },
    ]});
    let folder = Folder::new();
    let path = folder.write(
        "all.json",
        format!(
            "{list}\n{}",
            json!({ "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR", "metadata": { "name": "kubernetes" }, "spec": { "cidrs": ["10.96.0.0/16"] } })
        ),
    );
    let scope = Scope { node_name: "worker-1".into(), ..Scope::default() };
    let loaded = load_manifests(&[path], &scope).unwrap();
    assert_eq!(problems(&folder, &loaded), Vec::<String>::new());
    assert_eq!(served(&loaded.snapshot), ["in-list:1", "in-service-list:2"]);
    assert!(loaded.snapshot.node.known);
    assert_eq!(loaded.snapshot.service_cidrs.len(), 1);
    assert_eq!(loaded.report.skipped, [("v1 Pod".to_owned(), 1)].into());
}

#[test]
fn other_kinds_are_counted_and_skipped_also_when_they_are_called_service() {
    let folder = Folder::new();
    let other = |version: &str, kind: &str| {
        format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: [anything]\n")
    };
    folder.write(
        "all.yaml",
        documents(&[
            other("apps/v1", "Deployment"),
            other("serving.knative.dev/v1", "Service"),
            other("apps/v1", "Deployment"),
            service("web", 80),
        ]),
    );
    let loaded = folder.load();
    assert_eq!(problems(&folder, &loaded), Vec::<String>::new());
    let skipped = loaded.report.skipped.into_iter().collect::<Vec<_>>();
    assert_eq!(skipped, [("apps/v1 Deployment".into(), 2), ("serving.knative.dev/v1 Service".into(), 1)]);
    assert_eq!(served(&loaded.snapshot), ["web:80"]);
}

#[test]
fn standard_input_stands_among_files() {
    let folder = Folder::new();
    let file = folder.write("web.yaml", service("web", 80));
    let input = documents(&[service("dns", 53), "kind: broken".into()]);
    let paths = [Path::new("-").to_path_buf(), file];
    let loaded = load_manifests_with(&paths, input.as_bytes(), &Scope::default()).unwrap();
    assert_eq!(served(&loaded.snapshot), ["dns:53", "web:80"]);
    let [problem] = &problems(&folder, &loaded)[..] else { panic!() };
    assert!(problem.starts_with("standard input: document 2"), "{problem}");
}

#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let folder = Folder::new();
    let path = folder.write("web.yaml", service("web", 80));
    let loaded = load(&[&path, &folder.0, &path]);
    assert_eq!(problems(&folder, &loaded), Vec::<String>::new());
}

#[test]
fn only_services_of_the_named_proxy_are_served() {
    let folder = Folder::new();
    let ours = service("ours", 80)
        .replace("name: ours\n", "name: ours\n  labels: {service.kubernetes.io/service-proxy-name: weir}\n");
    let path = folder.write("all.yaml", documents(&[service("theirs", 80), ours]));
    let selection = Selection { service_proxy_name: Some("weir".into()) };
    let scope = Scope { selection, ..Scope::default() };
    let loaded = load_manifests(std::slice::from_ref(&path), &scope).unwrap();
    assert_eq!(served(&loaded.snapshot), ["ours:80"]);
    assert_eq!(served(&load(&[&path]).snapshot), ["theirs:80"]);
}

#[test]
fn a_path_that_is_not_there_is_an_error() {
    let folder = Folder::new();
    let missing = folder.path("missing.yaml");
    let error = load_manifests(std::slice::from_ref(&missing), &Scope::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: cannot read it: no such file or directory", missing.display())
    );
}

#[test]
fn a_large_cluster_fits_in_one_list() {
    const SERVICES: usize = 44_000;
    let mut text = String::from("apiVersion: v1\nkind: List\nitems:\n");
    for n in 0..SERVICES {
        let name = format!("service-{n}");
        for object in [service(&name, 80), slice(&name, "10.0.0.1")] {
            let indented = object.lines().map(|line| format!("  {line}\n")).collect::<String>();
            text.push_str(&indented.replacen("  ", "- ", 1));
        }
    }
    let loaded = load_manifests_with(&["-".into()], text.as_bytes(), &Scope::default()).unwrap();
    assert_eq!(loaded.report.problems, []);
    assert_eq!(loaded.snapshot.services().count(), SERVICES);
}
