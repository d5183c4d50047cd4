//! What can go wrong, and what can be done about it?

use std::{io, time::Duration};

/// Why Service traffic cannot be captured, or not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This host or process lacks something that capturing needs.
    #[error("cannot change nftables rules and routes: {0}")]
    RequirementMissing(String),
    /// Another weir captures Service traffic in this network namespace.
    #[error(
        "another weir captures Service traffic on this node: stop it, or take over with --takeover ('weir doctor' looks \
         for it)"
    )]
    SecondWeir,
    /// A setting that is not the name of an interface.
    #[error("{0:?} is not the name of an interface: 1 to 15 letters, digits, '.', '_' or '-'")]
    Interface(String),
    /// A transaction that nft or the kernel did not accept. The rules are as they were before it.
    #[error(
        "nft refused a change of the rules; those before it stay in force, and it is tried again{cause}. nft said: {0}",
        cause = likely_cause(.0)
    )]
    Refused(String),
    /// A signal ended `nft`. The rules are as they were before it.
    #[error(
        "nft was ended by signal {0} during a change of the rules; those before it stay in force, and it is tried again. \
         If nobody did this on purpose, the kernel's log says whether memory ran out"
    )]
    Killed(i32),
    /// A transaction that took too long.
    #[error(
        "nft did not finish within {0:?}; the rules are written anew. Is this host overloaded, or does something else \
         keep changing nftables rules?"
    )]
    TimedOut(Duration),
    /// `nft` cannot be run.
    #[error("cannot run nft: {0}; is the package nftables installed, and in $PATH?")]
    Nft(io::Error),
    /// The kernel refused the policy rule or its route.
    #[error("cannot route captured packets to this host (policy rule and table {table}): {why}")]
    Route {
        /// The routing table.
        table: u32,
        /// The kernel's answer.
        why: String,
    },
    /// An interface of somebody else has the name of one of weir's.
    #[error(
        "an interface {0} is there that is not weir's: packets to endpoints cannot take the way of forwarded ones. Rename it, \
         or run weir with --forwarding=never, where NetworkPolicy does not judge Service traffic to pods of this node"
    )]
    InterfaceTaken(&'static str),
    /// The kernel refused the pair of interfaces, or something that the pair needs.
    #[error(
        "cannot set up the interfaces weir0 and weir1, by which packets to endpoints take the way of forwarded ones: {0}. \
         Does the kernel have CONFIG_VETH, and is CAP_NET_ADMIN there?"
    )]
    Pair(String),
    /// Netlink cannot be used.
    #[error("cannot use netlink: {0}")]
    Netlink(io::Error),
}

// Not by #[from], which would also make it the source: the message has its words already.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Netlink(error)
    }
}

/// What the kernel's word for a refusal says about its cause, as the middle of a sentence.
fn likely_cause(said: &str) -> &'static str {
    const CAUSES: [(&str, &str); 7] = [
        ("Operation not permitted", ": weir lacks CAP_NET_ADMIN, or a security module forbids it"),
        (
            "Operation not supported",
            ": the kernel lacks something that the rules need; 'weir doctor' names it",
        ),
        ("No such file or directory", ": something else has changed table inet weir"),
        ("File exists", ": something else has changed table inet weir"),
        ("Device or resource busy", ": something else uses a part of table inet weir"),
        ("Cannot allocate memory", ": the kernel is out of memory"),
        ("No buffer space available", ": the change is larger than net.core.wmem_max lets it be"),
    ];
    CAUSES.iter().find(|(word, _)| said.contains(word)).map_or("", |(_, cause)| cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        for error in [Error::Nft(missing()), Error::from(missing())] {
            assert!(std::error::Error::source(&error).is_none(), "{error}");
            assert!(error.to_string().contains("not found"), "{error}");
        }
    }

    #[test]
    fn a_refusal_names_the_cause_that_the_kernel_gave_and_guesses_none() {
        let message = |said: &str| Error::Refused(said.to_owned()).to_string();
        let busy = message("Error: Could not process rule: Cannot allocate memory");
        assert!(busy.contains("tried again: the kernel is out of memory. nft said"), "{busy}");
        let denied = message("Error: Could not process rule: Operation not permitted");
        assert!(denied.contains("CAP_NET_ADMIN"), "{denied}");
        let syntax = message("Error: syntax error, unexpected string");
        assert!(syntax.contains("tried again. nft said: Error: syntax error"), "{syntax}");
    }
}
