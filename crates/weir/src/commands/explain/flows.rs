//! How are many flows answered? One line in, one line of JSON out.

use super::judge::Judge;
use crate::{
    cli::AskedFlow,
    output::stdout::{self, Reader},
};
use anyhow::Context;
use serde::Serialize;
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};
use weir_core::verdict::{Judgement, Outcome};

/// Length of the longest line that is read. An IPv6 address has at most 45 characters.
const MAX_LINE_BYTES: usize = 1024;

/// Extent to which lines were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// All lines, or as many as the reader wanted.
    All,
    /// Some lines could not be read.
    Some,
}

/// Brief answer, in the form of the golden vectors.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Brief {
    Accept { verdict: &'static str, masq: Vec<String>, plain: Vec<String> },
    Other { verdict: &'static str },
    Unreadable { error: String },
}

/// Answers each line of a file that is not blank; `-` is standard input. A line that cannot be read gets an answer, too,
/// so that lines and answers stay in step, and is named on standard error.
pub(super) fn answer(path: &Path, judge: &Judge) -> anyhow::Result<Answered> {
    if path.as_os_str() == "-" {
        return answer_lines(io::stdin().lock(), "standard input", judge);
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot read the flows of {name}"))?;
    answer_lines(BufReader::new(file), &name, judge)
}

fn answer_lines(lines: impl BufRead, name: &str, judge: &Judge) -> anyhow::Result<Answered> {
    let mut answered = Answered::All;
    for (number, line) in (1u64..).zip(lines.split(b'\n')) {
        let line = line.with_context(|| format!("cannot read the flows of {name}"))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let brief = match read(&line) {
            Ok(flow) => Brief::of(&judge.judge(flow)),
            Err(problem) => {
                answered = Answered::Some;
                eprintln!("error: {name}, line {number}: {problem}");
                Brief::Unreadable { error: problem }
            }
        };
        let text = serde_json::to_string(&brief).context("cannot write JSON")? + "\n";
        if stdout::print(&text)? == Reader::Gone {
            break;
        }
    }
    Ok(answered)
}

fn read(line: &[u8]) -> Result<AskedFlow, String> {
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("is longer than {MAX_LINE_BYTES} bytes"));
    }
    std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?.parse()
}

impl Brief {
    fn of(judgement: &Judgement<'_>) -> Self {
        let verdict = judgement.outcome.as_str();
        if judgement.outcome != Outcome::Accept {
            return Self::Other { verdict };
        }
        let list = |masquerade| {
            let of_kind = judgement.endpoints().filter(move |candidate| candidate.masquerade == masquerade);
            of_kind.map(|candidate| candidate.endpoint.address.to_string()).collect()
        };
        Self::Accept { verdict, masq: list(true), plain: list(false) }
    }
}
