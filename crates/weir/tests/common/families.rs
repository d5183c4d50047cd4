//! Does a scrape show only metrics that the tables of the crates have, as they have them?

use std::collections::{BTreeMap, BTreeSet};
use weir_core::{MetricFamily, MetricKind};

/// Beginnings of the names of metrics.
pub(crate) const PREFIXES: [&str; 4] = ["weir_", "kubeproxy_", "process_", "rest_client_"];

/// Labels of each family of a scrape.
type Scraped<'a> = BTreeMap<&'a str, BTreeSet<Vec<&'a str>>>;

/// Compares a scrape with the tables; returns the families that it shows.
pub(crate) fn assert_known(scrape: &str) -> BTreeSet<&str> {
    let scraped = scraped(scrape);
    for (name, label_sets) in &scraped {
        let family = family(name).unwrap_or_else(|| panic!("no table has {name}"));
        let kind = format!("# TYPE {name} {}", family.kind.as_str());
        assert!(scrape.lines().any(|line| line == kind), "{kind}");
        let help = format!("# HELP {name} {}", family.help);
        assert!(scrape.lines().any(|line| line == help), "{help}");
        let mut labels = family.labels.to_vec();
        labels.sort_unstable();
        assert_eq!(label_sets, &BTreeSet::from([labels]), "labels of {name}");
    }
    scraped.into_keys().collect()
}

fn family(name: &str) -> Option<&'static MetricFamily> {
    weir::metrics::all_families().find(|family| family.name == name)
}

fn scraped(scrape: &str) -> Scraped<'_> {
    let mut scraped = Scraped::new();
    for line in scrape.lines().filter(|line| PREFIXES.iter().any(|prefix| line.starts_with(prefix))) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let mut labels: Vec<&str> = names(labels).filter(|label| *label != "le").collect();
        labels.sort_unstable();
        scraped.entry(of_histogram(name).unwrap_or(name)).or_default().insert(labels);
    }
    scraped
}

/// The family of one of a histogram's series.
fn of_histogram(name: &str) -> Option<&str> {
    let name = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
    family(name).filter(|family| family.kind == MetricKind::Histogram).map(|_| name)
}

/// The names of labels; no value here has a quote or a comma in it.
fn names(labels: &str) -> impl Iterator<Item = &str> {
    labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name)
}
