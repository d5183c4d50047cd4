//! Which server stands for a running weir? One with filters and pages, that can end, fall silent and begin again.

use crate::{
    common::folder,
    weir::{Node, detail, time},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

/// Server on a Unix socket in a folder of its own, which is removed when dropped.
pub(crate) struct Server {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server knows, and what it was asked.
pub(crate) struct State {
    pub(crate) node: Node,
    /// Number of Services, all like the last one, in place of those of the node.
    pub(crate) many: Option<usize>,
    /// Whether it takes connections and says nothing.
    pub(crate) is_silent: bool,
    is_ending: bool,
    /// Questions so far, without `/api/v1/`.
    pub(crate) asked: Vec<String>,
    /// Whether answers are those of the second of two moments, from which rates follow.
    pub(crate) is_later: bool,
    /// Connections that are kept open in silence.
    silent: Vec<UnixStream>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::of(Node::new())
    }

    pub(crate) fn of(node: Node) -> Self {
        let (asked, silent) = (Vec::new(), Vec::new());
        let state =
            State { node, many: None, is_silent: false, is_ending: false, asked, is_later: false, silent };
        let mut server = Self { folder: folder(), state: Arc::new(Mutex::new(state)), thread: None };
        server.begin();
        server
    }

    pub(crate) fn socket(&self) -> String {
        self.folder.join("test.sock").display().to_string()
    }

    /// Looks at the state, or changes it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }

    /// Listens, as a weir that starts.
    pub(crate) fn begin(&mut self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let state = Arc::clone(&self.state);
        self.with(|state| state.is_ending = false);
        self.thread = Some(thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if state.lock().unwrap().is_ending {
                    return;
                }
                answer(stream, &state);
            }
        }));
    }

    /// Ends as a weir that is killed: the file stays, and nobody listens.
    pub(crate) fn kill(&mut self) {
        self.with(|state| state.is_ending = true);
        drop(UnixStream::connect(self.socket()));
        self.thread.take().unwrap().join().unwrap();
    }

    /// Begins anew at the same place after it was killed.
    pub(crate) fn begin_again(&mut self) {
        fs::remove_file(self.socket()).unwrap();
        self.begin();
    }

    /// Whether a question with all these parts was asked.
    pub(crate) fn was_asked(&self, parts: &[&str]) -> bool {
        self.with(|state| state.asked.iter().any(|asked| parts.iter().all(|part| asked.contains(part))))
    }

    /// Number of questions so far that begin with this.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.with(|state| state.asked.iter().filter(|asked| asked.starts_with(beginning)).count())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn answer(mut stream: UnixStream, state: &Mutex<State>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let mut state = state.lock().unwrap();
    let asked = request.trim_start_matches("GET /api/v1/").trim_end_matches(" HTTP/1.1").to_owned();
    state.asked.push(asked.clone());
    if state.is_silent {
        return state.silent.push(stream);
    }
    let (status, body) = state.reply(&asked);
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
    // Whoever has left the screen no longer reads.
    let _ = stream.write_all((head + &body.to_string()).as_bytes());
}

impl State {
    fn reply(&self, asked: &str) -> (u16, Value) {
        let (route, parameters) = asked.split_once('?').unwrap_or((asked, ""));
        let parameters: HashMap<&str, String> = parameters
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, decoded(value)))
            .collect();
        let later = self.is_later;
        if route == "summary" {
            return (200, self.node.summary(later));
        }
        if parameters.get("state").is_some_and(|state| state == "ejectd") {
            let message = "state=ejectd: must be one of ready, ejected, down";
            return (
                400,
                json!({"kind": "Error", "status": 400, "message": message, "details": {"nearest": "ejected"}}),
            );
        }
        let number = |name: &str| parameters.get(name).and_then(|value| value.parse::<usize>().ok());
        let (start, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(100));
        if let (Some(many), "services") = (self.many, route) {
            let template = self.node.services.last().unwrap();
            let service = |number: usize| {
                let mut service = template.clone();
                service["service"] = json!(format!("s{number}"));
                service
            };
            let page = (start..many.min(start + limit)).map(service).collect();
            return (200, list(page, many, (start + limit < many).then_some(start + limit), later));
        }
        let is_closed = parameters.get("state").is_some_and(|state| state == "closed");
        let mut items = self.node.items(route, is_closed, later);
        items.retain(|item| is_wanted(item, route, &parameters));
        sort(&mut items, parameters.get("sort").map_or("", String::as_str));
        if parameters.contains_key("detail") {
            items.iter_mut().for_each(|item| item["detail"] = detail(route));
        }
        let matched = items.len();
        let next = (start + limit < matched).then_some(start + limit);
        let page = items.into_iter().skip(start).take(limit).collect();
        (200, list(page, matched, next, later))
    }
}

fn list(items: Vec<Value>, matched: usize, next: Option<usize>, later: bool) -> Value {
    let next = next.map(|next| next.to_string());
    json!({
        "metadata": {"time": time(later), "generation": 42, "total": matched, "matched": matched, "continue": next},
        "items": items,
    })
}

fn is_wanted(item: &Value, route: &str, parameters: &HashMap<&str, String>) -> bool {
    parameters.iter().all(|(name, value)| match *name {
        "filter" => item.to_string().contains(value.as_str()),
        "state" if route == "connections" => true,
        "since" => item["id"].as_u64() > value.parse().ok(),
        "client" => item["client"].as_str().is_some_and(|client| client.starts_with(value.as_str())),
        "limit" | "continue" | "sort" | "detail" => true,
        name => item[name].as_str() == Some(value),
    })
}

fn sort(items: &mut [Value], word: &str) {
    let (word, is_reversed) = word.strip_prefix('-').map_or((word, false), |word| (word, true));
    match word {
        "connections" => items.sort_by_key(|item| std::cmp::Reverse(item["connections"]["active"].as_u64())),
        "name" => items.sort_by_key(|item| item["service"].to_string()),
        // As they were written down.
        _ => {}
    }
    if is_reversed {
        items.reverse();
    }
}

/// Value of a parameter without escapes.
fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        text.push(char::from(u8::from_str_radix(code, 16).unwrap()));
        text += rest;
    }
    text
}
