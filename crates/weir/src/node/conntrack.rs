//! For how long does this host's connection tracking remember a half-closed connection?

use std::{fs, io, path::Path};
use tracing::{info, warn};

/// The parameter in `/proc`, of the network namespace of this process.
const CLOSE_WAIT: &str = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait";

/// Seconds that kube-proxy asks for unless told otherwise (`--conntrack-tcp-timeout-close-wait`), and that weir gives a
/// half-closed connection. The kernel begins with 60.
const WANTED: u64 = 3600;

/// What became of the parameter.
#[derive(Debug)]
enum Raised {
    /// It was raised from this many seconds.
    From(u64),
    /// It is large enough.
    Enough,
    /// Connections are not tracked here.
    NotThere,
    /// It is too small, at this many seconds, and cannot be raised.
    Failed(u64, io::Error),
}

/// Raises the time for which a connection in CLOSE_WAIT is remembered to that of kube-proxy. A larger value stays; failing
/// is said in one line, and nothing else depends on it.
pub(super) fn raise_close_wait_timeout() {
    match raise(Path::new(CLOSE_WAIT), WANTED) {
        Raised::From(before) => {
            info!(
                "nf_conntrack_tcp_timeout_close_wait is {WANTED} s now, as with kube-proxy; it was {before} s"
            );
        }
        Raised::Enough | Raised::NotThere => {}
        Raised::Failed(seconds, error) => warn!(
            "nf_conntrack_tcp_timeout_close_wait stays {seconds} s: {error}. Tracked connections of this host that are half \
             closed are forgotten after that time of silence, where kube-proxy gives them {WANTED} s. Set it on the host: \
             sysctl -w net.netfilter.nf_conntrack_tcp_timeout_close_wait={WANTED}"
        ),
    }
}

fn raise(parameter: &Path, wanted: u64) -> Raised {
    let now = fs::read_to_string(parameter).ok().and_then(|text| text.trim().parse().ok());
    match now {
        None => Raised::NotThere,
        Some(seconds) if seconds >= wanted => Raised::Enough,
        Some(seconds) => match fs::write(parameter, wanted.to_string()) {
            Ok(()) => Raised::From(seconds),
            Err(error) => Raised::Failed(seconds, error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_raised_but_never_lowered_and_may_not_be_there() {
        let file = std::env::temp_dir().join(format!("weir-close-wait-{:016x}", rand::random::<u64>()));
        assert!(matches!(raise(&file, 3600), Raised::NotThere));
        for (before, after) in
            [("60\n", "3600"), ("3600\n", "3600\n"), ("7200\n", "7200\n"), ("soon", "soon")]
        {
            fs::write(&file, before).unwrap();
            let raised = raise(&file, 3600);
            assert_eq!(matches!(raised, Raised::From(60)), before == "60\n", "{raised:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), after);
        }
        fs::remove_file(file).unwrap();
    }
}
