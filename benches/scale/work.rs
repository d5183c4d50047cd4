//! What can be measured?

use clap::ValueEnum;
use serde::Serialize;

/// Something that is measured by itself, with a weir of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// From the start of the process until everything is served.
    ColdStart,
    /// From the write of one slice until a connection reaches the new endpoint.
    Change,
    /// Very many slices within one second.
    Burst,
    /// Resident memory for each Service and each endpoint.
    Memory,
    /// From the start of the process with the state on disk until everything is served, without an API server.
    DiskStart,
    /// Resident memory while very many changes pass.
    Soak,
}

impl Work {
    /// All works, in the order of the report.
    pub(crate) const ALL: [Self; 6] =
        [Self::ColdStart, Self::DiskStart, Self::Change, Self::Burst, Self::Memory, Self::Soak];

    /// Name of the work in arguments and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ColdStart => "cold-start",
            Self::DiskStart => "disk-start",
            Self::Change => "change",
            Self::Burst => "burst",
            Self::Memory => "memory",
            Self::Soak => "soak",
        }
    }
}
