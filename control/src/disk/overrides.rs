//! How is what an operator has said of endpoints and nodes kept, so that a restart does not undo it?

use super::{
    folder::{Folder, ReadError, WriteError},
    format::{Identity, StateError},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};
use tracing::{info, warn};
use weir_core::{Overrides, is_unprintable};

/// Name of the file in the state folder.
const FILE: &str = "overrides.json";

/// Largest file that is read, in bytes: more than the most overrides take.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Version of the file's format. Other versions are not read.
const VERSION: u32 = 1;

/// Characters that are read of the words about who has said something.
const MAX_BY_CHARS: usize = 200;

/// File in the state folder with what an operator has said.
#[derive(Clone, Debug)]
pub(crate) struct OverridesFile {
    folder: Arc<Folder>,
    identity: Identity,
}

/// Content of the file, as JSON.
#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    identity: Identity,
    overrides: Overrides,
}

/// Reason why a file is not used.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Unread(#[from] ReadError),
    #[error("it is not what weir writes: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("it has format {0}, and this weir reads {VERSION}")]
    Version(u32),
    #[error(transparent)]
    Foreign(#[from] StateError),
}

impl OverridesFile {
    pub(crate) fn new(folder: Arc<Folder>, identity: Identity) -> Self {
        Self { folder, identity }
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path_of(FILE)
    }

    /// What an earlier run has kept; nothing if there is no file. One that cannot be used is reported and left alone: the next
    /// change replaces it.
    pub(crate) fn load(&self) -> Overrides {
        let path = self.path();
        match self.read() {
            Ok(overrides) if overrides.is_empty() => overrides,
            Ok(overrides) => {
                let drained = overrides.iter().filter(|(_, said)| said.drained).count();
                info!(
                    "{} overrides of endpoints and nodes are in force as before the restart, of which {drained} drain; they \
                     are in {}",
                    overrides.iter().len(),
                    path.display()
                );
                overrides
            }
            Err(refused) => {
                warn!(
                    "cannot use the overrides in {}: {refused}; starting without any: endpoints that were drained get new \
                     connections. Drain them again, which replaces the file",
                    path.display()
                );
                Overrides::default()
            }
        }
    }

    fn read(&self) -> Result<Overrides, LoadError> {
        let Some(bytes) = self.folder.read_file(FILE, MAX_FILE_BYTES)? else {
            return Ok(Overrides::default());
        };
        /// The part that every version has.
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let Head { version } = serde_json::from_slice(&bytes)?;
        if version != VERSION {
            return Err(LoadError::Version(version));
        }
        let Content { identity, overrides, .. } = serde_json::from_slice(&bytes)?;
        self.identity.check(&identity)?;
        Ok(printable(&overrides))
    }

    /// Replaces the file, or leaves it as it was.
    pub(crate) fn save(&self, overrides: &Overrides) -> Result<(), WriteError> {
        let content =
            Content { version: VERSION, identity: self.identity.clone(), overrides: overrides.clone() };
        // Keys are texts and nothing has a state that JSON does not know, so this cannot fail.
        let bytes = serde_json::to_vec_pretty(&content).unwrap_or_default();
        self.folder.write_file(FILE, &bytes)
    }
}

/// Overrides whose words can be shown to other operators as they are.
fn printable(overrides: &Overrides) -> Overrides {
    let mut shown = Overrides::default();
    for (target, said) in overrides.iter() {
        let by: String = said.by.chars().filter(|&char| !is_unprintable(char)).take(MAX_BY_CHARS).collect();
        // There are no more of them than before.
        _ = shown.set(target.clone(), weir_core::Override { by: by.into(), ..said.clone() });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process};
    use weir_core::{Override, Weight};

    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("weir-overrides-{name}-{}", process::id()));
            _ = fs::remove_dir_all(&path);
            Self(path)
        }

        fn file(&self, node: &str) -> OverridesFile {
            let identity =
                Identity { api_server: String::new(), node_name: node.to_owned(), service_proxy_name: None };
            OverridesFile::new(Arc::new(Folder::new(self.0.clone())), identity)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    fn some() -> Overrides {
        let mut overrides = Overrides::default();
        let drained = Override { drained: true, set_at: 1, by: "uid 0".into(), ..Override::default() };
        let weighted = Override { weight: Some(Weight::new(7)), ..Override::default() };
        overrides.set("node/n1".parse().unwrap(), drained).unwrap();
        overrides.set("[fd00::1]:80/TCP".parse().unwrap(), weighted).unwrap();
        overrides
    }

    #[test]
    fn what_an_operator_has_said_is_known_after_a_restart() {
        let temporary = Temporary::new("kept");
        assert_eq!(temporary.file("n1").load(), Overrides::default(), "there is no file yet");
        temporary.file("n1").save(&some()).unwrap();
        assert_eq!(temporary.file("n1").load(), some());
        assert_eq!(temporary.file("other").load(), Overrides::default(), "it is for another node");
    }

    #[test]
    fn a_file_that_weir_has_not_written_is_not_used_and_the_next_change_replaces_it() {
        let temporary = Temporary::new("broken");
        let file = temporary.file("n1");
        file.save(&some()).unwrap();
        let whole = fs::read_to_string(file.path()).unwrap();
        let many: String =
            (0..5_000).map(|node| format!("\"node/n{node}\": {{\"drained\": true}},")).collect();
        let deep = "[".repeat(100_000);
        for broken in [
            "",
            "{}",
            "null",
            &whole[..whole.len() / 2],
            &whole.replace("node/n1", "n1"),
            &whole.replace("7", "70000"),
            &whole.replace("\"version\": 1", "\"version\": 2"),
            &whole.replace("\"node/n1\"", &format!("{many} \"node/n1\"")),
            &deep,
        ] {
            fs::write(file.path(), broken).unwrap();
            assert_eq!(file.load(), Overrides::default(), "{}", &broken[..broken.len().min(80)]);
        }
        file.save(&some()).unwrap();
        assert_eq!(file.load(), some());
    }

    #[test]
    fn words_in_the_file_steer_no_terminal() {
        let temporary = Temporary::new("words");
        let file = temporary.file("n1");
        let mut overrides = Overrides::default();
        let said =
            Override { drained: true, by: "\u{1b}[2J\nroot".repeat(100).into(), ..Override::default() };
        overrides.set("node/n1".parse().unwrap(), said).unwrap();
        file.save(&overrides).unwrap();
        let by = file.load().iter().next().unwrap().1.by.clone();
        assert!(by.starts_with("[2Jroot") && by.chars().count() == MAX_BY_CHARS, "{by:?}");
    }
}
