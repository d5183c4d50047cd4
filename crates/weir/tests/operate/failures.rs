//! What is said where no weir answers, or something that is none?

use crate::{
    common::{WEIR, folder},
    server::{Server, examples, finished},
};
use std::{fs, os::unix::net::UnixListener, process::Command};

#[test]
fn without_a_weir_the_socket_is_named_and_what_to_do_and_the_exit_code_is_1() {
    let folder = folder();
    for command in ["status", "conns", "events", "config", "log-level"] {
        let (stdout, stderr, code) = finished(
            Command::new(WEIR).args([command, "--runtime-dir"]).arg(&folder).env_remove("XDG_RUNTIME_DIR"),
        );
        assert_eq!((&*stdout, code), ("", Some(1)), "{command}: {stderr}");
        assert!(stderr.starts_with("error: no weir runs here: there is no socket "), "{stderr}");
        assert!(stderr.contains(&format!("{}/admin", folder.display())), "{stderr}");
    }
    // A socket of a weir in another network namespace, which shares the folder.
    drop(UnixListener::bind(folder.join("admin-1.sock")).unwrap());
    let (_, stderr, _) = finished(Command::new(WEIR).args(["status", "--runtime-dir"]).arg(&folder));
    assert!(stderr.contains("sockets of others: ") && stderr.contains("/admin-1.sock"), "{stderr}");
    let left = folder.join("admin-1.sock");
    let (_, stderr, code) = finished(Command::new(WEIR).args(["status", "--socket"]).arg(left));
    assert!(stderr.contains("nobody listens at") && code == Some(1), "{stderr}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_runtime_directory_of_weirs_own_pod_is_found_by_its_variable() {
    let (_, stderr, _) =
        finished(Command::new(WEIR).arg("status").env("WEIR_RUNTIME_DIR", "/nowhere/of/weir"));
    assert!(stderr.contains("/nowhere/of/weir/admin"), "{stderr}");
    let mut weir = Command::new(WEIR);
    weir.args(["status", "--runtime-dir", "/other"]).env("WEIR_RUNTIME_DIR", "/nowhere/of/weir");
    assert!(finished(&mut weir).1.contains("/other/admin"));
    let (_, stderr, code) = finished(Command::new(WEIR).arg("status").env("WEIR_RUNTIME_DIR", "relative"));
    assert_eq!(code, Some(2), "{stderr}");
}

#[test]
fn a_refusal_of_the_server_is_shown_with_its_exit_code() {
    for (status, wanted) in [(400, 2), (404, 2), (403, 1), (503, 1)] {
        let refused =
            format!(r#"{{"status": {status}, "message": "no\u001b[2J such thing", "details": null}}"#);
        let (_, stderr, code) = Server::with("/api/v1/config", status, &refused).run(&["config"]);
        assert_eq!(code, Some(wanted), "{stderr}");
        assert!(stderr.contains(r"no\u{1b}[2J such thing"), "{stderr:?}");
    }
}

#[test]
fn what_is_no_weir_is_said_to_be_none() {
    for body in ["<html>\u{1b}[2J", "", "[1, 2", "7", "[]", "null"] {
        let (stdout, stderr, code) = Server::with("/api/v1/config", 200, &body).run(&["config"]);
        assert_eq!((&*stdout, code), ("", Some(1)), "{stderr}");
        assert!(stderr.contains("does not answer as weir does") && !stderr.contains('\u{1b}'), "{stderr:?}");
    }
}

#[test]
fn an_object_of_which_nothing_is_known_is_shown_as_far_as_it_goes() {
    for body in ["{}", r#"{"items": 7, "metadata": [], "settings": {}, "endpoints": [[]], "service": ""}"#] {
        for (command, wanted) in [
            (&["status"][..], 0),
            (&["conns"], 0),
            (&["conns", "-w"], 1),
            (&["events"], 0),
            (&["services", "-o", "wide"], 0),
            (&["endpoints"], 0),
            (&["config", "--changed"], 0),
            (&["explain", "10.0.0.1:80/TCP"], 0),
            (&["log-level"], 0),
        ] {
            let answers = examples().into_keys().map(|path| (path, (200, body.to_owned())));
            let (_, stderr, code) = Server::answering(answers.collect()).run(command);
            assert_eq!(code, Some(wanted), "{command:?} {body}: {stderr}");
        }
    }
}
