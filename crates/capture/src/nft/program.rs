//! How does a script reach the kernel? Through `nft -f -`: one transaction, all or nothing.

use crate::Error;
use std::{process::Stdio, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    time::timeout,
};

/// The longest that one run of `nft` may take. The whole table of the largest clusters takes a few seconds.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The most characters kept of a message of `nft`, which repeats the line that was wrong.
const MAX_MESSAGE: usize = 500;

/// The result of a transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// Id of the process that made the transaction, which is in the kernel's notifications.
    pub(crate) process: Option<u32>,
    /// Whether the kernel has accepted the transaction.
    pub(crate) outcome: Result<(), Error>,
}

/// Runs a script as one transaction.
pub(crate) async fn run_transaction(script: &str) -> Transaction {
    let child = match spawn(&["-f", "-"]) {
        Ok(child) => child,
        Err(error) => return Transaction { process: None, outcome: Err(Error::Nft(error)) },
    };
    let process = child.id();
    let outcome = timeout(TIME_LIMIT, run(child, script)).await;
    let outcome = outcome.unwrap_or(Err(Error::TimedOut(TIME_LIMIT))).map(drop);
    Transaction { process, outcome }
}

/// Asks the kernel whether it would accept a script; changes nothing.
pub(crate) async fn check_script(script: &str) -> Result<(), Error> {
    let child = spawn(&["-c", "-f", "-"]).map_err(Error::Nft)?;
    timeout(TIME_LIMIT, run(child, script)).await.unwrap_or(Err(Error::TimedOut(TIME_LIMIT))).map(drop)
}

/// Runs `nft` with these arguments, and returns what it prints.
pub(crate) async fn query(arguments: &[&str]) -> Result<String, Error> {
    let child = spawn(arguments).map_err(Error::Nft)?;
    timeout(TIME_LIMIT, run(child, "")).await.unwrap_or(Err(Error::TimedOut(TIME_LIMIT)))
}

fn spawn(arguments: &[&str]) -> std::io::Result<Child> {
    // Messages are compared with what they are in English.
    let mut command = Command::new("nft");
    command.args(arguments).env("LC_ALL", "C").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

async fn run(mut child: Child, script: &str) -> Result<String, Error> {
    let input = child.stdin.take();
    let write = async move {
        if let Some(mut input) = input {
            // nft may end before it has read everything; then it says why.
            let _ = input.write_all(script.as_bytes()).await;
        }
    };
    // At once: neither may wait for the other with a full pipe.
    let ((), output) = tokio::join!(write, child.wait_with_output());
    let output = output.map_err(Error::Nft)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    Err(Error::Refused(match said.is_empty() {
        true => output.status.to_string(),
        false => said.chars().take(MAX_MESSAGE).collect(),
    }))
}
