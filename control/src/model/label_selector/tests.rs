use super::*;
use kube::core::{Expression, Selector, SelectorExt};
use proptest::{collection::vec, prelude::*};
use std::collections::BTreeMap;

fn labels(pairs: &[(&str, &str)]) -> Vec<(Arc<str>, Arc<str>)> {
    let pairs: BTreeMap<&str, &str> = pairs.iter().copied().collect();
    pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

fn chooses(selector: &str, pairs: &[(&str, &str)]) -> bool {
    selector.parse::<LabelSelector>().unwrap().matches(&labels(pairs))
}

#[test]
fn each_operator_of_kubectl_is_followed() {
    let web = [("app", "web"), ("tier", "front"), ("example.com/track", ""), ("z", "1")];
    for (selector, expected) in [
        ("", true),
        ("  ", true),
        ("app", true),
        ("!app", false),
        ("! other", true),
        ("other", false),
        ("app=web", true),
        (" app == web ", true),
        ("app=other", false),
        ("app!=other", true),
        ("app!=web", false),
        ("other!=web", true),
        ("example.com/track=", true),
        ("app in (api, web)", true),
        ("app in(api)", false),
        ("tier notin (back,front)", false),
        ("other notin (back)", true),
        ("example.com/track in (,a)", true),
        ("app=web,tier=front,!other,z in (1,2),z notin (3)", true),
        ("app=web,tier=back", false),
        ("app=in,tier", false),
        ("inner", false),
    ] {
        assert_eq!(chooses(selector, &web), expected, "{selector:?}");
    }
}

#[test]
fn what_is_no_selector_is_refused_where_it_stops_being_one() {
    for (text, character, said) in [
        ("app=we b", 8, "a comma or the end, not \"b\""),
        ("app web", 5, "!=, in, notin, a comma or the end, not \"web\""),
        ("app>1", 4, "not \">\""),
        ("=web", 1, "the key of a label, as in app or app.kubernetes.io/name, not \"=\""),
        ("app=web,", 9, "the key of a label, as in app or app.kubernetes.io/name, not the end"),
        ("app=web,,tier", 9, "not \",\""),
        ("!app=web", 5, "a comma or the end, not \"=\""),
        ("in (a)", 1, "the key of a label"),
        ("app in a", 8, "values in parentheses, as in (a,b), not \"a\""),
        ("app in ()", 9, "the value of a label"),
        ("app in (a", 10, "the closing parenthesis, not the end"),
        ("app in (a b)", 11, "the closing parenthesis, not \"b\""),
        ("-app", 1, "not \"-app\""),
        ("Example.com/app", 1, "the key of a label"),
        ("example.com/", 1, "the key of a label"),
        ("a/b/c", 1, "the key of a label"),
        ("äpp=ö", 1, "the key of a label"),
        ("app=ö", 5, "the value of a label"),
        ("app=\u{1b}[2J", 5, "not \"\\u{1b}[2J\""),
    ] {
        let error = text.parse::<LabelSelector>().unwrap_err();
        assert!(
            matches!(error, SelectorError::Unexpected { character: at, .. } if at == character),
            "{text}: {error}"
        );
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
    let long = format!("app={}", "w".repeat(64));
    assert!(long.parse::<LabelSelector>().is_err());
    let longer = vec!["app=web"; 129].join(",");
    assert_eq!(longer.parse::<LabelSelector>(), Err(SelectorError::TooLong));
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]", 1 => "[a-z0-9]([-a-z0-9_.]{0,8}[a-z0-9])?"]
        .prop_filter("are words of the syntax", |word| !matches!(&**word, "in" | "notin"))
}

fn expression() -> impl Strategy<Value = Expression> {
    let values = || vec(word(), 1..4).prop_map(|values| values.into_iter().collect::<BTreeSet<_>>());
    prop_oneof![
        (word(), values()).prop_map(|(key, values)| Expression::In(key, values)),
        (word(), values()).prop_map(|(key, values)| Expression::NotIn(key, values)),
        (word(), word()).prop_map(|(key, value)| Expression::Equal(key, value)),
        (word(), word()).prop_map(|(key, value)| Expression::NotEqual(key, value)),
        word().prop_map(Expression::Exists),
        word().prop_map(Expression::DoesNotExist),
    ]
}

proptest! {
    #[test]
    fn it_chooses_what_the_library_of_kubernetes_chooses(
        expressions in vec(expression(), 0..5),
        pairs in proptest::collection::btree_map(word(), word(), 0..5),
    ) {
        let theirs: Selector = expressions.into_iter().collect();
        let ours: LabelSelector = theirs.to_string().parse().unwrap();
        let known: Vec<_> = pairs.iter().map(|(key, value)| (Arc::from(&**key), Arc::from(&**value))).collect();
        prop_assert_eq!(ours.matches(&known), theirs.matches(&pairs), "{}", theirs);
    }

    #[test]
    fn no_text_makes_it_panic_and_where_it_fails_is_in_the_text(text in "[ab=!(),<>/.\\- ein\u{e4}\u{2003}]{0,40}") {
        match text.parse::<LabelSelector>() {
            Err(SelectorError::Unexpected { character, .. }) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&character));
            }
            Err(SelectorError::TooLong) => prop_assert!(false, "it is short"),
            Ok(_) => {}
        }
    }
}
