//! Do keys and answers lead from screen to screen, and is nothing asked for that is not shown?

use super::*;
use serde_json::json;

fn asked(model: &Model) -> Vec<String> {
    let questions = model.questions();
    questions
        .iter()
        .map(|question| question.query.as_str().trim_start_matches("/api/v1/").to_owned())
        .collect()
}

/// Answers everything that is asked with this.
fn answer(model: &mut Model, answer: &Value) -> bool {
    model.questions().iter().fold(false, |again, question| model.answer(question, Ok(answer.clone())) | again)
}

fn press(model: &mut Model, keys: &str) -> Effect {
    keys.chars().fold(Effect::Nothing, |_, key| model.press(Key::Char(key)))
}

fn services() -> Value {
    let service = |name: &str| json!({"namespace": "a", "service": name, "port": "p", "protocol": "TCP", "clusterIPs": ["10.0.0.1"], "portNumber": 80});
    json!({"startedAt": "then", "metadata": {"matched": 2, "continue": null}, "items": [service("x"), service("y")]})
}

#[test]
fn only_what_is_shown_is_asked_for() {
    let mut model = Model::new(Some("shop"));
    assert_eq!(asked(&model), ["summary", "services?namespace=shop&sort=state&limit=100"]);
    assert_eq!(model.press(Key::Tab), Effect::Ask);
    assert_eq!(asked(&model)[1], "endpoints?namespace=shop&sort=state&limit=100");
    assert!(model.resize((120, 40)), "round-trip times are shown, a lease is taken");
    assert_eq!(asked(&model)[1], "endpoints?namespace=shop&sort=state&detail=true&limit=100");
    model.press(Key::BackTab);
    model.press(Key::BackTab);
    assert_eq!(asked(&model)[1], "events?namespace=shop&limit=1000");
    assert!(!model.resize((80, 24)));
    press(&mut model, "3c");
    assert_eq!(asked(&model)[1], "connections?namespace=shop&state=closed&sort=closed&limit=100");
    press(&mut model, "c");
    assert_eq!(asked(&model)[1], "flows?namespace=shop&limit=100");
}

#[test]
fn enter_leads_into_a_service_and_its_endpoint_and_escape_back() {
    let mut model = Model::new(None);
    answer(&mut model, &services());
    press(&mut model, "j");
    assert_eq!(model.press(Key::Enter), Effect::Ask);
    assert_eq!(
        asked(&model),
        [
            "summary",
            "services?namespace=a&service=y&protocol=TCP&limit=1000",
            "endpoints?namespace=a&service=y&port=p&protocol=TCP&sort=state&limit=100",
            "connections?namespace=a&service=y&port=p&sort=opened&limit=100",
        ]
    );
    let endpoint = json!({"startedAt": "then", "items": [{"namespace": "a", "service": "y", "port": "p", "protocol": "TCP", "endpoint": "10.0.0.9:1", "id": "0-1"}]});
    answer(&mut model, &endpoint);
    model.press(Key::Enter);
    assert_eq!(model.path(), ["a/y:p/TCP", "10.0.0.9:1"]);
    assert!(asked(&model)[1].ends_with("endpoint=10.0.0.9:1&detail=true&limit=1000"), "{:?}", asked(&model));
    answer(&mut model, &endpoint);
    model.press(Key::Enter);
    assert_eq!(model.path()[2], "connection 0-1");
    assert_eq!(model.press(Key::Enter), Effect::Nothing, "there is nothing deeper");
    for _ in 0..3 {
        assert_eq!(model.press(Key::Escape), Effect::Ask);
    }
    assert_eq!(model.list().and_then(List::selected).and_then(|item| item.text("service")), Some("y"));
    assert_eq!(model.press(Key::Escape), Effect::Nothing);
}

#[test]
fn tab_goes_round_the_lists_of_a_detail_and_moves_are_for_one_of_them() {
    let mut model = Model::new(None);
    answer(&mut model, &services());
    model.press(Key::Enter);
    answer(
        &mut model,
        &json!({"startedAt": "then", "items": [{"endpoint": "a", "id": "1"}, {"endpoint": "b", "id": "2"}]}),
    );
    model.press(Key::Tab);
    press(&mut model, "j");
    let cursors: Vec<usize> = model.lists().iter().map(List::cursor).collect();
    assert_eq!(cursors, [0, 1]);
    model.press(Key::Tab);
    assert_eq!(model.list().map(|list| list.kind), Some(Kind::Endpoints));
}

