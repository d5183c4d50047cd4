//! Does each key do what the help says, over the terminal and the socket?

use crate::{server::Server, terminal::Terminal, weir::Node};
use serde_json::json;

fn start(server: &Server) -> Terminal {
    let terminal = Terminal::start((80, 24), &["--socket", &server.socket()]);
    terminal.wait_for("default/web");
    terminal
}

/// Line that is marked.
fn selected(lines: &[String]) -> String {
    lines.iter().find(|line| line.starts_with('>')).cloned().unwrap_or_default()
}

#[test]
fn moves_by_letters_arrows_and_pages() {
    let server = Server::new();
    let terminal = start(&server);
    for (keys, service) in [
        ("j", "shop/checkout"),
        ("\u{1b}[B", "shop/mail"),
        ("k", "shop/checkout"),
        ("\u{1b}[A", "shop/cart"),
        ("G", "default/api"),
        ("g", "shop/cart"),
        ("\u{1b}[6~", "default/api"),
        ("\u{1b}[5~", "shop/cart"),
        ("\u{1b}[F", "default/api"),
        ("\u{1b}[H", "shop/cart"),
    ] {
        terminal.press(keys);
        terminal.wait_until(service, |lines| selected(lines).contains(service));
    }
}

#[test]
fn a_filter_is_asked_of_the_server_and_a_wrong_one_is_explained() {
    let server = Server::new();
    let terminal = start(&server);
    terminal.press("/web");
    terminal.wait_for("/web_");
    terminal.press("\r");
    terminal.wait_until("one Service", |lines| {
        lines.concat().contains("1 of 1") && selected(lines).contains("default/web")
    });
    assert!(server.was_asked(&["services?filter=web"]));
    terminal.press("\u{1b}");
    terminal.wait_for("1 of 6");
    terminal.press("/state=ejectd\r");
    terminal.wait_for("did you mean");
    terminal.press("\u{1b}");
    terminal.wait_for("shop/mail");
}

#[test]
fn orders_go_round_and_turn() {
    let server = Server::new();
    let terminal = start(&server);
    terminal.press("s");
    terminal.wait_until("most connections first", |lines| {
        lines.concat().contains("by connections") && lines[6].contains("default/api")
    });
    terminal.press("S");
    terminal.wait_for("by -connections");
    terminal.wait_until("most connections last", |lines| lines[11].contains("default/api"));
}

#[test]
fn a_service_is_looked_into_and_left_again() {
    let server = Server::new();
    let terminal = start(&server);
    terminal.press("jjj\r");
    terminal.wait_for("1 of 3 endpoints is ejected");
    terminal.wait_for("10.244.2.4:8080");
    terminal.wait_for("10.244.1.9:43210");
    assert!(server.was_asked(&["endpoints?namespace=default&service=web&port=http&protocol=TCP"]));
    assert!(server.was_asked(&["connections?namespace=default&service=web&port=http"]));
    terminal.press("\tj\r");
    terminal.wait_for("connection 1-4701");
    terminal.press("\u{1b}");
    terminal.wait_for("Endpoints, by state");
    terminal.press("\u{1b}");
    terminal.wait_until("the list, at the same line", |lines| selected(lines).contains("default/web"));
}

#[test]
fn an_address_goes_to_the_clipboard_of_the_terminal() {
    let server = Server::new();
    let terminal = start(&server);
    terminal.press("y");
    terminal.wait_for("copied 10.96.0.8:80");
    assert!(terminal.has_written(b"\x1b]52;c;MTAuOTYuMC44Ojgw\x07"));
}

#[test]
fn round_trip_times_are_asked_for_only_while_they_are_shown() {
    let server = Server::new();
    let terminal = start(&server);
    terminal.press("2");
    terminal.wait_for("ODDS");
    terminal.resize((120, 40));
    terminal.wait_for("RTT");
    terminal.wait_until("a lease", |_| server.was_asked(&["endpoints?", "detail=true"]));
    terminal.press("1");
    terminal.wait_for("OUT/S");
    let leased = |server: &Server| {
        server.with(|state| state.asked.iter().filter(|asked| asked.contains("detail=true")).count())
    };
    let (before, rounds) = (leased(&server), server.count("summary"));
    terminal.wait_until("two rounds", |_| server.count("summary") >= rounds + 2);
    assert_eq!(leased(&server), before);
}

#[test]
fn ten_thousand_services_come_page_by_page() {
    let server = Server::new();
    server.with(|state| state.many = Some(10_000));
    let terminal = Terminal::start((80, 24), &["--socket", &server.socket()]);
    terminal.wait_for("1 of 10000");
    terminal.press("G");
    terminal.wait_until("the last", |lines| {
        lines.concat().contains("10000 of 10000") && selected(lines).contains("/s9999:")
    });
    terminal.press("g");
    terminal.wait_until("the first", |lines| {
        lines.concat().contains("1 of 10000") && selected(lines).contains("/s0:")
    });
    let longest =
        server.with(|state| state.asked.iter().filter(|asked| asked.contains("limit=1000")).count());
    assert!(longest >= 9, "by pages of a thousand at most: {longest}");
}

#[test]
fn a_name_with_escapes_steers_no_terminal() {
    let mut node = Node::new();
    node.services[0]["service"] = json!("x\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}");
    node.services[0]["reason"] = json!("日本語\u{9b}31m");
    let server = Server::of(node);
    let terminal = start(&server);
    terminal.wait_for(r"shop/x\u{1b}[2J");
    terminal.wait_for("日本");
    assert!(!terminal.has_written(b"\x1b]0;owned") && !terminal.has_written("\u{9b}".as_bytes()));
}

#[test]
fn another_size_is_another_layout_and_one_that_is_too_small_is_told() {
    let server = Server::new();
    let terminal = start(&server);
    terminal.resize((120, 40));
    terminal.wait_for("OUT/S");
    terminal.resize((30, 8));
    terminal.wait_for("too small: 30x8");
    terminal.resize((80, 24));
    terminal.wait_until("as before", |lines| {
        lines.concat().contains("default/web") && !lines.concat().contains("OUT/S")
    });
}

#[test]
fn a_namespace_holds_for_every_pane() {
    let server = Server::new();
    let terminal = Terminal::start((80, 24), &["-n", "shop", "--socket", &server.socket()]);
    terminal.wait_for("1 of 3");
    terminal.press("4");
    terminal.wait_for("ServiceEmpty");
    assert!(server.was_asked(&["services?namespace=shop"]) && server.was_asked(&["events?namespace=shop"]));
}
