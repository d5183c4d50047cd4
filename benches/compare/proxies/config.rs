//! How is each proxy configured, so that all do the same?

mod haproxy;
mod nat;
mod nginx;
mod realm;
mod tracked;
mod weir;

use super::{
    programs::{Nginx, Programs},
    resources::Resources,
};
use crate::way::Way;
use std::path::PathBuf;

/// Folder of the configurations and logs of proxies, which only the comparison's own namespace has.
pub(crate) const FOLDER: &str = "/run/compare";

/// The command and the configuration that start a proxy.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The program.
    pub(crate) program: PathBuf,
    /// The arguments of the program.
    pub(crate) arguments: Vec<String>,
    /// The text of its configuration.
    pub(crate) text: String,
    /// The file in which the program expects its configuration.
    pub(crate) file: PathBuf,
}

impl Launch {
    /// The launch of a way; `None` where no process takes part, or the program is missing.
    pub(crate) fn of(way: Way, programs: &Programs, resources: Resources) -> Option<Self> {
        let file = file(way);
        let path = file.display().to_string();
        let (text, arguments) = match way {
            Way::Direct | Way::Nat => return None,
            Way::Haproxy | Way::HaproxyTuned => {
                (haproxy::text(way, resources), vec!["-db".into(), "-f".into(), path])
            }
            Way::Nginx | Way::NginxTuned => {
                let stream = programs.nginx.as_ref().map(|Nginx { module, .. }| module.as_deref())?;
                let arguments = ["-p", FOLDER, "-e", "stderr", "-c", &path].map(String::from).to_vec();
                (nginx::text(way, resources, stream), arguments)
            }
            Way::Realm | Way::RealmTuned => (realm::text(way), realm::arguments(way, &path)),
            Way::Weir | Way::WeirTracked => (weir::text(), vec!["run".into(), "--manifests".into(), path]),
            Way::WeirNode | Way::WeirNodeForwarded => {
                let forwarding =
                    if way == Way::WeirNode { "--forwarding=never" } else { "--forwarding=always" };
                let arguments = [weir::NODE_MODE, &[forwarding, "--manifests", &path]].concat();
                (weir::text(), arguments.into_iter().map(str::to_owned).collect())
            }
        };
        Some(Self { program: programs.of(way)?.to_owned(), arguments, text, file })
    }
}

/// Rules of the host that are part of a way, and name the table `ip compare`; `None` if there are none.
pub(crate) fn host_rules(way: Way) -> Option<String> {
    match way {
        Way::Nat => Some(nat::text()),
        Way::WeirTracked => Some(tracked::text()),
        _ => None,
    }
}

/// File of a way's output.
pub(crate) fn log(way: Way) -> PathBuf {
    file(way).with_extension("log")
}

fn file(way: Way) -> PathBuf {
    let name = way.name().replace([' ', ','], "-").to_lowercase();
    // realm and weir recognise formats by the extension.
    let extension = match way {
        Way::Realm | Way::RealmTuned => "json",
        weir if weir.is_weir() => "json",
        _ => "conf",
    };
    PathBuf::from(FOLDER).join(name).with_extension(extension)
}
