//! Does the running weir explain which endpoints nobody reaches, and why? What it and the objects know, both tell alike.

use crate::{
    bed, client,
    client::{At, ask, get, socket},
    common::{WEIR, Weir, free, manifest, texts, wait_for},
    echo, items,
};
use serde_json::{Value, json};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Command,
};

/// The endpoint of this address in an explanation.
fn endpoint<'a>(explained: &'a Value, address: &str) -> &'a Value {
    let endpoints = explained["endpoints"].as_array().unwrap();
    endpoints.iter().find(|endpoint| endpoint["address"] == address).unwrap()
}

#[test]
fn an_ejected_endpoint_is_not_counted_as_eligible() {
    let (server, dead) = (echo(), free(Ipv4Addr::new(127, 0, 0, 3)));
    let bed = bed(&[server.address(), dead], "");
    let mut held = Vec::new();
    wait_for("the ejection", || {
        held.push(client(bed.web));
        !items(&get(&bed.admin, "/api/v1/endpoints?state=ejected")).is_empty()
    });
    let explained = get(&bed.admin, &format!("/api/v1/explain?to={}/TCP", bed.web));
    assert_eq!(explained["verdict"], "ACCEPT");
    assert_eq!(explained["because"], "1 endpoint is eligible; 1 is ejected");
    let out = endpoint(&explained, &dead.to_string());
    assert_eq!(
        (&out["eligible"], &out["reason"], &out["source"]),
        (&json!(false), &json!("ejected"), &Value::Null)
    );
    assert_eq!(endpoint(&explained, &server.address().to_string())["eligible"], true);
}

/// Manifests on disk, which a weir with guards serves at loopback addresses.
struct Guarded {
    weir: Weir,
    manifests: PathBuf,
    admin: At,
}

const FLAGS: [&str; 3] = ["--guards", "--map", "loopback"];

fn guarded(endpoints: &[SocketAddr]) -> Guarded {
    let manifests = manifest(([10, 96, 0, 10], 8080).into(), endpoints);
    let weir = Weir::ready(&manifests, &FLAGS);
    let file = crate::common::folder().join("web.yaml");
    fs::write(&file, manifests).unwrap();
    let admin = socket(&weir.admin_socket());
    wait_for("the admin side", || ask(&admin, "GET /healthz", "", "").is_ok());
    Guarded { weir, manifests: file, admin }
}

impl Guarded {
    /// What `weir explain` prints with these arguments.
    fn explain(&self, arguments: &[&str]) -> String {
        let output = Command::new(WEIR).arg("explain").args(arguments).output().unwrap();
        let (stdout, stderr) = texts(&output);
        assert!(!stdout.is_empty(), "{arguments:?}: {stderr}");
        stdout
    }

    /// The answer by objects.
    fn by_objects(&self) -> Value {
        let manifests = self.manifests.to_str().unwrap();
        let flow = ["--from", "127.0.0.1", "--to", "10.96.0.10:8080/TCP", "-o", "json"];
        let text = self.explain(&[&["--manifests", manifests][..], &FLAGS, &flow].concat());
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.manifests.parent().unwrap());
    }
}

#[test]
fn an_endpoint_that_guards_refuse_is_listed_with_the_reason_as_by_objects() {
    let (pod, link_local) = (([10, 244, 9, 9], 80).into(), ([169, 254, 169, 254], 80).into());
    let guarded = guarded(&[pod, link_local]);
    let explained = get(&guarded.admin, "/api/v1/explain?service=default/web&from=127.0.0.1");
    let refused = endpoint(&explained, "169.254.169.254");
    assert_eq!((&refused["eligible"], &refused["reason"]), (&json!(false), &json!("refused")));
    assert!(refused["detail"].as_str().unwrap().starts_with("the address is "), "{refused}");
    assert_eq!(explained["because"], "1 endpoint is eligible");
    let by_objects = guarded.by_objects();
    assert_eq!(by_objects["because"], explained["because"]);
    let same = endpoint(&by_objects, "169.254.169.254");
    assert_eq!((&same["reason"], &same["detail"]), (&refused["reason"], &refused["detail"]));
    let socket = guarded.weir.admin_socket();
    let page = guarded.explain(&["svc/web", "--socket", socket.to_str().unwrap()]);
    assert!(page.contains("no: refused: the address is "), "{page}");
}

#[test]
fn a_service_whose_endpoints_guards_all_refuse_says_that_and_not_that_it_has_none() {
    let guarded = guarded(&[([169, 254, 169, 254], 80).into()]);
    let explained = get(&guarded.admin, "/api/v1/explain?service=default/web&from=127.0.0.1");
    let because = explained["because"].as_str().unwrap();
    assert!(because.contains("guards refuse the addresses of its endpoints: 1 is "), "{because}");
    assert_eq!(guarded.by_objects()["because"], because);
}
