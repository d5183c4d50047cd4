//! What does weir cost in a cluster of very many Services, and how soon is a change in effect?

mod api;
mod arguments;
mod bed;
mod client;
mod endpoints;
mod metrics;
mod pause;
mod plot;
mod report;
mod table;
mod weir;
mod work;
mod works;

use anyhow::{Context, Result, ensure};
use arguments::Arguments;
use clap::Parser;
use report::Report;
use std::{fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scale: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let program = weir_bench::program::find(arguments.weir.as_deref())?;
    let mut report = Report::begin(arguments);
    print!("{}", table::header(&report));
    for work in arguments.works() {
        for amounts in arguments.amounts() {
            let what = format!("{} with {} Services", work.name(), amounts.services);
            eprintln!("{what} ...");
            let outcome = works::measure(work, arguments.api_server, amounts, &program);
            if let Err(error) = &outcome {
                eprintln!("{what}: {error:#}");
            }
            report.add(work, amounts.services, outcome);
        }
    }
    print!("{}", table::body(&report));
    if let Some(path) = &arguments.json {
        write(path, &serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(path) = &arguments.svg {
        write(path, &plot::svg(&report))?;
    }
    ensure!(report.failed.is_empty(), "{} of the works failed: see above", report.failed.len());
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
