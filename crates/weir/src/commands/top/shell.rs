//! What happens when? Keys, answers, signals and the clock reach the model here, and the screen is drawn after each.

use super::{
    asker::Asker,
    guard::TerminalGuard,
    keyboard::{Input, inputs},
    model::{Effect, Model},
    view::{self, Looks},
};
use crate::client::Client;
use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use ratatui::crossterm::terminal;
use rustix::process::{Signal, getpid, kill_process};
use std::{process::ExitCode, time::Duration};
use tokio::{
    signal::unix::{self, SignalKind},
    time::{Instant, MissedTickBehavior, interval},
};

/// Time between two rounds of questions.
const ROUND: Duration = Duration::from_secs(1);

/// Shows the model until the user or a signal ends it.
pub(super) async fn run(client: &Client, mut model: Model, looks: Looks) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let mut guard = TerminalGuard::take().context("cannot take the terminal")?;
    let mut inputs = inputs()?;
    let start = Instant::now();
    let mut ticks = interval(ROUND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asker = Asker::new(client);
    loop {
        model.at(start.elapsed());
        if model.resize(terminal::size().context("the terminal has no size")?) {
            asker.ask_at_once(model.questions());
        }
        guard.draw(|frame| view::draw(frame, &mut model, looks)).context("cannot write to the terminal")?;
        tokio::select! {
            biased;
            code = signals.next() => return Ok(code),
            input = inputs.recv() => {
                let mut effects = Vec::new();
                let mut next = input.context("keys can no longer be read").map(Some)?;
                model.at(start.elapsed());
                while let Some(input) = next {
                    if let Input::Key(key) = input.context("cannot read keys")? {
                        effects.push(model.press(key));
                    }
                    next = inputs.try_recv().ok();
                }
                for effect in effects {
                    match effect {
                        Effect::Nothing => {}
                        Effect::Ask => asker.ask_at_once(model.questions()),
                        Effect::Copy(text) => guard.send(&copied(&text))?,
                        Effect::Redraw => guard.redraw()?,
                        Effect::Suspend => {
                            drop(guard);
                            // Nobody handles it, so the process stops here.
                            kill_process(getpid(), Signal::TSTP).context("cannot stop")?;
                            guard = TerminalGuard::take().context("cannot take the terminal")?;
                            guard.redraw()?;
                        }
                        Effect::End => return Ok(ExitCode::SUCCESS),
                    }
                }
            }
            (question, answer) = asker.next() => {
                model.at(start.elapsed());
                if model.answer(&question, answer) {
                    asker.ask_at_once(model.questions());
                }
            }
            _ = ticks.tick() => if asker.is_idle() {
                asker.ask(model.questions());
            }
        }
    }
}

/// What makes a terminal copy a text to its clipboard (xterm's control sequence OSC 52).
fn copied(text: &str) -> Vec<u8> {
    format!("\u{1b}]52;c;{}\u{7}", STANDARD.encode(text)).into_bytes()
}

/// Signals that end a program; their default would leave the terminal as it is now.
struct Signals([(unix::Signal, u8); 4]);

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind: SignalKind| -> anyhow::Result<(unix::Signal, u8)> {
            // Exit codes as shells tell them of a program that a signal has ended.
            let code = u8::try_from(128 + kind.as_raw_value()).unwrap_or(1);
            Ok((unix::signal(kind).context("cannot listen for signals")?, code))
        };
        Ok(Self([
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
            listen(SignalKind::interrupt())?,
            listen(SignalKind::quit())?,
        ]))
    }

    /// Waits for one; returns the exit code.
    async fn next(&mut self) -> ExitCode {
        let [terminate, hangup, interrupt, quit] = &mut self.0;
        let code = tokio::select! {
            _ = terminate.0.recv() => terminate.1,
            _ = hangup.0.recv() => hangup.1,
            _ = interrupt.0.recv() => interrupt.1,
            _ = quit.0.recv() => quit.1,
        };
        code.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_text_can_end_no_control_sequence() {
        assert_eq!(copied("10.0.0.1:80"), b"\x1b]52;c;MTAuMC4wLjE6ODA=\x07");
    }
}
