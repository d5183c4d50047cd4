//! Which keys are there, and what may a filter say?

use crate::commands::top::model::help;

/// What the table of keys does not say.
const NOTES: [&str; 6] = [
    "A filter: a part of a name, parameters of the admin API (state=ejected), or",
    "of connections: a client (10.244.1.9, 10.244.1.0/24), an endpoint (IP:PORT), a",
    "Service (web, shop/web:http), and older=10m, node=NAME, reason=endpoint_reset",
    "! does not work  ~ works less well  odds: the next new connection's",
    "in: to endpoints  out: to clients  RTT C/E: of client, of endpoint",
    "Round-trip times are asked for while they are shown: from 118 columns on.",
];

/// Lines of the help.
pub(super) fn lines() -> Vec<String> {
    let keys = help().map(|(names, what)| format!(" {names:16} {what}"));
    keys.chain([String::new()]).chain(NOTES.map(|note| format!(" {note}"))).collect()
}
