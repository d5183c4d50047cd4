//! Which settings do `weir completion`, `weir man` and `weir version` take?

use crate::{cli::values::usage, output::format::Output};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use weir_control::translate::did_you_mean;

/// Settings of `weir completion`.
#[derive(Args, Clone, Copy, Debug)]
pub struct CompletionOptions {
    /// Shell that shall complete weir's command lines
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

/// Shells whose command lines can be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// GNU Bash, with its package bash-completion or without
    Bash,
    /// Elvish
    Elvish,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// Z shell
    Zsh,
}

impl Shell {
    /// Name of the shell's program.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}

/// The flags of `weir man`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ManArgs {
    /// Command whose page is printed [default: weir itself]
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    command: Option<String>,

    /// Folder that all pages are written to, as in /usr/local/share/man/man1; created if it is missing
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Settings of `weir man`, checked and complete.
#[derive(Clone, Debug)]
pub enum ManOptions {
    /// Print the page of weir.
    Weir,
    /// Print the page of a command.
    Command(String),
    /// Write all pages to a folder.
    All(PathBuf),
}

impl ManArgs {
    /// Checks that the named command is one of `weir`.
    pub(in crate::cli) fn options(self, weir: &clap::Command) -> Result<ManOptions, clap::Error> {
        let Self { command, dir } = self;
        let known: Vec<&str> = weir
            .get_subcommands()
            .filter(|known| !known.is_hide_set())
            .map(clap::Command::get_name)
            .collect();
        match (dir, command) {
            (Some(dir), _) => Ok(ManOptions::All(dir)),
            (None, None) => Ok(ManOptions::Weir),
            (None, Some(name)) if known.contains(&&*name) => Ok(ManOptions::Command(name)),
            (None, Some(name)) => {
                let (meant, known) = (did_you_mean(&name, &known), known.join(", "));
                Err(usage(format_args!("{name:?} is no command of weir{meant}; commands are {known}")))
            }
        }
    }
}

/// Settings of `weir version`.
#[derive(Args, Clone, Copy, Debug)]
pub struct VersionOptions {
    /// Output format
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) output: Output,
}
