//! Which endpoint does a client get?

use crate::pause::pause;
use anyhow::{Result, bail};
use std::{
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// The longest wait for a connection. One that is served takes far less, and one that is not is tried again.
const PATIENCE: Duration = Duration::from_millis(250);
/// The longest wait for anything that works.
pub(crate) const HANG: Duration = Duration::from_secs(120);

/// Connects once, from the host of this thread, and returns the endpoint's address.
pub(crate) fn ask(to: SocketAddr, patience: Duration) -> io::Result<Ipv4Addr> {
    let mut stream = TcpStream::connect_timeout(&to, patience)?;
    stream.set_read_timeout(Some(patience))?;
    let mut address = [0; 4];
    stream.read_exact(&mut address)?;
    Ok(address.into())
}

/// Connects again and again until an endpoint as wanted answers; returns when that was.
pub(crate) fn ask_until(to: SocketAddr, wanted: impl Fn(Ipv4Addr) -> bool) -> Result<Instant> {
    ask_with(to, PATIENCE, wanted)
}

/// Connects again and again, with little patience, until any endpoint answers; returns when that was. For a frontend that
/// does not answer at first.
pub(crate) fn ask_until_served(to: SocketAddr) -> Result<Instant> {
    ask_with(to, Duration::from_millis(20), |_| true)
}

fn ask_with(to: SocketAddr, patience: Duration, wanted: impl Fn(Ipv4Addr) -> bool) -> Result<Instant> {
    let start = Instant::now();
    let mut last;
    loop {
        last = ask(to, patience);
        let now = Instant::now();
        if last.as_ref().is_ok_and(|&endpoint| wanted(endpoint)) {
            return Ok(now);
        }
        if start.elapsed() > HANG {
            bail!("{to} is not served as it should be: {last:?} after {HANG:?}");
        }
        if last.is_err() {
            // A refusal comes at once; do not take the processor from who is to serve.
            pause(Duration::from_millis(1));
        }
    }
}
