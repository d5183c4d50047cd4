//! What if a newcomer, or the earlier weir, dies midway or says nonsense?

use super::{assert_ends_well, bed, take_over};
use crate::{
    bed::{BOTH, Bed, Protocol, ask, eventually},
    objects::{Service, cluster_ips},
};
use rustix::{
    io::Errno,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send},
};
use std::{
    env, fs, io, io::IoSliceMut, mem::MaybeUninit, net::SocketAddr, os::fd::OwnedFd,
    os::unix::fs::PermissionsExt,
};
use weir_capture::{RuntimeDir, TAKEOVER_SOCKET};
use weir_testkit::cluster::NodePlan;

const HELLO: &str = r#"{"message":"hello","version":1,"release":"test","process":1}"#;
const ASK: &str = r#"{"message":"ask"}"#;
const RECEIVED: &str = r#"{"message":"received"}"#;

/// A newcomer that says what a test wants.
struct Fake(OwnedFd);

impl Fake {
    fn connect(bed: &Bed) -> Self {
        let folder = bed.runtime_dir();
        let connect = || RuntimeDir::find(&folder).unwrap().connect(TAKEOVER_SOCKET).unwrap();
        Self(bed.cluster.node("node-a").namespace().enter(connect).unwrap())
    }

    fn say(&self, words: &[u8]) {
        // The other side may have closed the connection.
        let _ = send(&self.0, words, SendFlags::NOSIGNAL);
    }

    /// The next message and the number of its descriptors, which are closed; `None` when the connection is closed.
    fn hear(&self) -> Option<(String, Vec<OwnedFd>)> {
        let mut heard = None;
        eventually("a message", true, || {
            let mut bytes = vec![0; 64 << 10];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            match recvmsg(&self.0, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::empty()) {
                Ok(received) => {
                    let mut descriptors = Vec::new();
                    for message in control.drain() {
                        if let RecvAncillaryMessage::ScmRights(rights) = message {
                            descriptors.extend(rights);
                        }
                    }
                    let text = String::from_utf8_lossy(&bytes[..received.bytes]).into_owned();
                    heard = (received.bytes > 0).then_some((text, descriptors));
                    true
                }
                Err(Errno::AGAIN | Errno::INTR) => false,
                Err(error) => panic!("{}", io::Error::from(error)),
            }
        });
        heard
    }
}

fn bridged() -> Option<Bed> {
    let bed = bed(NodePlan::bridged("node-a", true), &[])?;
    bed.serve(&Service::web("web", 10), &["a-1"]);
    bed.wait_until_served(10);
    Some(bed)
}

/// Everything is served, and goes on being served.
fn assert_serves(bed: &Bed, what: &str) {
    let client = bed.cluster.pod("a-2");
    for (protocol, ip) in BOTH.into_iter().flat_map(|protocol| cluster_ips(10).map(|ip| (protocol, ip))) {
        let to = SocketAddr::new(ip, 80);
        eventually(&format!("{what}: {to} over {protocol:?}"), true, || ask(client, protocol, to).is_ok());
    }
    eventually(what, Some(200), || bed.probe("node-a", "/readyz"));
}

#[test]
fn a_newcomer_that_dies_midway_leaves_the_earlier_weir_serving() {
    let Some(mut bed) = bridged() else { return };
    // Dies before it was handed the sockets.
    let fake = Fake::connect(&bed);
    fake.say(HELLO.as_bytes());
    assert!(fake.hear().unwrap().0.contains("hello"));
    eventually("not ready while a newcomer starts", Some(503), || bed.probe("node-a", "/readyz"));
    fake.say(ASK.as_bytes());
    drop(fake);
    assert_serves(&bed, "asked and gone");
    // Dies with the sockets in its hands.
    let fake = Fake::connect(&bed);
    fake.say(HELLO.as_bytes());
    fake.hear().unwrap();
    fake.say(ASK.as_bytes());
    let (said, descriptors) = fake.hear().unwrap();
    assert!(said.contains("172.30.0.10:80") && descriptors.len() > 4, "{said}");
    fake.say(RECEIVED.as_bytes());
    // Clients wait meanwhile, and are not refused.
    let client = bed.cluster.pod("a-2");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.tcp(SocketAddr::new(cluster_ips(10)[0], 80)));
        drop((fake, descriptors));
        assert!(waiting.join().unwrap().is_ok());
    });
    assert_serves(&bed, "had all and died");
    let newcomer = take_over(&bed, &[]);
    bed.stop_weir("node-a", |first| assert!(first.wait().unwrap().success()));
    assert_serves(&bed, "a real newcomer");
    drop(newcomer);
}

