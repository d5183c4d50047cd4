//! Who is refused, and how?

use crate::{
    bed, client,
    client::{At, ask, get, tls},
    common::{WEIR, Weir, free, manifest, wait_for},
    echo,
};
use serde_json::json;
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    process::Command,
};
use weir_testkit::Authority;

#[test]
fn a_request_for_another_host_a_large_one_and_one_that_is_not_known_are_refused() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let asks = |line: &str, headers: &str| {
        let seen = ask(&bed.admin, line, headers, "").unwrap();
        (seen.status, if seen.body.is_empty() { json!(null) } else { seen.json() })
    };
    let (status, told) = asks("GET /api/v1/summary", "Host: evil.example\r\n");
    assert_eq!((status, &told["reason"]), (421, &json!("UnknownHost")));
    assert_eq!(asks("GET /api/v1/summary", "Host: 127.0.0.1:1\r\n").0, 200);
    let long = format!("X-Long: {}\r\n", "x".repeat(9 << 10));
    assert_eq!(asks("GET /api/v1/summary", &long).0, 431);
    let large = ask(&bed.socket, "PUT /api/v1/log-level", "", &"x".repeat(9 << 10)).unwrap();
    assert_eq!((large.status, &large.json()["reason"]), (413, &json!("TooLarge")));
    let (status, told) = asks("GET /api/v1/servces", "");
    assert_eq!((status, &told["details"]["nearest"]), (404, &json!("/api/v1/services")));
    assert!(told["details"]["routes"].as_array().unwrap().len() > 10);
    assert_eq!(asks("POST /api/v1/summary", "").0, 405);
    assert_eq!(asks("DELETE /metrics", "").0, 405);
    let (status, told) = asks("GET /api/v1/endpoints?state=ejectd", "");
    assert_eq!((status, &told["details"]["nearest"]), (400, &json!("ejected")));
    let (status, told) = asks("GET /api/v1/endpoints?stat=ejected", "");
    assert_eq!((status, &told["details"]["nearest"]), (400, &json!("state")));
    let (status, told) = asks("GET /api/v1/services/default/wbe", "");
    assert_eq!((status, &told["details"]["nearest"]), (404, &json!("default/web")));
    for line in ["GET /api/v1/%ff", "GET /api/v1/services?limit=-1", "GET /api/v1/connections?id=x"] {
        assert!((400..500).contains(&asks(line, "").0), "{line}");
    }
}

#[test]
fn a_long_answer_is_compressed_for_those_who_ask() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let seen = ask(&bed.admin, "GET /api/v1/config", "Accept-Encoding: gzip\r\n", "").unwrap();
    assert_eq!(seen.headers["content-encoding"], "gzip");
    assert_eq!(seen.body[..2], [0x1f, 0x8b]);
    assert!(seen.body.len() < serde_json::to_vec(&get(&bed.admin, "/api/v1/config")).unwrap().len() / 2);
}

#[test]
fn an_address_that_others_can_reach_is_refused_without_certificates_unless_it_is_wanted() {
    let run = |flags: &[&str]| {
        let output =
            Command::new(WEIR).args(["run", "--manifests", "/nowhere"]).args(flags).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["--admin-address", "0.0.0.0:10249"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--admin-client-ca") && said.contains("--admin-insecure"), "{said}");
    let (code, said) = run(&["--admin-tls-cert", "/a"]);
    assert!(code == Some(2) && said.contains("together"), "{said}");
}

#[test]
fn an_insecure_address_tells_metrics_alone_unless_all_is_wanted() {
    let server = echo();
    let web = free(Ipv4Addr::new(127, 0, 0, 9));
    for (flag, status) in [("--admin-insecure", 403), ("--admin-insecure=all", 200)] {
        let admin = free(Ipv4Addr::LOCALHOST);
        let at = At::Address(admin);
        let everywhere = format!("0.0.0.0:{}", admin.port());
        let manifests = manifest(web, &[server.address()]);
        let _weir = Weir::ready(&manifests, &["--admin-address", &everywhere, flag]);
        wait_for("the admin side", || ask(&at, "GET /metrics", "", "").is_ok_and(|seen| seen.status == 200));
        assert_eq!(ask(&at, "GET /api/v1/summary", "", "").unwrap().status, status, "{flag}");
    }
}

#[test]
fn a_reader_that_does_not_read_holds_nobody_up_and_ninth_lookers_at_details_wait() {
    let server = echo();
    let bed = bed(&[server.address()], "");
    let At::Address(admin) = bed.admin else { unreachable!() };
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(admin).unwrap();
        stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 8]).unwrap();
        slow.push(stream);
    }
    let _client = client(bed.web);
    assert_eq!(get(&bed.admin, "/api/v1/summary")["connections"]["active"], 1);
    let lease = get(&bed.admin, "/api/v1/endpoints?detail=true")["lease"].clone();
    assert_eq!(lease["expiresInSeconds"], 30.0);
    assert_eq!(get(&bed.admin, "/api/v1/leases")["items"][0]["holder"], "127.0.0.1");
}

/// A key of a client.
const P256: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

#[test]
fn with_tls_only_clients_with_a_certificate_get_in_and_files_that_change_are_read_again() {
    let (server, authority) = (echo(), Authority::new().unwrap());
    let (web, port) = (free(Ipv4Addr::new(127, 0, 0, 9)), free(Ipv4Addr::LOCALHOST).port());
    let (certificate, key, ca) =
        (authority.server_certificate(), authority.server_key(), authority.certificate());
    let file = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let flags = [
        "--admin-address",
        &format!("0.0.0.0:{port}"),
        "--admin-tls-cert",
        &file(&certificate),
        "--admin-tls-key",
        &file(&key),
        "--admin-client-ca",
        &file(&ca),
    ];
    let _weir = Weir::ready(&manifest(web, &[server.address()]), &flags);
    let at = |authority: &Authority, client| {
        At::Tls((Ipv4Addr::LOCALHOST, port).into(), tls(&authority.certificate(), client))
    };
    let known = at(&authority, Some(authority.client("operator", P256).unwrap()));
    wait_for("an answer", || ask(&known, "GET /api/v1/summary", "", "").is_ok_and(|seen| seen.status == 200));
    assert!(!ask(&at(&authority, None), "GET /metrics", "", "").is_ok_and(|seen| seen.status != 0));
    let lease = get(&known, "/api/v1/endpoints?detail=true");
    assert_eq!(lease["lease"]["expiresInSeconds"], 30.0);
    let holder = get(&known, "/api/v1/leases")["items"][0]["holder"].as_str().unwrap().to_owned();
    assert!(holder.starts_with("certificate "), "{holder}");
    let other = Authority::new().unwrap();
    let renewed = at(&other, Some(other.client("operator", P256).unwrap()));
    assert!(ask(&renewed, "GET /metrics", "", "").is_err());
    for (from, to) in
        [(other.server_certificate(), &certificate), (other.server_key(), &key), (other.certificate(), &ca)]
    {
        fs::copy(from, to).unwrap();
    }
    wait_for("the new certificates", || {
        ask(&renewed, "GET /api/v1/summary", "", "").is_ok_and(|seen| seen.status == 200)
    });
}
