//! Do dashboards, alerts, recipes and pages name metrics that exist, in expressions that Prometheus takes?

use crate::{families::PREFIXES, page::repository};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};
use weir_core::MetricKind;
use weir_testkit::installed;

fn folder() -> PathBuf {
    repository().join("examples/observe")
}

/// Names that a scrape may show.
fn real_names() -> BTreeSet<String> {
    let names = weir::metrics::all_families().flat_map(|family| {
        let suffixes = match family.kind {
            MetricKind::Histogram => &["", "_bucket", "_sum", "_count"][..],
            _ => &[""],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", family.name))
    });
    names.collect()
}

/// Words of a text that are names of metrics by their beginning. A part of a name ends with an underscore.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| {
        let is_crate =
            ["weir_core", "weir_proxy", "weir_control", "weir_capture", "weir_testkit"].contains(word);
        PREFIXES.iter().any(|prefix| word.starts_with(prefix)) && !is_crate && !word.ends_with('_')
    })
}

/// Files of a folder with one of these extensions.
fn files(folder: PathBuf, extensions: &[&str]) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let has =
        |path: &PathBuf| path.extension().is_some_and(|found| extensions.iter().any(|known| found == *known));
    paths.filter(has).collect()
}

#[test]
fn every_metric_that_examples_and_pages_name_exists() {
    let real = real_names();
    let observed = files(folder(), &["json", "yaml", "md"]);
    let manifests = files(repository().join("examples/manifests"), &["yaml"]);
    let pages = files(repository().join("docs"), &["md"]);
    let mut found = BTreeSet::new();
    for path in observed.iter().chain(&manifests).chain(&pages) {
        let text = fs::read_to_string(path).unwrap();
        for name in names(&text) {
            assert!(real.contains(name), "{} names {name}, which does not exist", path.display());
            found.insert(name.to_owned());
        }
    }
    assert!(observed.len() >= 7 && found.len() > 50, "{found:?}");
}

/// All values of a key, wherever they stand.
fn values_of<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get(key));
            object.values().for_each(|value| values_of(value, key, found));
        }
        Value::Array(values) => values.iter().for_each(|value| values_of(value, key, found)),
        _ => {}
    }
}

fn dashboard() -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join("dashboard.json")).unwrap()).unwrap()
}

#[test]
fn panels_of_the_dashboard_have_a_number_each_and_do_not_overlap() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut cells = BTreeSet::new();
    for panel in panels {
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{}", panel["title"]);
        for (x, y) in (0..side("w")).flat_map(|x| (0..side("h")).map(move |y| (x, y))) {
            assert!(
                cells.insert((side("x") + x, side("y") + y)),
                "{} overlaps another panel",
                panel["title"]
            );
        }
    }
}

/// Runs promtool in the folder; panics with what it says if it finds fault.
fn promtool(arguments: &[&str], input: &str) {
    let mut promtool = Command::new("promtool");
    let output = weir_testkit::output(promtool.current_dir(folder()).args(arguments), input).unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn prometheus_takes_all_expressions_and_the_alerts_pass_their_tests() {
    if !installed("promtool") {
        assert!(
            std::env::var_os("WEIR_REQUIRE_NETNS").is_none(),
            "promtool (Debian: prometheus) is not installed"
        );
        return;
    }
    promtool(&["check", "rules", "alerts.yaml"], "");
    promtool(&["test", "rules", "alerts_test.yaml"], "");
    let dashboard = dashboard();
    let mut expressions = Vec::new();
    values_of(&dashboard, "expr", &mut expressions);
    assert!(expressions.len() > 50, "{}", expressions.len());
    // As rules, so that promtool parses them.
    let rules = expressions.iter().enumerate().map(|(number, expression)| {
        let expression = expression.as_str().unwrap().replace("$__rate_interval", "5m");
        serde_json::json!({"record": format!("panel:{number}"), "expr": expression})
    });
    let rules = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules.collect::<Vec<_>>()}]});
    let scratch = crate::common::folder();
    let file = scratch.join("dashboard.yaml");
    fs::write(&file, rules.to_string()).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()], "");
    fs::remove_dir_all(scratch).unwrap();
}