#[test]
fn nonsense_said_to_the_socket_changes_nothing() {
    let Some(bed) = bridged() else { return };
    let large = vec![b'x'; 100 << 10];
    let nonsense = [&b"\xff\xfe\x00"[..], b"{}", b"GET / HTTP/1.1\r\n\r\n", ASK.as_bytes(), &large];
    for words in nonsense {
        let fake = Fake::connect(&bed);
        fake.say(words);
        assert!(fake.hear().is_none(), "{:?}", &words[..words.len().min(20)]);
        let fake = Fake::connect(&bed);
        fake.say(HELLO.as_bytes());
        fake.hear().unwrap();
        fake.say(ASK.as_bytes());
        fake.hear().unwrap();
        fake.say(words);
        assert!(fake.hear().is_none(), "{:?}", &words[..words.len().min(20)]);
    }
    assert_serves(&bed, "nonsense");
    let newcomer = take_over(&bed, &[]);
    assert_serves(&bed, "a newcomer after nonsense");
    drop(newcomer);
}

#[test]
fn a_second_newcomer_is_told_that_another_one_takes_over() {
    let Some(bed) = bridged() else { return };
    let [first, second] = [(); 2].map(|()| Fake::connect(&bed));
    for fake in [&first, &second] {
        fake.say(HELLO.as_bytes());
        fake.hear().unwrap();
    }
    first.say(ASK.as_bytes());
    assert!(first.hear().unwrap().0.contains("sockets"));
    second.say(ASK.as_bytes());
    let (said, descriptors) = second.hear().unwrap();
    assert!(said.contains("refused") && descriptors.is_empty(), "{said}");
    drop((first, second));
    assert_serves(&bed, "both are gone");
}

#[test]
fn a_newcomer_that_is_killed_while_it_writes_its_rules_leaves_the_earlier_weir_serving() {
    let Some(mut bed) = bridged() else { return };
    let folder = env::temp_dir().join(format!("weir-nft-{:016x}", rand::random::<u64>()));
    fs::create_dir(&folder).unwrap();
    // Tables are written, and what has written them does not come back.
    let script = format!(
        "#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nnft \"$@\" || exit\ncase \"$*\" in *-f*) if [ -e {0}/armed ]; then touch \
         {0}/written; sleep 60; fi;; esac\n",
        folder.display()
    );
    fs::write(folder.join("nft"), script).unwrap();
    fs::set_permissions(folder.join("nft"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.display());
    let arguments = [&[crate::bed::WEIR][..], &bed.arguments("node-a", &["--takeover"])].concat();
    let mut newcomer = bed.spawn_in_session("node-a", &arguments, &path);
    super::wait_for(&mut newcomer, "handed over");
    fs::write(folder.join("armed"), "").unwrap();
    eventually("a written table", true, || {
        folder.join("written").exists() || newcomer.log().unwrap().contains("let go")
    });
    let was_midway = !newcomer.log().unwrap().contains("let go");
    newcomer.signal_group("KILL").unwrap();
    newcomer.wait().unwrap();
    fs::remove_dir_all(folder).unwrap();
    if was_midway {
        assert_serves(&bed, "killed with its table written");
        super::wait_for(bed.weir_mut("node-a"), "is gone: this weir serves on");
    }
    let second = take_over(&bed, &[]);
    assert_serves(&bed, "another newcomer");
    drop(second);
}

#[test]
fn an_earlier_weir_that_is_killed_is_followed_by_the_newcomer_all_the_same() {
    let Some(mut bed) = bridged() else { return };
    let mut newcomer = bed.spawn_weir("node-a", &["--takeover"]);
    super::wait_for(&mut newcomer, "another weir");
    bed.stop_weir("node-a", |first| first.kill().unwrap());
    assert_serves(&bed, "the newcomer");
    let third = take_over(&bed, &[]);
    assert_ends_well(newcomer);
    assert!(ask(bed.cluster.pod("a-2"), Protocol::Tcp, SocketAddr::new(cluster_ips(10)[0], 80)).is_ok());
    drop(third);
}
