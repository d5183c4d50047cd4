//! How do weir and other proxies do the same work, side by side on one machine?

mod arguments;
mod bed;
mod clients;
mod measure;
mod meter;
mod proxies;
mod report;
mod session;
mod way;
mod weir;
mod work;

use anyhow::{Context, Result};
use arguments::Arguments;
use clap::Parser;
use std::{fs, process::ExitCode};
use weir_bench::isolation;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.isolated {
        isolation::settle()?;
        fs::create_dir_all(proxies::FOLDER).with_context(|| format!("cannot create {}", proxies::FOLDER))?;
        return session::run(arguments).map(|()| ExitCode::SUCCESS);
    }
    // Built outside: inside there is no way to a package registry.
    let weir = weir::find(arguments)?;
    isolation::enter(weir.as_deref())
}
