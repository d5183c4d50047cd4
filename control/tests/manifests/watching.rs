//! What happens to what is served when the files change, well or badly?

use super::{Folder, documents, served, service, slice};
use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};
use tokio::time::timeout;
use weir_control::{Control, FileSource, Scope, Source, StartError, start};

/// Simulated, so that looking at files once a second costs nothing; only a test that fails waits for it.
const LIMIT: Duration = Duration::from_secs(60);

async fn watch(path: &Path) -> Control {
    start(Source::File(FileSource::new([path])), Scope::default()).await.unwrap()
}

/// Waits until exactly these are served.
#[track_caller]
fn shows<'a>(control: &'a mut Control, expected: &'a [&str]) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let shown = control.snapshots.wait_for(|snapshot| served(snapshot) == expected);
        let seen = timeout(LIMIT, shown).await.is_ok_and(|seen| seen.is_ok());
        assert!(seen, "{caller}: served {:?}, not {expected:?}", served(&control.snapshots.borrow()));
    }
}

/// Waits until something is said that contains the text.
async fn says(control: &mut Control, text: &str) {
    let said = control
        .status
        .wait_for(|status| status.problems.iter().any(|problem| problem.to_string().contains(text)));
    let said = timeout(LIMIT, said).await.is_ok_and(|said| said.is_ok());
    assert!(said, "nobody says {text:?}: {:?}", control.status.borrow().problems);
}

#[tokio::test(start_paused = true)]
async fn an_edit_shows_only_in_what_it_edits() {
    let folder = Folder::new();
    let path = folder.write("all.yaml", documents(&[service("web", 80), service("dns", 53)]));
    let mut control = watch(&path).await;
    assert_eq!(control.first_load.as_ref().unwrap().objects, 2);
    shows(&mut control, &["dns:53", "web:80"]).await;
    let before = control.snapshots.borrow().clone();

    folder.write("all.yaml", documents(&[service("web", 8080), service("dns", 53)]));
    shows(&mut control, &["dns:53", "web:8080"]).await;
    let changes = weir_core::Changes::between(&before, &control.snapshots.borrow());
    assert_eq!(changes.changed.len(), 1);
    assert_eq!(control.snapshots.borrow().generation, before.generation + 1);
}

#[tokio::test(start_paused = true)]
async fn a_rename_over_the_file_is_seen() {
    let folder = Folder::new();
    let path = folder.write("web.yaml", service("web", 80));
    let mut control = watch(&path).await;
    shows(&mut control, &["web:80"]).await;
    let new = folder.write("web.yaml.new", service("web", 81));
    fs::rename(new, &path).unwrap();
    shows(&mut control, &["web:81"]).await;
}

