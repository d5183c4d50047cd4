//! How soon does a change of files show? Measured and printed; the bounds are ten times what is promised, against hangs.

use super::{Folder, documents, served, service, slice};
use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use weir_control::{Control, FileSource, Scope, Source, start};

/// Time within which a change shows.
const PROMISED: Duration = Duration::from_millis(50);

/// Changes of each kind that are measured.
const ROUNDS: u32 = 10;

async fn watch(path: &Path) -> Control {
    start(Source::File(FileSource::new([path])), Scope::default()).await.unwrap()
}

/// Time from now until exactly these are served.
async fn shows(control: &mut Control, expected: &[&str]) -> Duration {
    let start = Instant::now();
    let shown = control.snapshots.wait_for(|snapshot| served(snapshot) == expected);
    let shown = timeout(10 * PROMISED, shown).await.is_ok_and(|shown| shown.is_ok());
    let now = served(&control.snapshots.borrow());
    assert!(shown, "after {:?} {now:?} is served, not {expected:?}", start.elapsed());
    start.elapsed()
}

/// Makes a change of a kind in each round, and measures until `web` has the port of the round.
async fn measure(kind: &str, path: &str, change: fn(&Folder, u32)) {
    let folder = Folder::new();
    folder.write("web.yaml", service("web", 1));
    fs::create_dir(folder.path("m")).unwrap();
    folder.write("m/web.yaml", service("web", 1));
    let mut control = watch(&folder.path(path)).await;
    shows(&mut control, &["web:1"]).await;
    let mut times = Vec::new();
    for port in 2..2 + ROUNDS {
        change(&folder, port);
        times.push(shows(&mut control, &[&format!("web:{port}")]).await);
    }
    times.sort_unstable();
    println!("{kind}: median {:?}, longest {:?} of {ROUNDS}", times[times.len() / 2], times[times.len() - 1]);
}

#[tokio::test]
async fn every_kind_of_change_shows_at_once() {
    measure("rename over a file", "web.yaml", |folder, port| {
        let new = folder.write("new", service("web", port));
        fs::rename(new, folder.path("web.yaml")).unwrap();
    })
    .await;
    measure("overwritten in place", "web.yaml", |folder, port| {
        folder.write("web.yaml", service("web", port));
    })
    .await;
    measure("overwritten in place in a folder", "m", |folder, port| {
        folder.write("m/web.yaml", service("web", port));
    })
    .await;
    measure("moved away and written anew, as editors do", "m/web.yaml", |folder, port| {
        fs::rename(folder.path("m/web.yaml"), folder.path("m/web.yaml~")).unwrap();
        folder.write("m/web.yaml", service("web", port));
    })
    .await;
    measure("removed and written under another name", "m", |folder, port| {
        folder.write(&format!("m/{port}.yaml"), service("web", port));
        let old = if port == 2 { "web".to_owned() } else { (port - 1).to_string() };
        fs::remove_file(folder.path(&format!("m/{old}.yaml"))).unwrap();
    })
    .await;
    measure("folder replaced", "m", |folder, port| {
        fs::create_dir(folder.path("n")).unwrap();
        folder.write("n/web.yaml", service("web", port));
        fs::rename(folder.path("m"), folder.path(&format!("old-{port}"))).unwrap();
        fs::rename(folder.path("n"), folder.path("m")).unwrap();
    })
    .await;
    measure("file in a folder that is replaced", "m/web.yaml", |folder, port| {
        fs::remove_dir_all(folder.path("m")).unwrap();
        fs::create_dir(folder.path("m")).unwrap();
        folder.write("m/web.yaml", service("web", port));
    })
    .await;
}

#[tokio::test]
async fn the_swap_of_a_config_map_shows_at_once() {
    for path in ["", "web.yaml"] {
        let folder = Folder::new();
        let swap = |port: u32| {
            fs::create_dir(folder.path(&format!("..{port}"))).unwrap();
            folder.write(&format!("..{port}/web.yaml"), service("web", port));
            symlink(format!("..{port}"), folder.path("..data_tmp")).unwrap();
            fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
            _ = fs::remove_dir_all(folder.path(&format!("..{}", port - 1)));
        };
        swap(1);
        symlink("..data/web.yaml", folder.path("web.yaml")).unwrap();
        let mut control = watch(&folder.path(path)).await;
        shows(&mut control, &["web:1"]).await;
        let mut longest = Duration::ZERO;
        for port in 2..2 + ROUNDS {
            swap(port);
            longest = longest.max(shows(&mut control, &[&format!("web:{port}")]).await);
        }
        println!("swap of a ConfigMap, watched as {path:?}: longest {longest:?} of {ROUNDS}");
    }
}

#[tokio::test]
async fn an_endpoint_that_left_a_file_is_gone_at_once() {
    let folder = Folder::new();
    let with = |addresses: [&str; 2]| {
        let slices =
            addresses.map(|address| slice("web", address).replace("web-1", &format!("web-{address}")));
        documents(&[service("web", 80), slices[0].clone(), slices[1].clone()])
    };
    let path = folder.write("web.yaml", with(["10.0.0.1", "10.0.0.2"]));
    let mut control = watch(&path).await;
    let endpoints = |snapshot: &weir_core::Snapshot| {
        let ports = snapshot.services().flat_map(|service| &service.ports);
        ports.flat_map(|port| port.cluster.iter()).flat_map(|endpoints| endpoints.iter()).count()
    };
    control.snapshots.wait_for(|snapshot| endpoints(snapshot) == 2).await.unwrap();
    fs::write(&path, documents(&[service("web", 80), slice("web", "10.0.0.1")])).unwrap();
    let start = Instant::now();
    let gone = timeout(10 * PROMISED, control.snapshots.wait_for(|snapshot| endpoints(snapshot) == 1)).await;
    assert!(gone.is_ok());
    println!("an endpoint left: {:?}", start.elapsed());
}

#[tokio::test]
async fn a_file_with_an_open_writer_keeps_its_state_and_holds_up_no_other() {
    let folder = Folder::new();
    let whole = documents(&[service("web", 80), service("dns", 53)]);
    folder.write("a.yaml", &whole);
    folder.write("b.yaml", service("api", 1));
    let mut control = watch(&folder.0).await;
    shows(&mut control, &["api:1", "dns:53", "web:80"]).await;
    let mut writer = fs::File::create(folder.path("a.yaml")).unwrap();
    // Half of it is a good file, with one Service less.
    writer.write_all(service("web", 81).as_bytes()).unwrap();
    folder.write("b.yaml", service("api", 2));
    shows(&mut control, &["api:2", "dns:53", "web:80"]).await;
    writer.write_all(format!("---\n{}", service("dns", 54)).as_bytes()).unwrap();
    drop(writer);
    shows(&mut control, &["api:2", "dns:54", "web:81"]).await;
}

#[tokio::test(start_paused = true)]
async fn without_notices_files_are_polled() {
    let folder = Folder::new();
    let path = folder.write("web.yaml", service("web", 80));
    let source = FileSource { notified: false, ..FileSource::new([&path]) };
    let mut control = start(Source::File(source), Scope::default()).await.unwrap();
    folder.write("web.yaml", service("web", 81));
    let shown = control.snapshots.wait_for(|snapshot| served(snapshot) == ["web:81"]);
    assert!(timeout(Duration::from_secs(10), shown).await.is_ok(), "simulated seconds");
}
