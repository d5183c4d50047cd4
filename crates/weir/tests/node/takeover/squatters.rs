//! Can anybody else keep weir from starting, or take what it has?

use super::{HEALTH, bed, bed_of_pods, take_over, wait_for};
use crate::{
    bed::{Bed, Protocol, WEIR, eventually, expect},
    objects::{Service, cluster_ips},
};
use std::{
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, chown},
};
use weir_testkit::{Program, cluster::NodePlan};

/// A user who is nobody in particular.
const USER: u32 = 4711;

/// Runs a Perl script on the node as another user: each Debian has Perl.
fn as_another_user(bed: &Bed, script: &str) -> Program {
    let user = USER.to_string();
    let arguments = ["--reuid", &user, "--regid", &user, "--clear-groups", "perl", "-MSocket", "-e", script];
    bed.cluster.node("node-a").spawn("setpriv", &arguments, &[]).unwrap()
}

#[test]
fn a_name_in_the_kernel_that_another_user_holds_keeps_nobody_out() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2")]);
    let mut squatter = as_another_user(
        &bed,
        r#"socket(S, AF_UNIX, SOCK_STREAM, 0) or die; bind(S, pack_sockaddr_un("\0weir/capture")) or die "$!";
           listen(S, 5) or die; syswrite(STDOUT, "squats\n"); sleep 1000;"#,
    );
    wait_for(&mut squatter, "squats");
    bed.start_weir("node-a", &[]);
    assert!(bed.weir_mut("node-a").log().unwrap().contains("a process of another user holds"));
    // It is no weir for the others either.
    let mut second = bed.spawn_weir("node-a", &[]);
    assert_eq!(second.wait().unwrap().code(), Some(1), "there is a weir");
    bed.stop_weir("node-a", |weir| weir.kill().unwrap());
    let mut cleanup = bed.cluster.node("node-a").spawn(WEIR, &["cleanup"], &[]).unwrap();
    assert!(cleanup.wait().unwrap().success(), "{}", cleanup.log().unwrap());
}

#[test]
fn a_folder_that_another_user_has_prepared_is_not_used_and_weir_starts() {
    let Some(mut bed) = Bed::laid_out(&[NodePlan::routed("node-a")]) else { return };
    let folder = bed.runtime_dir();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    chown(&folder, Some(USER), Some(USER)).unwrap();
    bed.start_weir("node-a", &[]);
    let log = bed.weir_mut("node-a").log().unwrap();
    assert!(log.contains("belongs to user 4711") && log.contains("--runtime-dir"), "{log}");
    let mut second = bed.spawn_weir("node-a", &["--health-address", "", "--admin-address", ""]);
    assert_eq!(second.wait().unwrap().code(), Some(1), "the name in the kernel keeps a second one out");
}

#[test]
fn a_weir_in_another_pod_is_known_by_its_name_in_the_kernel() {
    let flags = ["--runtime-dir", ""];
    let Some(bed) = bed_of_pods(NodePlan::routed("node-a"), &flags) else { return };
    let mut second =
        bed.spawn_weir("node-a", &[&flags[..], &["--health-address", "", "--admin-address", ""]].concat());
    assert_eq!(second.wait().unwrap().code(), Some(1), "{}", second.log().unwrap());
    assert!(second.log().unwrap().contains("another weir captures"), "{}", second.log().unwrap());
}

#[test]
fn without_a_folder_a_newcomer_still_takes_over_and_the_earlier_weir_ends() {
    let flags = ["--runtime-dir", ""];
    let Some(mut bed) = bed(NodePlan::bridged("node-a", true), &flags) else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let mut newcomer = bed.spawn_weir("node-a", &["--takeover", "--runtime-dir", ""]);
    bed.stop_weir("node-a", |first| assert!(first.wait().unwrap().success(), "{}", first.log().unwrap()));
    wait_for(&mut newcomer, "no other weir captures here any more");
    let client = bed.cluster.pod("a-2");
    for ip in cluster_ips(10) {
        eventually(&ip.to_string(), true, || client.tcp(SocketAddr::new(ip, 80)).is_ok());
    }
    let answer = bed.cluster.node("node-a").http(HEALTH.parse().unwrap(), "/readyz").unwrap();
    assert!(answer.contains(" 200 "), "{answer}");
}

#[test]
fn another_user_cannot_reach_the_socket_and_the_hand_over_goes_on() {
    let Some(mut bed) = bed(NodePlan::routed("node-a"), &[]) else { return };
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    let named = |entry: fs::DirEntry| entry.path().to_str().unwrap().to_owned();
    let mut names = fs::read_dir(bed.runtime_dir()).unwrap().map(|entry| named(entry.unwrap()));
    let socket = names.find(|name| name.ends_with(".sock")).unwrap();
    let script = format!(
        r#"socket(S, AF_UNIX, 5, 0) or die; connect(S, pack_sockaddr_un("{socket}")) or die "refused: $!"; print "in";"#
    );
    let mut intruder = as_another_user(&bed, &script);
    assert!(!intruder.wait().unwrap().success());
    assert!(intruder.log().unwrap().contains("Permission denied"), "{}", intruder.log().unwrap());
    let _newcomer = take_over(&bed, &[]);
    bed.stop_weir("node-a", |first| assert!(first.wait().unwrap().success()));
    let client = bed.cluster.pod("a-2");
    expect(client, Protocol::Tcp, SocketAddr::new(cluster_ips(10)[0], 80), Ok(("a-1", client.v4())));
}
