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
mod work;

use arguments::Arguments;
use clap::Parser;
use std::process::ExitCode;
use weir_bench::isolation;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    isolation::run("compare", &arguments.program, arguments.needs_weir(), || session::run(&arguments))
}
