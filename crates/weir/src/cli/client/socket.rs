//! Which weir is asked? The one of this host, unless a flag says another.

use crate::{
    cli::values::{Folder, absolute_folder, usage},
    client::AdminSocket,
};
use clap::{Args, Error};
use std::path::PathBuf;
use weir_capture::RuntimeDir;

/// Flags that say which weir is asked.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The weir that is asked")]
pub(in crate::cli) struct SocketArgs {
    /// Its admin socket [default: admin.sock in the runtime directory]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    #[command(flatten)]
    runtime_dir: RuntimeDirArgs,
}

/// Flag of which the variable of `weir run` counts, too: in weir's Pod both see the same.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct RuntimeDirArgs {
    /// Its runtime directory, as weir run has it [default: $WEIR_RUNTIME_DIR, else /run/weir as root, else
    /// $XDG_RUNTIME_DIR/weir]
    #[arg(long, value_name = "DIR", value_parser = absolute_folder)]
    runtime_dir: Option<Folder>,
}

impl SocketArgs {
    /// Socket that is asked.
    pub(in crate::cli) fn socket(self) -> Result<AdminSocket, Error> {
        if let Some(path) = self.socket {
            return Ok(AdminSocket::at(path));
        }
        let folder = match self.runtime_dir.runtime_dir {
            Some(Folder(given)) => given,
            None => RuntimeDir::default_path(),
        };
        folder.map(|folder| AdminSocket::in_runtime_dir(&folder)).ok_or_else(|| {
            usage("there is no runtime directory to look for weir's socket in: XDG_RUNTIME_DIR is not set; give --socket or --runtime-dir")
        })
    }
}
