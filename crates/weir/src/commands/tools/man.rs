//! What does man(1) show of weir? A page for the program and one for each command, written from the command line itself.

use crate::{
    cli::{self, ManOptions},
    output::stdout,
    version,
};
use anyhow::Context;
use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};
use std::{fs, io, path::Path, process::ExitCode};

/// Section of the manual: user commands.
const SECTION: &str = "1";

/// Line that separates notes from examples in the text after the flags.
const EXAMPLES: &str = "Examples:";

/// Prints a page, or writes all of them to a folder.
pub(crate) fn man(options: &ManOptions) -> anyhow::Result<ExitCode> {
    let mut weir = cli::command().disable_help_subcommand(true);
    weir.build();
    let wanted = match options {
        ManOptions::All(folder) => return write_all(&weir, folder),
        ManOptions::Weir => &weir,
        ManOptions::Command(name) => weir.find_subcommand(name).context("no such command")?,
    };
    stdout::print(&page(wanted)?)?;
    Ok(ExitCode::SUCCESS)
}

fn write_all(weir: &Command, folder: &Path) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let mut written = String::new();
    for command in [weir].into_iter().chain(shown(weir)) {
        let path = folder.join(format!("{}.{SECTION}", title(command)));
        fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
        written += &format!("{}\n", path.display());
    }
    stdout::print(&written)?;
    Ok(ExitCode::SUCCESS)
}

fn shown(weir: &Command) -> impl Iterator<Item = &Command> {
    weir.get_subcommands().filter(|command| !command.is_hide_set())
}

/// Name of a page: `weir`, `weir-run`.
fn title(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// Page of a command, in the language of groff's man macros (groff_man(7)).
fn page(command: &Command) -> io::Result<String> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .source(format!("weir {}", version::line()))
        .manual("weir's manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|flag| !flag.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    end(command).to_writer(&mut page)?;
    String::from_utf8(page).map_err(io::Error::other)
}

/// Sections after the flags: notes, examples as they are written, exit codes, other pages.
fn end(command: &Command) -> Roff {
    let mut end = Roff::new();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (notes, examples) = match after.split_once(EXAMPLES) {
        Some((notes, examples)) => (notes.trim(), examples.trim_matches('\n')),
        None => (after.trim(), ""),
    };
    if !notes.is_empty() {
        end.control("SH", ["NOTES"]);
        for (index, paragraph) in notes.split("\n\n").enumerate() {
            if index > 0 {
                end.control("PP", []);
            }
            for line in paragraph.lines() {
                end.text([roman(line)]);
            }
        }
    }
    if !examples.is_empty() {
        end.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines() {
            end.text([roman(line)]);
        }
        end.control("fi", []);
    }
    end.control("SH", ["EXIT STATUS"]).text([roman("0 ok, 1 failure, 2 wrong usage.")]);
    let others = if title(command) == "weir" { "kubectl(1), nft(8)" } else { "weir(1)" };
    end.control("SH", ["SEE ALSO"]).text([roman(others)]);
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weir() -> Command {
        let mut weir = cli::command().disable_help_subcommand(true);
        weir.build();
        weir
    }

    #[test]
    fn a_page_names_every_flag_and_has_the_examples_line_by_line() {
        let weir = weir();
        for command in shown(&weir) {
            let page = page(command).unwrap();
            assert!(page.contains(&format!(".TH {} 1 ", title(command))), "{page}");
            // The language has hyphens escaped.
            for flag in command.get_arguments().filter(|flag| !flag.is_hide_set()) {
                let Some(long) = flag.get_long() else { continue };
                let written = format!(r"\-\-{}", long.replace('-', r"\-"));
                assert!(page.contains(&written), "{}: {long}", title(command));
            }
        }
        let run = page(weir.find_subcommand("run").unwrap()).unwrap();
        let examples = run.split_once(".SH EXAMPLES").unwrap().1;
        assert!(
            examples.lines().any(|line| line.trim_start().starts_with(r"weir run \-\-manifests")),
            "{examples}"
        );
    }

    #[test]
    fn the_page_of_weir_names_all_commands() {
        let weir = weir();
        let page = page(&weir).unwrap();
        for command in shown(&weir) {
            assert!(
                page.contains(&format!(r"weir\-{}(1)", command.get_name().replace('-', r"\-"))),
                "{page}"
            );
        }
    }
}
