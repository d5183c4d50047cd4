//! Does every screen fit, whatever its size and whatever the server says?

use super::*;
use crate::commands::top::model::Key;
use ratatui::{Terminal, backend::TestBackend};
use serde_json::{Value, json};

/// Cells of a screen, as lines.
fn screen(model: &mut Model, size: (u16, u16)) -> Vec<String> {
    model.resize(size);
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| draw(frame, model, Looks { colours: true })).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..size.1).map(row).collect()
}

/// Answers everything that is asked with this.
fn answer(model: &mut Model, answer: &Value) {
    for question in model.questions() {
        model.answer(&question, Ok(answer.clone()));
    }
}

fn hostile() -> Value {
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}日本語\n".repeat(200);
    json!({
        "node": evil, "version": evil, "time": evil, "uptimeSeconds": 1e300, "items": [
            {"namespace": evil, "service": evil, "port": evil, "protocol": "TCP", "state": evil, "reason": evil, "endpoint": evil,
             "message": evil, "id": evil, "client": evil, "clusterIPs": [evil], "picks": [7, {}], "connections": u64::MAX},
            7, null, [], {}
        ],
        "metadata": {"time": evil, "continue": null, "matched": u64::MAX},
    })
}

#[test]
fn no_size_and_no_answer_breaks_a_screen_and_nothing_steers_the_terminal() {
    for answered in [Value::Null, json!({}), json!({"items": 7}), hostile()] {
        for keys in ["", "2", "3", "3c", "3cc", "4", "?", "/日本"] {
            let mut model = Model::new(None);
            keys.chars().for_each(|key| drop(model.press(Key::Char(key))));
            for _ in 0..3 {
                answer(&mut model, &answered);
                for size in [(1, 1), (20, 3), (40, 12), (80, 24), (120, 40), (300, 100)] {
                    let shown = screen(&mut model, size).concat();
                    assert!(!shown.contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown:?}");
                }
                model.press(Key::Enter);
            }
        }
    }
}

#[test]
fn a_terminal_that_is_too_small_is_told_so() {
    let shown = screen(&mut Model::new(None), (39, 11)).join(" ");
    assert!(shown.starts_with("too small: 39x11, needs 40x12; q ends"), "{shown}");
    assert!(!screen(&mut Model::new(None), (40, 12)).concat().contains("too small"));
}

#[test]
fn every_key_of_the_help_is_seen_on_eighty_by_twenty_four() {
    let mut model = Model::new(None);
    model.press(Key::Char('?'));
    let shown = screen(&mut model, (80, 24));
    for line in help::lines() {
        assert!(shown.iter().any(|shown| *shown == line.trim_end()), "{line}");
    }
}

#[test]
fn the_end_of_a_long_filter_is_seen_while_it_is_typed() {
    let mut model = Model::new(None);
    format!("/{}end", "x".repeat(150)).chars().for_each(|key| drop(model.press(Key::Char(key))));
    let shown = screen(&mut model, (80, 24));
    assert!(shown[23].starts_with("/x") && shown[23].ends_with("xend_"), "{}", shown[23]);
}
