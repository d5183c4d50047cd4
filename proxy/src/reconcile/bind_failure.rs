//! Why could the socket of a frontend not be opened?

use rustix::io::Errno;
use std::{
    fmt,
    io::{self, ErrorKind},
};
use weir_core::FrontendKind;

/// Reason why the socket of a frontend could not be opened (bind(2), socket(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindFailure {
    /// Another socket has the address, or the port of all addresses (EADDRINUSE).
    AddressInUse,
    /// The address is not one of this host's (EADDRNOTAVAIL).
    NotLocal {
        /// Whether `--map loopback` would help: only cluster IPs can be mapped.
        mappable: bool,
    },
    /// The port is privileged (EACCES, EPERM).
    NotPermitted {
        /// Whether `--map loopback` would help: only cluster IPs can be mapped.
        mappable: bool,
    },
    /// The process has as many descriptors as it may have (EMFILE).
    DescriptorLimit,
    /// Connections hold all descriptors of the budget.
    DescriptorBudget,
    /// Listening sockets hold all descriptors that they may take, or the budget is used up.
    ListenerBudget {
        /// Descriptors that listening sockets may take.
        budget: usize,
    },
    /// Any other error of the system.
    Other {
        /// The kind of the error.
        kind: ErrorKind,
        /// The error number, if the system gave one (errno(3)).
        errno: Option<i32>,
    },
}

impl BindFailure {
    /// The failure that an error of the system means for a frontend of this kind.
    pub(super) fn of(error: &io::Error, kind: FrontendKind) -> Self {
        let mappable = kind == FrontendKind::ClusterIp;
        match error.kind() {
            ErrorKind::AddrInUse => Self::AddressInUse,
            ErrorKind::AddrNotAvailable => Self::NotLocal { mappable },
            ErrorKind::PermissionDenied => Self::NotPermitted { mappable },
            _ if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) => Self::DescriptorLimit,
            kind => Self::Other { kind, errno: error.raw_os_error() },
        }
    }
}

impl fmt::Display for BindFailure {
    /// Says what happened, what might be at fault and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_map = |mappable: &bool| if *mappable { ", or use --map loopback" } else { "" };
        match self {
            Self::AddressInUse => f.write_str(
                "address in use; is another proxy or a host process listening there, or at this port of all addresses? \
                 Find it (ss -lntup) and stop it, or have it listen elsewhere",
            ),
            Self::NotLocal { mappable } => write!(
                f,
                "not an address of this host; add it (ip address add ADDRESS dev lo){}",
                or_map(mappable)
            ),
            Self::NotPermitted { mappable } => {
                write!(f, "no permission; ports below 1024 need CAP_NET_BIND_SERVICE{}", or_map(mappable))
            }
            Self::DescriptorLimit => {
                f.write_str("out of file descriptors; raise the limit (ulimit -n, LimitNOFILE)")
            }
            Self::DescriptorBudget => f.write_str("connections use up the descriptors; raise ulimit -n"),
            Self::ListenerBudget { budget } => {
                write!(f, "the {budget} descriptors for listening, or all, are used up; raise ulimit -n")
            }
            Self::Other { errno: Some(errno), .. } => io::Error::from_raw_os_error(*errno).fmt(f),
            Self::Other { kind, errno: None } => kind.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_cannot_be_opened_says_why_and_what_to_do() {
        let of = |errno: Errno, kind| BindFailure::of(&errno.into(), kind).to_string();
        let cases = [
            (Errno::ADDRINUSE, ["another proxy or a host process", "port of all addresses"]),
            (Errno::ADDRNOTAVAIL, ["not an address of this host", "ip address add"]),
            (Errno::ACCESS, ["no permission", "CAP_NET_BIND_SERVICE"]),
            (Errno::MFILE, ["out of file descriptors", "ulimit -n"]),
        ];
        for (errno, words) in cases {
            let said = of(errno, FrontendKind::NodePort);
            assert!(words.iter().all(|word| said.contains(word)) && !said.contains("--map"), "{said}");
        }
        for errno in [Errno::ADDRNOTAVAIL, Errno::ACCESS] {
            let said = of(errno, FrontendKind::ClusterIp);
            assert!(said.ends_with("or use --map loopback"), "{said}");
        }
    }
}
