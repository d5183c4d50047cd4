//! Which server answers as the contract says? One that reads the examples of docs/api.md.

use crate::common::{WEIR, folder, texts};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
    thread,
};

/// A server on a Unix socket in a runtime directory of its own, which is removed when dropped.
pub(crate) struct Server {
    folder: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
}

/// Answers by path, perhaps with parameters: status and body; a stream if the body begins with `event:`.
pub(crate) type Answers = BTreeMap<String, (u16, String)>;

/// The examples of docs/api.md by their paths, without parameters.
pub(crate) fn examples() -> Answers {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let page = fs::read_to_string(page).unwrap();
    let mut answers = Answers::new();
    for example in page.split("<!-- example: GET ").skip(1) {
        let path = example.split([' ', '?']).next().unwrap().to_owned();
        let body = example.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
        let _: Value = serde_json::from_str(body).unwrap();
        answers.insert(path, (200, body.to_owned()));
    }
    assert!(answers.len() >= 9, "{:?}", answers.keys());
    answers
}

/// An example as a document.
pub(crate) fn example(path: &str) -> Value {
    serde_json::from_str(&examples()[path].1).unwrap()
}

impl Server {
    /// A server that answers with the examples.
    pub(crate) fn of_examples() -> Self {
        Self::answering(examples())
    }

    /// A server that answers with the examples, but for one path with this.
    pub(crate) fn with(path: &str, status: u16, body: &impl ToString) -> Self {
        let mut answers = examples();
        answers.insert(path.to_owned(), (status, body.to_string()));
        Self::answering(answers)
    }

    pub(crate) fn answering(answers: Answers) -> Self {
        let folder = folder();
        let listener = UnixListener::bind(folder.join("test.sock")).unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                answer(stream, &answers, &seen);
            }
        });
        Self { folder, asked }
    }

    pub(crate) fn socket(&self) -> String {
        self.folder.join("test.sock").display().to_string()
    }

    /// What was asked so far: method, path and parameters, and the body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// What weir prints with these arguments, which it asks this server for, and its exit code.
    pub(crate) fn run(&self, arguments: &[&str]) -> (String, String, Option<i32>) {
        let (socket, mut weir) = (self.socket(), Command::new(WEIR));
        finished(weir.args(arguments).args(["--socket", &socket]))
    }

    /// Standard output of a command that succeeds.
    pub(crate) fn shown(&self, arguments: &[&str]) -> String {
        let (stdout, stderr, code) = self.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        stdout
    }
}

/// What a command has printed to standard output and error, and its exit code.
pub(crate) fn finished(command: &mut Command) -> (String, String, Option<i32>) {
    let output: Output = weir_testkit::output(command, "").unwrap();
    let (stdout, stderr) = texts(&output);
    (stdout, stderr, output.status.code())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn answer(mut stream: UnixStream, answers: &Answers, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut request, mut length) = (String::new(), 0);
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap_or(0) > 0 && line != "\r\n" {
        if request.is_empty() {
            request = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let whole = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let path = whole.split('?').next().unwrap_or_default();
    seen.lock()
        .unwrap()
        .push(format!("{request} {}", String::from_utf8(body).unwrap()).trim_end().to_owned());
    let (status, body) = answers
        .get(&whole)
        .or(answers.get(path))
        .cloned()
        .unwrap_or((404, "{\"message\": \"no such route\"}".into()));
    let kind = if body.starts_with("event:") { "text/event-stream" } else { "application/json" };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
    // Whoever has seen enough closes its end.
    let _ = stream.write_all((head + &body).as_bytes());
}
