use super::*;
use rustix::net::{SendFlags, accept, recv, send};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

/// A folder that is removed when dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("weir-runtime-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn refusal(path: &Path) -> String {
    RuntimeDir::open(path).unwrap_err().to_string()
}

#[test]
fn root_has_the_systems_folder_and_others_their_own() {
    let of = |root, folder: Option<&str>| default_path_for(root, folder.map(OsString::from));
    assert_eq!(of(true, Some("/run/user/0")), Some("/run/weir".into()));
    assert_eq!(of(false, Some("/run/user/7")), Some("/run/user/7/weir".into()));
    assert_eq!((of(false, Some("relative")), of(false, None)), (None, None));
}

#[test]
fn the_folder_is_made_for_its_user_alone_and_closed_to_others_where_they_may_read_it() {
    let temporary = Temporary::new();
    let path = temporary.0.join("in/weir");
    assert!(RuntimeDir::find(&path).is_none() && !path.exists(), "looking makes nothing");
    drop(RuntimeDir::open(&path).unwrap());
    assert_eq!(mode(&path), 0o700);
    // As the kubelet makes the folder of a hostPath.
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    drop(RuntimeDir::open(&path).unwrap());
    assert_eq!(mode(&path), 0o700);
}

#[test]
fn a_folder_that_others_could_have_prepared_is_refused_and_the_reason_is_said() {
    let temporary = Temporary::new();
    let path = temporary.0.join("weir");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    assert!(refusal(&path).contains("others may write to it (mode 777)"), "{}", refusal(&path));
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    let link = temporary.0.join("link");
    symlink(&path, &link).unwrap();
    assert!(refusal(&link).contains("symbolic link"), "{}", refusal(&link));
    fs::write(temporary.0.join("file"), "").unwrap();
    assert!(refusal(&temporary.0.join("file")).contains("cannot be created"));
    fs::set_permissions(&temporary.0, Permissions::from_mode(0o777)).unwrap();
    assert!(refusal(&path).contains("the folder around it"), "{}", refusal(&path));
    fs::set_permissions(&temporary.0, Permissions::from_mode(0o1777)).unwrap();
    drop(RuntimeDir::open(&path).unwrap());
    if geteuid().is_root() {
        chown(&path, Some(4711), None).unwrap();
        assert!(refusal(&path).contains("it belongs to user 4711"), "{}", refusal(&path));
    }
}

#[test]
fn one_holds_the_lock_until_the_last_duplicate_is_closed() {
    let temporary = Temporary::new();
    let [first, second] = [(); 2].map(|()| RuntimeDir::open(&temporary.0.join("weir")).unwrap());
    let held = first.lock().unwrap().unwrap();
    assert!(second.lock().unwrap().is_none());
    let duplicate = held.try_clone().unwrap();
    drop(held);
    assert!(second.lock().unwrap().is_none(), "who took over holds it on");
    drop(duplicate);
    let held = second.lock().unwrap().unwrap();
    fs::remove_file(first.path().join(first.lock_name())).unwrap();
    assert!(first.lock().unwrap().is_some(), "a removed file keeps nobody out");
    drop(held);
}

#[test]
fn a_trap_in_place_of_the_lock_is_not_followed() {
    let temporary = Temporary::new();
    let runtime_dir = RuntimeDir::open(&temporary.0.join("weir")).unwrap();
    let lock = runtime_dir.path().join(runtime_dir.lock_name());
    fs::remove_file(&lock).unwrap();
    symlink(temporary.0.join("victim"), &lock).unwrap();
    assert!(runtime_dir.lock().is_err() && !temporary.0.join("victim").exists());
}

#[test]
fn who_listens_last_is_found_and_nobody_is_found_after_a_crash() {
    let temporary = Temporary::new();
    let runtime_dir = RuntimeDir::open(&temporary.0.join("weir")).unwrap();
    assert!(runtime_dir.connect("takeover").is_err());
    let first = runtime_dir.listen("takeover").unwrap();
    let second = runtime_dir.listen("takeover").unwrap();
    let client = runtime_dir.connect("takeover").unwrap();
    assert!(accept(&first).is_err(), "the first one has no name any more");
    let server = accept(&second).unwrap();
    for message in [&b"two"[..], b"messages"] {
        send(&client, message, SendFlags::empty()).unwrap();
    }
    let mut buffer = [0; 64];
    let (count, _) = recv(&server, &mut buffer[..], rustix::net::RecvFlags::empty()).unwrap();
    assert_eq!(&buffer[..count], b"two");
    drop((first, second, server));
    assert!(runtime_dir.connect("takeover").is_err(), "its file is there, but nobody listens");
    let names = fs::read_dir(runtime_dir.path()).unwrap().count();
    assert_eq!(names, 2, "the lock and one socket");
    assert_eq!(mode(&runtime_dir.path().join(runtime_dir.socket_name("takeover"))), 0o600);
}

#[test]
fn what_weirs_have_left_goes_and_what_a_weir_holds_stays() {
    let temporary = Temporary::new();
    let (path, file) = (temporary.0.join("weir"), |name: &str| temporary.0.join("weir").join(name));
    let runtime_dir = RuntimeDir::open(&path).unwrap();
    drop(runtime_dir.listen("takeover").unwrap());
    for left in ["capture-7.lock", "takeover-7.sock", "takeover-7.sock.4711", "takeover-77.sock", "notes.txt"]
    {
        fs::write(file(left), "").unwrap();
    }
    let held = runtime_dir.lock().unwrap().unwrap();
    assert_eq!(runtime_dir.remove_leftovers().unwrap(), 3);
    let names = || {
        let mut names = runtime_dir_names(&path);
        names.sort();
        names
    };
    let network = runtime_dir.network;
    let (lock, socket) = (format!("capture-{network}.lock"), format!("takeover-{network}.sock"));
    assert_eq!(names(), [lock, "notes.txt".to_owned(), socket, "takeover-77.sock".to_owned()]);
    assert!(runtime_dir.lock().unwrap().is_none(), "its lock is held as before");
    drop(held);
    assert_eq!(runtime_dir.remove_leftovers().unwrap(), 2);
    assert_eq!(names(), ["notes.txt", "takeover-77.sock"]);
    assert!(runtime_dir.lock().unwrap().is_some(), "a weir that has the folder open makes its file anew");
    assert_eq!(runtime_dir.remove_leftovers().unwrap(), 1);
    assert_eq!(runtime_dir.remove_leftovers().unwrap(), 0);
}

fn runtime_dir_names(path: &Path) -> Vec<String> {
    fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn no_two_hold_the_lock_however_often_its_file_is_removed() {
    let temporary = Temporary::new();
    let path = temporary.0.join("weir");
    let (held, taken, done) = (AtomicBool::new(false), AtomicU32::new(0), AtomicBool::new(false));
    let runtime_dir = RuntimeDir::open(&path).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                runtime_dir.remove_leftovers().unwrap();
            }
        });
        let lockers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        // Replaced too often, or held: the next round.
                        let Ok(Some(file)) = runtime_dir.lock() else { continue };
                        assert!(!held.swap(true, Ordering::SeqCst), "somebody else holds the lock");
                        taken.fetch_add(1, Ordering::Relaxed);
                        std::thread::yield_now();
                        held.store(false, Ordering::SeqCst);
                        drop(file);
                    }
                })
            })
            .collect();
        for locker in lockers {
            let outcome = locker.join();
            done.store(done.load(Ordering::Relaxed) || outcome.is_err(), Ordering::Relaxed);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(taken.into_inner() > 100);
}
