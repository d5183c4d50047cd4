//! What does this host lack for `--mode node`? `weir doctor` prints a line for each check and changes nothing.

use super::{
    check::{Check, Outcome},
    firewall, neighbours, network, parameters, rules,
    settings::Settings,
};
use crate::{
    cli::{DoctorOptions, Output},
    output::{stdout, table::Table},
};
use anyhow::Context;
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr},
    process::ExitCode,
};
use tokio::runtime::Builder;
use weir_capture::Host;

/// Address that only a default route leads to: no network has addresses of class E (RFC 1112).
const ANYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(240, 0, 0, 1));

/// Prints the checks of this host. The exit code is 1 if one fails.
pub(crate) fn doctor(options: &DoctorOptions) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let destinations = destinations(&options.service_cidr);
    let host = runtime.block_on(Host::inspect(&destinations));
    let checks = judge(&host, &destinations, &Settings::read());
    let text = match options.output {
        Output::Json => serde_json::to_string_pretty(&checks).context("cannot write JSON")? + "\n",
        Output::Table => table(&checks).to_string(),
    };
    stdout::print(&text)?;
    let fails = checks.iter().any(|check| check.outcome == Outcome::Fail);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// All checks, in the order in which one would put things right.
fn judge(host: &Host, destinations: &[IpAddr], settings: &Settings) -> Vec<Check> {
    [
        rules::judge(host, settings),
        network::judge(host, destinations, settings),
        firewall::judge(host, settings),
        neighbours::judge(host),
        parameters::judge(settings),
    ]
    .concat()
}

/// Addresses to look for a route to: one of each network, or one that needs a default route.
fn destinations(service_cidrs: &[IpNet]) -> Vec<IpAddr> {
    match service_cidrs {
        [] => vec![ANYWHERE],
        cidrs => cidrs.iter().map(|cidr| cidr.hosts().next().unwrap_or(cidr.addr())).collect(),
    }
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
