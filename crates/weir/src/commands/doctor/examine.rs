//! What does this host lack for `--mode node`? `weir doctor` prints a line for each check and changes nothing.

use super::{
    check::{Check, Outcome},
    cluster, firewall, forwarding, neighbours, network, packets, parameters, pod_networks, policies, rules,
    subject::Subject,
};
use crate::{
    cli::DoctorOptions,
    output::{stdout, table::Table},
};
use anyhow::Context;
use std::{process::ExitCode, time::Duration};
use tokio::runtime::Builder;

/// Time that a credential plugin which waits for somebody may delay the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);

/// Prints the checks of this host. The exit code is 1 if one fails.
pub(crate) fn doctor(options: &DoctorOptions) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let subject = runtime.block_on(Subject::examine(options));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    let checks = judge(&subject, options);
    stdout::print(&options.output.text(&checks, |_| table(&checks).to_string())?)?;
    let fails = checks.iter().any(|check| check.outcome == Outcome::Fail);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// All checks, in the order in which one would put things right.
fn judge(subject: &Subject, options: &DoctorOptions) -> Vec<Check> {
    let Subject { host, settings, .. } = subject;
    [
        rules::judge(host, settings),
        cluster::judge(subject, &options.node_name),
        pod_networks::judge(subject, &options.network),
        network::judge(host, &subject.destinations, settings),
        packets::judge(host),
        firewall::judge(host, settings),
        forwarding::judge(host, settings),
        policies::judge(host),
        neighbours::judge(host),
        parameters::judge(settings),
    ]
    .concat()
}

fn table(checks: &[Check]) -> Table<3> {
    let mut table = Table::new(["result", "check", "finding"]);
    for check in checks {
        let advice = check.advice.as_deref().map(|advice| format!("; {advice}"));
        let finding = format!("{}{}", check.finding, advice.unwrap_or_default());
        // What nft says may have several lines; a check has one.
        let finding = finding.split_whitespace().collect::<Vec<_>>().join(" ");
        table.push([check.outcome.as_str().to_owned(), check.name.to_owned(), finding]);
    }
    table
}

#[cfg(test)]
mod tests;
