//! Who asks? What a connection shows of who is at its other end.

use std::{fmt, net::SocketAddr, path::Path};

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// A process of this host that has the rights of weir's user.
    Process {
        /// User.
        uid: u32,
        /// Number of the process; `None` if this process cannot see it.
        pid: Option<i32>,
    },
    /// Somebody with a certificate that the client authority has signed, by the names in it.
    Certificate(String),
    /// Somebody who reaches the address.
    Anybody {
        /// The client's address.
        from: SocketAddr,
        /// Address that the connection came to.
        to: SocketAddr,
        /// Whether only metrics are told.
        only_metrics: bool,
    },
}

impl Caller {
    /// Whether the caller may change something.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self, Self::Process { .. })
    }

    /// Whether the caller is a process that has ended, as far as this process can see it.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Self::Process { pid: Some(pid), .. } if !Path::new(&format!("/proc/{pid}")).exists())
    }

    /// Name by which leases tell callers apart.
    pub(crate) fn name(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { uid, pid: Some(pid) } => write!(f, "uid {uid}, pid {pid}"),
            Self::Process { uid, pid: None } => write!(f, "uid {uid}"),
            Self::Certificate(names) => write!(f, "certificate {names}"),
            Self::Anybody { from, .. } => write!(f, "{}", from.ip()),
        }
    }
}
