//! Do cursor, pages, orders and filters of a list hold together?

use super::*;
use serde_json::json;

/// Page of Services with these numbers.
fn page(numbers: Range<usize>, next: Option<&str>) -> Value {
    let items: Vec<Value> = numbers
        .map(|number| json!({"namespace": "a", "service": format!("s{number}"), "port": "p", "protocol": "TCP"}))
        .collect();
    json!({"metadata": {"time": "2026-11-30T02:30:00.000Z", "total": 10_000, "matched": 10_000, "continue": next}, "items": items})
}

fn services() -> List {
    List::new(Kind::Services, Vec::new())
}

fn selected(list: &List) -> String {
    list.selected().map(|item| item.text_or_dash("service").to_owned()).unwrap_or_default()
}

#[test]
fn the_cursor_stays_with_its_item_while_the_list_changes() {
    let mut list = services();
    list.answer(page(0..10, None));
    list.step(4);
    assert_eq!(selected(&list), "s4");
    list.answer(page(2..12, None));
    assert_eq!((&*selected(&list), list.cursor()), ("s4", 2));
    list.answer(page(20..22, None));
    assert_eq!(selected(&list), "s21", "it is gone: the nearest line");
    list.answer(json!({"items": 7}));
    assert!(list.selected().is_none() && list.place().starts_with('0'));
}

#[test]
fn beyond_the_last_line_of_a_page_comes_the_next_page_and_back_again() {
    let mut list = services();
    list.answer(page(0..100, Some("t1")));
    assert!(!list.step(200), "first to the last line");
    assert!(list.step(1));
    assert!(!list.step(1), "keys before the answer move nothing");
    assert!(list.query(false).as_str().contains("continue=t1"));
    list.answer(page(100..200, Some("t2")));
    assert_eq!((&*selected(&list), &*list.place()), ("s100", "101 of 10000"));
    assert!(list.step(-1));
    assert!(!list.query(false).as_str().contains("continue"));
    list.answer(page(0..100, Some("t1")));
    assert_eq!(selected(&list), "s99");
}

#[test]
fn the_end_of_a_long_list_is_reached_page_by_page_and_one_page_is_kept() {
    let mut list = services();
    list.answer(page(0..100, Some("t0")));
    assert!(list.go_last());
    for number in 0..9 {
        assert!(list.query(false).as_str().contains(&format!("limit=1000&continue=t{number}")));
        list.answer(page(100 + number * 1000..1100 + number * 1000, Some(&format!("t{}", number + 1))));
    }
    list.answer(page(9100..10_000, None));
    assert_eq!((&*selected(&list), &*list.place(), list.len()), ("s9999", "10000 of 10000", 900));
    assert!(list.go_first());
    list.answer(page(0..100, Some("t0")));
    assert_eq!(selected(&list), "s0");
}

#[test]
fn a_page_that_is_empty_by_now_leads_back() {
    let mut list = services();
    list.answer(page(0..100, Some("t1")));
    list.step(100);
    list.step(1);
    list.answer(page(0..0, None));
    list.answer(page(0..50, None));
    assert_eq!(selected(&list), "s49");
}

#[test]
fn the_cursor_is_on_the_screen_whatever_its_height() {
    let mut list = services();
    list.answer(page(0..100, None));
    assert_eq!(list.window(10), 0..10);
    list.page(1);
    list.page(1);
    assert_eq!((list.cursor(), list.window(10)), (18, 9..19));
    assert_eq!(list.window(3), 16..19);
    list.step(-1);
    assert_eq!(list.window(30), 16..46);
    assert_eq!(list.window(200), 0..100);
    list.answer(page(0..0, None));
    assert_eq!(list.window(5), 0..0);
}

#[test]
fn orders_go_round_each_begins_at_the_top_and_has_two_directions() {
    let mut list = services();
    list.answer(page(0..10, None));
    list.step(5);
    let mut orders = vec![list.order()];
    for _ in 1..Kind::Services.sorts().len() {
        list.sort_on();
        orders.push(list.order());
    }
    assert_eq!(orders, Kind::Services.sorts());
    assert!(list.reverse() && list.cursor() == 0);
    assert_eq!(list.query(false).as_str(), "/api/v1/services?sort=-name&limit=100");
    list.sort_on();
    assert_eq!(list.order(), "state");
    assert!(!List::new(Kind::Flows, Vec::new()).reverse(), "the server has one order only");
}

#[test]
fn a_filter_does_not_leave_the_scope_and_a_refusal_is_shown_until_the_next_answer() {
    let mut list = List::new(Kind::Live, vec![("namespace", "shop".into())]);
    list.set_filter("default/web older=10m".into());
    assert_eq!(
        list.query(true).as_str(),
        "/api/v1/connections?older=10m&service=web&namespace=shop&sort=opened&detail=true&limit=100"
    );
    list.refused("older=x: must be a time".into());
    assert_eq!(list.refusal(), Some("older=x: must be a time"));
    list.answer(page(0..1, None));
    assert_eq!(list.refusal(), None);
}

#[test]
fn events_are_asked_for_from_the_last_one_on_and_the_top_follows() {
    let mut list = List::new(Kind::Events, Vec::new());
    let event = |id: u64| json!({"id": id, "type": "EndpointBack"});
    list.answer(json!({"items": [event(1), event(2)]}));
    assert_eq!(list.query(true).as_str(), "/api/v1/events?limit=1000&since=2");
    list.answer(json!({"items": [event(3)]}));
    assert_eq!(list.selected().and_then(|item| item.count("id")), Some(3));
    list.step(1);
    list.answer(json!({"items": [event(4)]}));
    assert_eq!(list.selected().and_then(|item| item.count("id")), Some(2), "away from the top it stays");
    list.forget();
    assert_eq!(list.query(true).as_str(), "/api/v1/events?limit=1000");
}