#[test]
fn a_filter_is_typed_ended_dropped_and_cleared() {
    let mut model = Model::new(None);
    press(&mut model, "/wqeb?x");
    model.press(Key::Backspace);
    assert_eq!(model.typed(), Some("wqeb?"), "every key is a character now");
    model.press(Key::Escape);
    assert_eq!(asked(&model)[1], "services?sort=state&limit=100");
    press(&mut model, "/web state=ejected ");
    assert_eq!(model.press(Key::Enter), Effect::Ask);
    assert_eq!(asked(&model)[1], "services?state=ejected&filter=web&sort=state&limit=100");
    press(&mut model, "/");
    model.press(Key::Control('u'));
    press(&mut model, &"x".repeat(500));
    assert_eq!(model.typed().map(str::len), Some(200));
    model.press(Key::Escape);
    assert_eq!(model.press(Key::Escape), Effect::Ask);
    assert_eq!(asked(&model)[1], "services?sort=state&limit=100");
    press(&mut model, "/x");
    assert_eq!(model.press(Key::Control('c')), Effect::End);
}

#[test]
fn answers_of_a_screen_that_was_left_change_nothing() {
    let mut model = Model::new(None);
    let old = model.questions().pop().unwrap();
    press(&mut model, "s");
    assert!(!model.answer(&old, Ok(services())));
    assert!(model.list().is_some_and(|list| !list.is_known() && list.len() == 0));
}

#[test]
fn an_address_is_copied_and_nothing_else() {
    let mut model = Model::new(None);
    assert_eq!(press(&mut model, "y"), Effect::Nothing);
    assert_eq!(model.notice(), Some("there is no address to copy"));
    answer(&mut model, &services());
    assert_eq!(press(&mut model, "y"), Effect::Copy("10.0.0.1:80".into()));
    let hostile = json!({"startedAt": "then", "items": [{"clusterIPs": ["rm -rf\n"], "portNumber": 1}]});
    answer(&mut model, &hostile);
    assert_eq!(press(&mut model, "y"), Effect::Nothing);
}

#[test]
fn without_a_lease_details_are_left_out_for_a_while() {
    let mut model = Model::new(None);
    model.resize((120, 40));
    press(&mut model, "2");
    let question = model.questions().pop().unwrap();
    assert!(model.answer(&question, Err(Trouble::TooMany("8 others look".into()))), "ask again without");
    assert_eq!((asked(&model)[1].contains("detail"), model.notice()), (false, Some("8 others look")));
    model.at(Duration::from_secs(30));
    assert!(asked(&model)[1].contains("detail"));
    assert_eq!(model.notice(), None);
}

#[test]
fn a_server_that_is_gone_makes_it_stale_and_another_one_is_told() {
    let mut model = Model::new(None);
    answer(&mut model, &services());
    let summary = model.questions().remove(0);
    model.answer(&summary, Err(Trouble::Gone("nobody listens".into())));
    assert!(model.stale().is_some_and(|stale| stale.contains("nobody listens")));
    assert_eq!(model.list().map(List::len), Some(2), "what was known is still shown");
    let mut other = services();
    other["startedAt"] = json!("now");
    answer(&mut model, &other);
    assert_eq!(model.stale(), None);
    assert!(model.notice().is_some_and(|notice| notice.contains("another weir")));
}

#[test]
fn a_refused_filter_says_why() {
    let mut model = Model::new(None);
    press(&mut model, "/state=ejectd");
    model.press(Key::Enter);
    let question = model.questions().pop().unwrap();
    model.answer(&question, Err(Trouble::Refused("did you mean ejected?".into())));
    assert_eq!(model.list().and_then(List::refusal), Some("did you mean ejected?"));
}

#[test]
fn the_next_page_on_the_way_to_the_end_is_asked_for_at_once() {
    let mut model = Model::new(None);
    let mut first = services();
    first["metadata"]["continue"] = json!("t");
    answer(&mut model, &first);
    assert_eq!(press(&mut model, "G"), Effect::Ask);
    first["metadata"]["continue"] = json!("u");
    assert!(answer(&mut model, &first));
    assert!(!answer(&mut model, &services()));
}

#[test]
fn any_key_closes_the_help_but_q_ends() {
    let mut model = Model::new(None);
    press(&mut model, "?");
    assert!(model.shows_help());
    assert_eq!(press(&mut model, "j"), Effect::Nothing);
    assert!(!model.shows_help());
    assert_eq!(press(&mut model, "?q"), Effect::End);
}