#[tokio::test(start_paused = true)]
async fn files_appear_and_vanish_in_a_directory() {
    let folder = Folder::new();
    let mut control = watch(&folder.0).await;
    folder.write("web.yaml", service("web", 80));
    shows(&mut control, &["web:80"]).await;
    folder.write("dns.json", "{}");
    folder.write("api.yaml", service("api", 443));
    shows(&mut control, &["api:443", "web:80"]).await;
    fs::remove_file(folder.path("web.yaml")).unwrap();
    shows(&mut control, &["api:443"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_swap_of_a_mounted_config_map_is_seen() {
    let folder = Folder::new();
    let version = |name: &str, services: &[(&str, u32)]| {
        fs::create_dir(folder.path(name)).unwrap();
        for (service_name, port) in services {
            folder.write(&format!("{name}/{service_name}.yaml"), service(service_name, *port));
        }
        symlink(name, folder.path("..data_tmp")).unwrap();
        fs::rename(folder.path("..data_tmp"), folder.path("..data")).unwrap();
    };
    version("..2026_01", &[("web", 80)]);
    symlink("..data/web.yaml", folder.path("web.yaml")).unwrap();
    let mut directory = watch(&folder.0).await;
    let mut file = watch(&folder.path("web.yaml")).await;
    shows(&mut directory, &["web:80"]).await;
    shows(&mut file, &["web:80"]).await;

    version("..2026_02", &[("web", 81), ("dns", 53)]);
    symlink("..data/dns.yaml", folder.path("dns.yaml")).unwrap();
    fs::remove_dir_all(folder.path("..2026_01")).unwrap();
    shows(&mut directory, &["dns:53", "web:81"]).await;
    shows(&mut file, &["web:81"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_document_keeps_its_last_good_version_and_costs_the_others_nothing() {
    let folder = Folder::new();
    let all = |web: String, dns: u32| documents(&[web, service("dns", dns)]);
    let path = folder.write("all.yaml", all(service("web", 80), 53));
    let mut control = watch(&path).await;
    shows(&mut control, &["dns:53", "web:80"]).await;

    folder.write("all.yaml", all(service("web", 70000), 54));
    shows(&mut control, &["dns:54", "web:80"]).await;
    says(&mut control, "document 1, line 8: Service default/web: spec.ports[0].port: 70000").await;

    folder.write("all.yaml", all("apiVersion: v1\nkind: [\n".into(), 55));
    shows(&mut control, &["dns:55", "web:80"]).await;
    says(&mut control, "document 1, line 2: is not valid YAML").await;

    folder.write("all.yaml", all(service("web", 81), 55));
    shows(&mut control, &["dns:55", "web:81"]).await;
    assert_eq!(control.status.borrow_and_update().problems.len(), 0);

    folder.write("all.yaml", service("dns", 55));
    shows(&mut control, &["dns:55"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_in_the_middle_of_a_write_keeps_its_last_good_state() {
    let folder = Folder::new();
    let all = documents(&[service("web", 80), slice("web", "10.0.0.1"), service("dns", 53)]);
    let path = folder.write("all.yaml", &all);
    let mut control = watch(&path).await;
    shows(&mut control, &["dns:53", "web:80"]).await;
    let before = control.snapshots.borrow().clone();
    // A redirection empties the file first; then half of the last document is there.
    for (half, said) in [("", "is empty"), (&all[..all.len() - 60], "document 3")] {
        folder.write("all.yaml", half);
        says(&mut control, said).await;
        assert_eq!(served(&control.snapshots.borrow()), ["dns:53", "web:80"], "with {} bytes", half.len());
    }
    folder.write("all.yaml", &all);
    let good = control.status.wait_for(|status| status.problems.is_empty());
    assert!(timeout(LIMIT, good).await.is_ok_and(|good| good.is_ok()));
    assert_eq!(*control.snapshots.borrow(), before);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_empty_on_purpose_serves_nothing() {
    let folder = Folder::new();
    let path = folder.write("all.yaml", service("web", 80));
    let mut control = watch(&path).await;
    shows(&mut control, &["web:80"]).await;
    folder.write("all.yaml", "");
    says(&mut control, "all.yaml: is empty; its last good state stays served").await;
    folder.write("all.yaml", "# nothing\n");
    shows(&mut control, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_named_path_that_vanishes_keeps_its_last_state_and_comes_back() {
    for named in ["inner", "inner/web.yaml"] {
        let folder = Folder::new();
        let fill = |port| {
            fs::create_dir(folder.path("inner")).unwrap();
            folder.write("inner/web.yaml", service("web", port));
        };
        fill(80);
        let mut control = watch(&folder.path(named)).await;
        shows(&mut control, &["web:80"]).await;
        fs::remove_dir_all(folder.path("inner")).unwrap();
        says(&mut control, "no such file or directory; its last state stays served").await;
        assert_eq!(served(&control.snapshots.borrow()), ["web:80"]);
        fill(81);
        shows(&mut control, &["web:81"]).await;
        assert_eq!(control.status.borrow().problems.len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_moves_to_another_file_stays_served() {
    let folder = Folder::new();
    folder.write("a.yaml", documents(&[service("web", 80), service("dns", 53)]));
    folder.write("b.yaml", service("api", 443));
    let mut control = watch(&folder.0).await;
    shows(&mut control, &["api:443", "dns:53", "web:80"]).await;
    let generation = control.snapshots.borrow().generation;
    folder.write("a.yaml", service("dns", 53));
    folder.write("b.yaml", documents(&[service("api", 444), service("web", 80)]));
    shows(&mut control, &["api:444", "dns:53", "web:80"]).await;
    assert_eq!(control.snapshots.borrow().generation, generation + 1);
}

#[tokio::test(start_paused = true)]
async fn the_second_of_two_takes_over_when_the_first_goes() {
    let folder = Folder::new();
    folder.write("a.yaml", service("web", 1));
    folder.write("b.yaml", service("web", 2));
    let mut control = watch(&folder.0).await;
    shows(&mut control, &["web:1"]).await;
    fs::remove_file(folder.path("a.yaml")).unwrap();
    shows(&mut control, &["web:2"]).await;
    assert_eq!(control.status.borrow().problems.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_any_more_keeps_its_last_state() {
    let folder = Folder::new();
    let path = folder.write("web.yaml", service("web", 80));
    let mut control = watch(&folder.0).await;
    shows(&mut control, &["web:80"]).await;
    fs::File::options().write(true).open(&path).unwrap().set_len((64 << 20) + 1).unwrap();
    says(&mut control, "web.yaml: cannot read it: it is larger than 64 MiB; its last state stays served")
        .await;
    assert_eq!(served(&control.snapshots.borrow()), ["web:80"]);
    folder.write("web.yaml", service("web", 81));
    shows(&mut control, &["web:81"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_without_the_file_is_an_error_and_with_mistakes_is_none() {
    let folder = Folder::new();
    let missing = Source::File(FileSource::new([folder.path("missing.yaml")]));
    let Err(StartError::Manifests(problem)) = start(missing, Scope::default()).await else { panic!() };
    assert!(problem.to_string().ends_with("missing.yaml: cannot read it: no such file or directory"));

    let path = folder.write("web.yaml", documents(&[service("web", 80), "a: [".into()]));
    let mut control = watch(&path).await;
    shows(&mut control, &["web:80"]).await;
    assert_eq!(control.first_load.unwrap().problems.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_path_of_which_nothing_was_served_has_no_last_state() {
    let folder = Folder::new();
    fs::create_dir(folder.path("inner")).unwrap();
    folder.write("inner/notes.yaml", "# nothing\n");
    let mut control = watch(&folder.path("inner")).await;
    says(&mut control, "notes.yaml: is empty").await;
    folder.write("inner/notes.yaml", b"\xff\xfe");
    says(&mut control, "notes.yaml: is not text in UTF-8; nothing is served from it").await;
    fs::remove_dir_all(folder.path("inner")).unwrap();
    says(&mut control, "inner: cannot read it: no such file or directory").await;
    let problems = control.status.borrow().problems.clone();
    assert!(problems.iter().all(|problem| !problem.message.contains("stays served")), "{problems:?}");
}
