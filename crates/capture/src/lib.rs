//! How does Service traffic reach weir's sockets? By nftables rules and a policy route, which need CAP_NET_ADMIN.
//!
//! ```text
//! Snapshot -> plan (pure) -> nft (pure: text) -> nft::program (nft -f -, one transaction)
//! kernel   -> monitor, route -> Capture::repair
//! ```
//!
//! A packet to a captured address is given to a capture socket by TPROXY, whatever the socket's address; which socket
//! depends on where the packet comes from. The rules also give the verdicts that no userspace program can: a refusal or silence for
//! new connections. They change when Services or their verdicts do, not when endpoints come and go.
//!
//! | bit of the mark | on | effect |
//! |---|---|---|
//! | [`marks::TO_CLIENT`] | packets to clients | not tracked, never captured |
//! | [`marks::TO_ENDPOINT`] | packets to endpoints, probes | never captured; not tracked if the endpoint is in a pod network, else the connection gets the bit too |
//! | [`marks::FORWARDED`] | packets to endpoints for clients in pods and outside | with `--forwarding`: sent by the interfaces weir0 and weir1, so that they pass the hook `forward`; tracked there |
//! | [`marks::CAPTURED`] | packets for weir's sockets | routed to this host: rule of priority [`route::PRIORITY`], table [`route::TABLE`] |
//!
//! | chain of table `inet weir` | hook | priority | why there |
//! |---|---|---|---|
//! | `prerouting` | prerouting | raw + 10 (-290) | before tracking: `notrack`; after the source checks of others. Verdicts, TPROXY, replies of pods, ICMP errors |
//! | `prerouting_tracked` | prerouting | dstnat + 10 (-90) | after the translation of others: replies that were masqueraded on their way out; Services that are not there |
//! | `output` | output (route) | raw (-300) | packets of this node to Services go over `lo` into `prerouting` |
//! | `output_tracked` | output (route) | mangle (-150) | after tracking: marks connections to endpoints; replies of this node's own processes |
//! | `postrouting` | postrouting (nat) | srcnat - 1 (99) | before the masquerading of others: packets to this node's own processes keep their source |
//! | `output_unallocated` | output | filter (0) | Services that are not there, as kube-proxy does for the node itself |
//!
//! Where pods are on a bridge, table `bridge weir` hands answers to clients' addresses over to this host.
//!
//! Sets of each family: `frontends` (all captured addresses), `judged` (those in one of the following maps), `passing` (what
//! goes on untouched), `guards` (to chains of source ranges), `exceptions` (to verdicts), and `cluster_ips` (whose other ports
//! refuse). All of them are hash tables: a packet costs the same however
//! many Services there are.

mod capture;
mod cleanup;
mod error;
mod forwarding;
mod host;
pub mod marks;
mod monitor;
mod nft;
mod options;
mod ownership;
mod plan;
pub mod route;

pub use capture::{Capture, Disturbance, METRIC_FAMILIES};
pub use cleanup::{Removed, cleanup};
pub use error::Error;
pub use forwarding::Forwarding;
pub use host::{BridgeMonitor, Chain, ForwardFirewalls, Host, Link, LinkKind, Links, Ruleset, bridges};
pub use options::Options;
pub use ownership::{
    RuntimeDir, RuntimeDirError, TAKEOVER_SOCKET, is_running, is_running_with, is_trusted_peer,
};
