//! Is the page of commands what the command line takes?

use crate::page;
use clap::{Arg, Command};
use std::fmt::Write;
use weir::cli::{command, variable_of};

#[test]
fn the_page_of_commands_is_what_the_command_line_takes() {
    let mut weir = command();
    weir.build();
    let mut page = page::begin(
        "Commands",
        "Exit codes: 0 ok, 1 failure, 2 wrong usage. `weir COMMAND --help` prints what is here. Each flag of `weir run` can \
         also be set as a variable, or in the YAML file that `--config` names, whose keys are the flags without the dashes \
         in front. Flags override variables, variables override the file.",
    );
    let commands: Vec<&Command> =
        weir.get_subcommands().filter(|command| command.get_name() != "help").collect();
    let rows = commands.iter().map(|command| {
        let name = command.get_name();
        [format!("[`weir {name}`](#weir-{name})"), about(command)]
    });
    page::table(&mut page, ["command", "what it does"], rows);
    commands.into_iter().for_each(|command| write_command(&mut page, command));
    page::check("commands.md", &page);
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn write_command(page: &mut String, command: &Command) {
    let name = command.get_name();
    let _ = write!(page, "\n## weir {name}\n\n{}\n", about(command));
    let mut headings: Vec<&str> = Vec::new();
    for heading in flags(command).map(heading) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for wanted in headings {
        if !wanted.is_empty() {
            let _ = write!(page, "\n### {wanted}\n");
        }
        let flags = flags(command).filter(|flag| heading(flag) == wanted);
        match name {
            "run" => {
                let rows = flags.map(|flag| [shown(flag), variable(flag), default(flag), meaning(flag)]);
                page::table(page, ["flag", "variable", "default", "meaning"], rows);
            }
            _ => {
                let rows = flags.map(|flag| [shown(flag), default(flag), meaning(flag)]);
                page::table(page, ["flag", "default", "meaning"], rows);
            }
        }
    }
    if let Some(notes) = command.get_after_help() {
        let _ = write!(page, "\n```text\n{notes}\n```\n");
    }
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|flag| flag.get_id() != "help")
}

fn heading(flag: &Arg) -> &str {
    flag.get_help_heading().unwrap_or_default()
}

/// The flag as it is written, such as `-o, --output FORMAT`; for an argument without a flag its name.
fn shown(flag: &Arg) -> String {
    let short = flag.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    let value = flag.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    let Some(long) = flag.get_long() else { return format!("`{value}`") };
    let value = match (takes_value(flag), flag.is_require_equals_set()) {
        (false, _) => String::new(),
        (true, false) => format!(" {value}"),
        (true, true) => format!("[={value}]"),
    };
    format!("`{short}--{long}{value}`")
}

fn takes_value(flag: &Arg) -> bool {
    flag.get_num_args().is_some_and(|count| count.takes_values())
}

fn variable(flag: &Arg) -> String {
    format!("`{}`", variable_of(flag.get_long().unwrap()))
}

/// The default: that of clap, or what the help says of one that depends on the host.
fn default(flag: &Arg) -> String {
    if !takes_value(flag) {
        return "off".to_owned();
    }
    let values = flag.get_default_values().iter().map(|value| value.to_string_lossy());
    match values.collect::<Vec<_>>().join(",") {
        values if !values.is_empty() => format!("`{values}`"),
        _ if flag.is_required_set() => "required".to_owned(),
        _ => split(flag).1.unwrap_or_else(|| "none".to_owned()),
    }
}

fn meaning(flag: &Arg) -> String {
    let (meaning, _) = split(flag);
    let values: Vec<String> = flag
        .get_possible_values()
        .iter()
        .filter(|_| takes_value(flag))
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), in_a_sentence(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    match values.is_empty() {
        true => meaning,
        false => format!("{meaning}: {}", values.join(", ")),
    }
}

/// A text without its capital, unless its first word is all capitals.
fn in_a_sentence(text: &str) -> String {
    match text.chars().nth(1) {
        Some(second) if second.is_lowercase() => text[..1].to_lowercase() + &text[1..],
        _ => text.to_owned(),
    }
}

/// The help on one line, and the default in it.
fn split(flag: &Arg) -> (String, Option<String>) {
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    match help.split_once(" [default: ") {
        Some((meaning, default)) => (meaning.to_owned(), Some(default.trim_end_matches(']').to_owned())),
        None => (help, None),
    }
}
