//! Do the screens look as they did? Cell by cell, at two sizes.

use crate::{server::Server, terminal::Terminal};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Variable that has screens written.
const BLESS: &str = "WEIR_BLESS";

/// Sizes of a terminal: the least that people have, and a roomy one.
const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Text and looks of a screen.
fn picture(terminal: &Terminal) -> String {
    let text = terminal.lines().join("\n");
    let looks = terminal.look(|screen| {
        let (rows, columns) = screen.size();
        let row = |y: u16| -> String {
            (0..columns).map(|x| look(screen.cell(y, x).unwrap())).collect::<String>().trim_end().to_owned()
        };
        let rows = (0..rows).map(|y| format!("{y:02} {}", row(y)));
        rows.filter(|row| row.len() > 3).collect::<Vec<_>>().join("\n")
    });
    format!("{}\n\nlooks: V reversed, H head, B bold, r y g colours\n{looks}\n", text.trim_end())
}

fn look(cell: &vt100::Cell) -> char {
    match cell.fgcolor() {
        vt100::Color::Idx(1) => 'r',
        vt100::Color::Idx(3) => 'y',
        vt100::Color::Idx(2) => 'g',
        vt100::Color::Default if cell.inverse() => 'V',
        vt100::Color::Default if cell.underline() => 'H',
        vt100::Color::Default if cell.bold() => 'B',
        vt100::Color::Default => ' ',
        other => panic!("{other:?} is no colour that every terminal has"),
    }
}

/// Waits until the screen is the one that was kept; with `WEIR_BLESS` keeps it.
fn check(name: &str, terminal: &Terminal, server: &Server) {
    // An answer of the first moment may be lost with the screen that asked for it, so that a whole round is awaited.
    let before = server.count("summary");
    terminal.wait_until("three rounds", |_| server.count("summary") >= before + 3);
    server.with(|state| state.is_later = true);
    let path = repository().join(format!("crates/weir/tests/top/snapshots/{name}.txt"));
    if env::var_os(BLESS).is_some() {
        weir_testkit::idle(std::time::Duration::from_millis(500));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, picture(terminal)).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    terminal.wait_until(&format!("the screen {name}, which {BLESS}=1 keeps anew:\n{kept}\n"), |_| {
        picture(terminal) == kept
    });
}

fn start(size: (u16, u16), server: &Server) -> Terminal {
    let terminal = Terminal::start(size, &["--socket", &server.socket()]);
    terminal.wait_for("CONNS");
    terminal
}

/// Looks at a screen that keys lead to, at both sizes.
fn pictures(name: &str, keys: &[&str], expected: &str) {
    for size in SIZES {
        let server = Server::new();
        let terminal = start(size, &server);
        terminal.wait_for("default/web");
        for keys in keys {
            terminal.press(keys);
        }
        terminal.wait_for(expected);
        check(&format!("{name}-{}x{}", size.0, size.1), &terminal, &server);
    }
}

#[test]
fn services_with_what_is_wrong_first() {
    pictures("services", &[], "shop/cart");
}

#[test]
fn endpoints_with_reasons_and_odds() {
    pictures("endpoints", &["\t"], "10.244.1.7:8080");
}

#[test]
fn connections_with_round_trip_times_where_there_is_room() {
    pictures("connections", &["3"], "10.244.1.9:43210");
}

#[test]
fn connections_that_have_ended_and_why() {
    pictures("closed", &["3c"], "endpoint_reset");
}

#[test]
fn events_the_newest_first() {
    pictures("events", &["4"], "ServiceEmpty");
}

#[test]
fn a_service_with_its_endpoints_and_connections() {
    pictures("service", &["jjj", "\r"], "10.244.1.9:43210");
}

#[test]
fn an_endpoint_with_its_state_and_connections() {
    let server = Server::new();
    let terminal = start((80, 24), &server);
    terminal.press("2");
    terminal.wait_for("10.244.2.3:8080");
    terminal.press("jj\r");
    terminal.wait_for("round trip");
    check("endpoint-80x24", &terminal, &server);
}

#[test]
fn a_connection_with_everything_that_is_known_of_it() {
    let server = Server::new();
    let terminal = start((80, 24), &server);
    terminal.press("3");
    terminal.wait_for("10.244.1.9:43210");
    terminal.press("\r");
    terminal.wait_for("bytesToClient");
    check("connection-80x24", &terminal, &server);
}

#[test]
fn help() {
    let server = Server::new();
    let terminal = start((80, 24), &server);
    terminal.press("?");
    terminal.wait_for("weir top: keys");
    check("help-80x24", &terminal, &server);
}

#[test]
fn no_color_leaves_signs_and_no_colour() {
    let server = Server::new();
    let terminal = Terminal::start_with((80, 24), &["--socket", &server.socket()], &[("NO_COLOR", "1")]);
    terminal.wait_for("! not-bound");
    terminal.look(|screen| {
        let (rows, columns) = screen.size();
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            let cell = screen.cell(y, x).unwrap();
            assert_eq!(
                (cell.fgcolor(), cell.bgcolor()),
                (vt100::Color::Default, vt100::Color::Default),
                "{y} {x}"
            );
        }
    });
}

#[test]
fn the_screen_of_the_page_about_weir_top_is_the_one_that_is_tested() {
    let kept = repository().join("crates/weir/tests/top/snapshots/services-120x40.txt");
    let screen = fs::read_to_string(kept).unwrap();
    let (screen, _) = screen.split_once("\n\nlooks:").unwrap();
    // The list is shorter than the screen.
    let lines: Vec<&str> = screen.lines().collect();
    let blank = lines.iter().position(|line| line.is_empty()).unwrap();
    let shown = [&lines[..blank], &lines[lines.len() - 2..]].concat().join("\n");
    let path = repository().join("docs/top.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("```text\n").unwrap();
    let (_, after) = rest.split_once("\n```").unwrap();
    let wanted = format!("{before}```text\n{shown}\n```{after}");
    if env::var_os(BLESS).is_some() {
        fs::write(&path, &wanted).unwrap();
    } else {
        assert_eq!(page, wanted, "{BLESS}=1 writes it");
    }
}
