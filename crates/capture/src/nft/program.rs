//! How does a script reach the kernel? Through `nft -f -`: one transaction, all or nothing.

use crate::Error;
use std::{os::unix::process::ExitStatusExt, process::Stdio, time::Duration};
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
    command("nft", arguments).spawn()
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    // Messages are compared with what they are in English.
    command.args(arguments).env("LC_ALL", "C").kill_on_drop(true);
    // Ctrl-C and supervisors signal a whole process group: weir ends in its own time, and its last change of the rules
    // must not die before.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
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
    Err(match output.status.signal() {
        Some(signal) => Error::Killed(signal),
        None if said.is_empty() => Error::Refused(output.status.to_string()),
        None => Error::Refused(said.chars().take(MAX_MESSAGE).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_to_the_process_group_of_weir_does_not_reach_nft() {
        let child = command("sh", &["-c", "cut -d ' ' -f 5 /proc/$$/stat"]).spawn().unwrap();
        let leader = child.id().unwrap().to_string();
        let group = run(child, "").await.unwrap();
        assert_eq!(group.trim(), leader, "it leads a process group of its own");
    }

    #[tokio::test]
    async fn an_nft_that_was_killed_is_named_as_such() {
        let child = command("sh", &["-c", "kill -KILL $$"]).spawn().unwrap();
        let error = run(child, "").await.unwrap_err();
        assert!(matches!(error, Error::Killed(9)), "{error}");
        assert!(error.to_string().contains("signal 9"), "{error}");
    }
}
