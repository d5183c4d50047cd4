//! Do manifests on disk become what is served, and does a mistake in them cost only what it must?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod completion;
mod hostile;
mod latency;
mod loading;
mod mistakes;
mod watching;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};
use weir_control::{Loaded, Scope, load_manifests};
use weir_core::Snapshot;

/// A directory of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("manifests-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn load(&self) -> Loaded {
        load(&[&self.0])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn load(paths: &[&Path]) -> Loaded {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    load_manifests(&paths, &Scope::default()).unwrap()
}

fn service(name: &str, port: u32) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  clusterIP: 10.96.0.{}\n  ports:\n  \
         - port: {port}\n",
        1 + name.bytes().map(u32::from).sum::<u32>() % 250
    )
}

fn slice(service: &str, address: &str) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {service}-1\n  labels:\n    \
         kubernetes.io/service-name: {service}\naddressType: IPv4\nports:\n- {{name: \"\", port: 8080}}\n\
         endpoints:\n- addresses: [\"{address}\"]\n"
    )
}

fn documents(documents: &[String]) -> String {
    documents.iter().map(|document| format!("{}\n", document.trim_end())).collect::<Vec<_>>().join("---\n")
}

/// `name:port` of all Services that are served.
fn served(snapshot: &Snapshot) -> Vec<String> {
    let mut served: Vec<String> = snapshot
        .services()
        .flat_map(|service| {
            let name = &service.key.name;
            service.ports.iter().map(move |port| format!("{name}:{}", port.port))
        })
        .collect();
    served.sort_unstable();
    served
}

/// The problems as an operator sees them, with the folder left out.
fn problems(folder: &Folder, loaded: &Loaded) -> Vec<String> {
    let prefix = format!("{}/", folder.0.display());
    loaded.report.problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}
