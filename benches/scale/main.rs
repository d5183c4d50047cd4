//! What does weir cost in a cluster of very many Services, and how soon is a change in effect?

mod arguments;
mod bed;
mod pause;
mod report;
mod work;
mod works;

use anyhow::{Context, Result, ensure};
use arguments::Arguments;
use clap::Parser;
use report::{Report, plot, table};
use std::{fs, path::Path, process::ExitCode};
use weir_bench::isolation;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("scale: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    // Built outside: inside there is no way to a package registry.
    let program = weir_bench::program::find(arguments.weir.as_deref())?;
    if !arguments.isolated {
        return isolation::enter(Some(&program));
    }
    isolation::settle()?;
    measure(arguments, &program).map(|()| ExitCode::SUCCESS)
}

fn measure(arguments: &Arguments, program: &Path) -> Result<()> {
    let mut report = Report::begin(arguments);
    print!("{}", table::header(&report));
    for work in arguments.works() {
        for amounts in arguments.amounts() {
            let what = format!("{} with {} Services", work.name(), amounts.services);
            eprintln!("{what} ...");
            let outcome = works::measure(work, arguments.api_server, amounts, program);
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
