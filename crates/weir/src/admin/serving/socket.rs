//! Where does the Unix socket lie, and who may speak through it?

use crate::admin::basics::caller::Caller;
use crate::http::quick_pause;
use std::{
    io,
    os::unix::{fs::MetadataExt, net},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
    time::sleep,
};
use weir_capture::{RuntimeDir, is_trusted_peer};

/// Time until a folder or a socket that cannot be had is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Name of the socket of weirs in the network namespace of process 1, and of others the beginning.
const NAME: &str = "admin";

/// The socket of this network namespace in a runtime directory.
fn path_in(runtime_dir: &Path) -> PathBuf {
    runtime_dir.join(file_name())
}

fn file_name() -> String {
    let network =
        |process: &str| std::fs::metadata(format!("/proc/{process}/ns/net")).ok().map(|found| found.ino());
    match (network("self"), network("1")) {
        (Some(own), Some(first)) if own != first => format!("{NAME}-{own}.sock"),
        _ => format!("{NAME}.sock"),
    }
}

/// A socket that is listened at; its file is removed on drop.
#[derive(Debug)]
pub(in crate::admin) struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    inode: Option<u64>,
}

impl AdminSocket {
    /// Listens in the runtime directory, once no other weir does. What is in the way is said once, and tried again.
    pub(in crate::admin) async fn bind(runtime_dir: &Path, mut accompanied: watch::Receiver<bool>) -> Self {
        let (mut said, mut waits) = (None, false);
        loop {
            match Self::try_bind(runtime_dir) {
                Ok(Some(socket)) => {
                    tracing::info!(path = %socket.path.display(), "listening for operators");
                    return socket;
                }
                Ok(None) => {
                    let quick = *accompanied.borrow_and_update();
                    if !quick && !std::mem::replace(&mut waits, true) {
                        let path = path_in(runtime_dir);
                        tracing::info!(
                            path = %path.display(),
                            "another weir listens there for operators; waiting for it (--runtime-dir names another folder)"
                        );
                    }
                    if quick {
                        quick_pause(&mut accompanied).await;
                    } else {
                        sleep(RETRY).await;
                    }
                }
                Err(why) => {
                    if said.as_ref() != Some(&why) {
                        tracing::warn!(
                            "operators cannot be listened to through a Unix socket: {why}; trying again every {RETRY:?}"
                        );
                        said = Some(why);
                    }
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Listens; `None` if another weir does.
    fn try_bind(runtime_dir: &Path) -> Result<Option<Self>, String> {
        let folder = RuntimeDir::open_for_sockets(runtime_dir).map_err(|error| error.to_string())?;
        let (name, path) = (file_name(), path_in(runtime_dir));
        if folder.is_answered(&name) {
            return Ok(None);
        }
        let listener = || -> io::Result<UnixListener> {
            let listener = net::UnixListener::from(folder.listen_for_streams(&name)?);
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener)
        };
        let listener = listener().map_err(|error| format!("{}: {error}", path.display()))?;
        let inode = std::fs::symlink_metadata(&path).ok().map(|found| found.ino());
        Ok(Some(Self { listener, path, inode }))
    }

    /// Accepts a client that has the rights of weir's user. Others are closed without a word.
    pub(in crate::admin) async fn accept(&self) -> (UnixStream, Caller) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) if is_trusted_peer(&stream) => {
                    let peer = stream.peer_cred().ok();
                    let uid = peer.as_ref().map_or(0, tokio::net::unix::UCred::uid);
                    // 0 is a process that this one cannot see, as in another Pod.
                    let pid = peer.and_then(|peer| peer.pid()).filter(|&pid| pid > 0);
                    return (stream, Caller::Process { uid, pid });
                }
                Ok(_) => tracing::debug!("a process of another user was turned away from the admin socket"),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept at the admin socket; trying again");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // A newcomer may have put its own there.
        let now = std::fs::symlink_metadata(&self.path).ok().map(|found| found.ino());
        if now.is_some() && now == self.inode {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
