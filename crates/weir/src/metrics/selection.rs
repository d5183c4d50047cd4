//! Which Services have series? The number of series must not follow the number of Services without an end.

use regex::{Regex, RegexBuilder};
use std::collections::HashSet;
use weir_core::{ServiceKey, Snapshot};
use weir_proxy::PortSeries;

/// Size of a compiled expression at most, in bytes.
const MAX_EXPRESSION: usize = 1 << 20;

/// Names of Services (`namespace/name`) that have series.
#[derive(Clone, Debug)]
pub(crate) struct ServicePattern(Regex);

impl ServicePattern {
    /// Compiles an expression, which has to match the whole of a name, as in Prometheus.
    pub(crate) fn new(expression: &str) -> Result<Self, regex::Error> {
        // Compiled alone first: a stray parenthesis must not end the group.
        RegexBuilder::new(expression).size_limit(MAX_EXPRESSION).build()?;
        let whole = format!("^(?:{expression})$");
        RegexBuilder::new(&whole).size_limit(MAX_EXPRESSION).build().map(Self)
    }

    fn matches(&self, key: &ServiceKey) -> bool {
        self.0.is_match(&format!("{}/{}", key.namespace, key.name))
    }
}

/// What may have series.
#[derive(Clone, Debug)]
pub(crate) struct SeriesLimits {
    /// Names of Services; `None` for all.
    pub(crate) pattern: Option<ServicePattern>,
    /// Services at most. Those in use come first, in the order of their first use, then others by name.
    pub(crate) max_services: usize,
    /// Whether every endpoint has series.
    pub(crate) endpoints: bool,
}

impl Default for SeriesLimits {
    fn default() -> Self {
        Self { pattern: None, max_services: 10_000, endpoints: false }
    }
}

/// The Services that have series in one scrape.
pub(super) struct Selection<'a> {
    /// Chosen Services; `None` for all.
    chosen: Option<HashSet<&'a ServiceKey>>,
    /// Services left out because of their names.
    pub(super) not_matching: usize,
    /// Services left out because there are too many.
    pub(super) over_limit: usize,
}

impl<'a> Selection<'a> {
    /// Chooses among Services in use and the others of a Snapshot.
    pub(super) fn new(
        limits: &SeriesLimits,
        in_use: impl Iterator<Item = &'a PortSeries>,
        served: &'a Snapshot,
    ) -> Self {
        let mut selection = Self { chosen: None, not_matching: 0, over_limit: 0 };
        let total = served.services().count();
        if limits.pattern.is_none() && total <= limits.max_services {
            return selection;
        }
        let (mut seen, mut chosen) = (HashSet::with_capacity(total), HashSet::new());
        // In an order that is the same at each scrape, so that no series comes and goes.
        let mut served: Vec<&ServiceKey> = served.services().map(|service| &service.key).collect();
        served.sort_unstable();
        for key in in_use.map(|series| &series.key().service).chain(served) {
            if !seen.insert(key) {
                continue;
            }
            if limits.pattern.as_ref().is_some_and(|pattern| !pattern.matches(key)) {
                selection.not_matching += 1;
            } else if chosen.len() >= limits.max_services {
                selection.over_limit += 1;
            } else {
                chosen.insert(key);
            }
        }
        Self { chosen: Some(chosen), ..selection }
    }

    /// Whether a Service has series.
    pub(super) fn has(&self, service: &ServiceKey) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| chosen.contains(service))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use weir_core::{Service, resolve_static};

    fn snapshot(names: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for name in names {
            let service = Service::new(ServiceKey::new("shop", *name), [10, 0, 0, 1].into(), vec![]);
            snapshot.insert(Arc::new(resolve_static(&service, &[])));
        }
        snapshot
    }

    /// The chosen Services, and how many are left out by their names and by the limit.
    fn chosen(pattern: Option<&str>, max_services: usize) -> (Vec<&'static str>, [usize; 2]) {
        let names = ["a", "b", "web-1", "web-2", "web-3"];
        let pattern = pattern.map(|pattern| ServicePattern::new(pattern).unwrap());
        let limits = SeriesLimits { pattern, max_services, endpoints: false };
        let served = snapshot(&names);
        let selection = Selection::new(&limits, std::iter::empty(), &served);
        let is_chosen = |name: &&'static str| selection.has(&ServiceKey::new("shop", *name));
        let chosen = names.into_iter().filter(is_chosen).collect();
        (chosen, [selection.not_matching, selection.over_limit])
    }

    #[test]
    fn services_are_chosen_by_their_whole_name_and_up_to_a_number_and_the_others_are_counted() {
        assert_eq!(chosen(None, 5), (vec!["a", "b", "web-1", "web-2", "web-3"], [0, 0]));
        assert_eq!(chosen(None, 2), (vec!["a", "b"], [0, 3]));
        assert_eq!(chosen(Some("shop/web-.*"), 9), (vec!["web-1", "web-2", "web-3"], [2, 0]));
        assert_eq!(chosen(Some("shop/web-.*"), 1), (vec!["web-1"], [2, 2]));
        assert_eq!(chosen(Some("web-1|shop/a"), 9), (vec!["a"], [4, 0]));
    }

    #[test]
    fn an_expression_that_is_none_or_grows_without_end_is_refused() {
        for wrong in ["shop/(", ")|(", "(a{1000}){1000}"] {
            assert!(ServicePattern::new(wrong).is_err(), "{wrong}");
        }
    }
}
