//! What is each proxy told, so that all do the same?

mod haproxy;
mod nat;
mod nginx;
mod realm;
mod weir;

use super::programs::{Nginx, Programs};
use crate::way::Way;
use std::path::PathBuf;

/// Where configurations and logs of proxies lie; only the comparison's own namespace has it.
pub(crate) const FOLDER: &str = "/run/compare";

/// How much a proxy may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resources {
    /// Cores, and so threads or processes that relay.
    pub(crate) cores: usize,
    /// Files that a process may open.
    pub(crate) descriptors: usize,
}

impl Resources {
    /// How many connections this way can relay at a time.
    pub(crate) fn connections(self, way: Way) -> usize {
        /// Listeners, logs, timers, pipes.
        const OTHERS: usize = 512;
        let most = self.descriptors.saturating_sub(OTHERS) / way.descriptors();
        // It keeps a seventeenth for Services that have few, and listening sockets take some.
        if matches!(way, Way::Weir | Way::WeirNode) { most.saturating_sub(64) * 16 / 17 } else { most }
    }
}

/// How a proxy is started.
#[derive(Debug)]
pub(crate) struct Launch {
    /// What runs.
    pub(crate) program: PathBuf,
    /// With which arguments.
    pub(crate) arguments: Vec<String>,
    /// The text of its configuration.
    pub(crate) text: String,
    /// Where it expects that text.
    pub(crate) file: PathBuf,
}

impl Launch {
    /// How this way is started; `None` where no process is, or its program is missing.
    pub(crate) fn of(way: Way, programs: &Programs, resources: Resources) -> Option<Self> {
        let file = file(way);
        let path = file.display().to_string();
        let (text, arguments) = match way {
            Way::Direct | Way::Nat => return None,
            Way::Haproxy => (haproxy::text(resources), vec!["-db".into(), "-f".into(), path]),
            Way::Nginx => {
                let stream = programs.nginx.as_ref().map(|Nginx { module, .. }| module.as_deref())?;
                let arguments = ["-p", FOLDER, "-e", "stderr", "-c", &path].map(String::from).to_vec();
                (nginx::text(resources, stream), arguments)
            }
            Way::Realm => (realm::text(), vec!["-c".into(), path]),
            Way::Weir => (weir::text(), vec!["run".into(), "--manifests".into(), path]),
            Way::WeirNode => (
                weir::text(),
                [weir::NODE_MODE, &["--manifests", &path]]
                    .concat()
                    .iter()
                    .map(|&part| part.to_owned())
                    .collect(),
            ),
        };
        Some(Self { program: programs.of(way)?.to_owned(), arguments, text, file })
    }
}

/// What `nft` is told for kernel NAT.
pub(crate) fn nat() -> String {
    nat::text()
}

/// Where the output of this way goes.
pub(crate) fn log(way: Way) -> PathBuf {
    file(way).with_extension("log")
}

fn file(way: Way) -> PathBuf {
    let name = way.name().replace([' ', ','], "-").to_lowercase();
    // realm and weir tell formats by the extension.
    let extension = match way {
        Way::Realm | Way::Weir | Way::WeirNode => "json",
        _ => "conf",
    };
    PathBuf::from(FOLDER).join(name).with_extension(extension)
}
