//! `weir top`: what is the weir of this host doing, second by second?
//!
//! | part | question |
//! |---|---|
//! | `model` | what is on the screen, and what must be asked? A state machine without terminal and socket |
//! | `view` | how does it look? From the model to cells |
//! | `keyboard`, `guard`, `asker`, `shell` | keys, the terminal, questions, and what happens when |

mod asker;
mod guard;
mod keyboard;
mod model;
mod shell;
mod view;

use crate::{
    cli::TopOptions,
    client::{Query, with_client},
    output::terminal::has_colours,
};
use model::Model;
use std::{
    env,
    error::Error,
    fmt,
    io::{self, IsTerminal},
    process::ExitCode,
};
use view::Looks;

/// There is no terminal to show anything on.
#[derive(Debug)]
pub(crate) struct NoTerminal(&'static str);

impl fmt::Display for NoTerminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "weir top needs a terminal, and {}; weir status, weir services, weir endpoints, weir conns -w and weir events -w \
             print lines instead (with kubectl exec give -it)",
            self.0
        )
    }
}

impl Error for NoTerminal {}

/// Shows the running weir until the user ends it.
pub(crate) fn top(options: &TopOptions) -> anyhow::Result<ExitCode> {
    check_terminal()?;
    let looks = Looks { colours: has_colours(&io::stdout()) };
    with_client(options.socket.clone(), async |client| {
        // Where no weir runs, one line says so better than a screen.
        client.get(&Query::of("summary")).await?;
        Box::pin(shell::run(&client, Model::new(options.namespace.as_deref()), looks)).await
    })
}

fn check_terminal() -> Result<(), NoTerminal> {
    let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    match (io::stdin().is_terminal(), io::stdout().is_terminal()) {
        (false, _) => Err(NoTerminal("standard input is none")),
        (_, false) => Err(NoTerminal("standard output is none")),
        (true, true) if is_dumb => Err(NoTerminal("$TERM says that this one cannot move its cursor")),
        (true, true) => Ok(()),
    }
}
