//! How do weir and other proxies do the same work, side by side on one machine?

mod arguments;
mod backend;
mod clients;
mod config;
mod latency;
mod measure;
mod meter;
mod network;
mod plot;
mod programs;
mod proxy;
mod report;
mod sample;
mod session;
mod summary;
mod table;
mod ticks;
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
        fs::create_dir_all(config::FOLDER).with_context(|| format!("cannot create {}", config::FOLDER))?;
        return session::run(arguments).map(|()| ExitCode::SUCCESS);
    }
    // Built outside: inside there is no way to a package registry.
    let weir = weir::find(arguments)?;
    isolation::enter(weir.as_deref())
}
