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
use std::process::ExitCode;
use weir_bench::isolation;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    isolation::run("scale", &arguments.program, true, || measure(&arguments))
}

fn measure(arguments: &Arguments) -> Result<()> {
    let program = arguments.program.weir.as_deref().context("name a weir with --weir")?;
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
    arguments.output.write(&report, || plot::svg(&report, &works::PANELS))?;
    ensure!(report.failed.is_empty(), "{} of the works failed: see above", report.failed.len());
    Ok(())
}
