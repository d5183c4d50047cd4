//! Which programs take part, and in which versions?

use crate::{arguments::Arguments, way::Way};
use anyhow::{Result, bail};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The programs that were found.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    haproxy: Option<PathBuf>,
    /// NGINX, if it can relay streams.
    pub(crate) nginx: Option<Nginx>,
    realm: Option<PathBuf>,
    weir: Option<PathBuf>,
    nft: Option<PathBuf>,
}

/// An NGINX that can relay streams.
#[derive(Debug, PartialEq)]
pub(crate) struct Nginx {
    program: PathBuf,
    /// The file of its stream module, where that is not built in.
    pub(crate) module: Option<PathBuf>,
}

impl Programs {
    /// Looks for everything that these arguments ask for.
    pub(crate) fn find(arguments: &Arguments) -> Result<Self> {
        Ok(Self {
            haproxy: find("haproxy", arguments.haproxy.as_deref())?,
            nginx: find("nginx", arguments.nginx.as_deref())?.and_then(|program| {
                let module = stream_module(&said(&program, &["-V"]))?;
                Some(Nginx { program, module })
            }),
            realm: find("realm", arguments.realm.as_deref())?,
            weir: arguments.program.weir.clone(),
            nft: find("nft", None)?,
        })
    }

    /// The program of a way.
    pub(crate) fn of(&self, way: Way) -> Option<&Path> {
        match way {
            Way::Direct => None,
            Way::Nat => self.nft.as_deref(),
            Way::Haproxy | Way::HaproxyTuned => self.haproxy.as_deref(),
            Way::Nginx | Way::NginxTuned => self.nginx.as_ref().map(|nginx| &*nginx.program),
            Way::Realm | Way::RealmTuned => self.realm.as_deref(),
            Way::Weir | Way::WeirTracked | Way::WeirNode | Way::WeirNodeForwarded => self.weir.as_deref(),
        }
    }

    /// What a way's program says about its version; for a missing program advice on what to install.
    pub(crate) fn version(&self, way: Way) -> Result<String, &'static str> {
        let Some(program) = self.of(way) else {
            return match way {
                Way::Direct => Ok("no proxy".into()),
                Way::Nat => Err("install nftables"),
                Way::Haproxy | Way::HaproxyTuned => Err("install haproxy, or name one with --haproxy"),
                Way::Nginx | Way::NginxTuned => {
                    Err("install nginx with its stream module, or name one with --nginx")
                }
                Way::Realm | Way::RealmTuned => {
                    Err("build it from github.com/zhboner/realm and name it with --realm")
                }
                Way::Weir | Way::WeirTracked | Way::WeirNode | Way::WeirNodeForwarded => {
                    Err("name one with --weir")
                }
            };
        };
        let short = matches!(way.peer(), Some(Way::Haproxy | Way::Nginx));
        let flag = if short { "-v" } else { "--version" };
        Ok(said(program, &[flag]).lines().next().unwrap_or("unknown version").trim().to_owned())
    }
}

/// The given program, which must be there, or the one on the path.
fn find(name: &str, given: Option<&Path>) -> Result<Option<PathBuf>> {
    if let Some(given) = given {
        if !given.is_file() {
            bail!("there is no {name} at {}", given.display());
        }
        // Without a slash the path would be searched.
        return Ok(Some(given.canonicalize()?));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()))
}

/// Everything that a program prints; some print their version as an error.
fn said(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}

/// Reads `nginx -V`: `None` without a stream module, `Some(None)` with one built in.
fn stream_module(settings: &str) -> Option<Option<PathBuf>> {
    let mut flags = settings.split_whitespace();
    if flags.clone().any(|flag| flag == "--with-stream") {
        return Some(None);
    }
    let folder = flags.find_map(|flag| flag.strip_prefix("--modules-path="))?;
    let module = Path::new(folder).join("ngx_stream_module.so");
    module.is_file().then_some(Some(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_module_is_built_in_or_a_file_or_missing() {
        assert_eq!(stream_module("configure arguments: --with-stream --with-threads"), Some(None));
        assert_eq!(stream_module("--with-stream=dynamic --modules-path=/nowhere"), None);
        assert_eq!(stream_module("--with-threads"), None);
    }

    #[test]
    fn a_program_that_is_named_but_missing_is_an_error() {
        let error = find("realm", Some(Path::new("/nowhere/realm"))).unwrap_err();
        assert_eq!(error.to_string(), "there is no realm at /nowhere/realm");
        assert_eq!(find("no-such-program", None).unwrap(), None);
    }
}
