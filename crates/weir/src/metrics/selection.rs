//! Which Services have series? The number of series must not follow the number of Services without an end.

use regex::{Regex, RegexBuilder};
use std::{collections::HashSet, sync::Arc};
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
    /// Services in use at most, in the order of their first use.
    pub(crate) max_services: usize,
    /// Whether every endpoint has series.
    pub(crate) endpoints: bool,
}

/// What has series in one scrape.
pub(super) struct Selection<'a> {
    pattern: Option<&'a ServicePattern>,
    /// Service ports in use that have series.
    pub(super) chosen: Vec<&'a PortSeries>,
    /// Services without series because of their names.
    pub(super) not_matching: usize,
    /// Services in use without series because there are too many.
    pub(super) over_limit: usize,
}

impl<'a> Selection<'a> {
    /// Chooses among ports in use, and the Services of a Snapshot.
    pub(super) fn new(limits: &'a SeriesLimits, in_use: &'a [Arc<PortSeries>], served: &Snapshot) -> Self {
        let pattern = limits.pattern.as_ref();
        let mut selection = Self { pattern, chosen: Vec::new(), not_matching: 0, over_limit: 0 };
        if pattern.is_some() {
            selection.not_matching =
                served.services().filter(|service| !selection.matches(&service.key)).count();
        }
        let matching = in_use.iter().filter(|series| selection.matches(&series.key().service));
        let (mut services, mut chosen) = (HashSet::new(), Vec::with_capacity(in_use.len()));
        let mut over_limit = HashSet::new();
        for series in matching {
            let service = &series.key().service;
            if services.contains(service) || services.len() < limits.max_services {
                services.insert(service);
                chosen.push(&**series);
            } else {
                over_limit.insert(service);
            }
        }
        Self { chosen, over_limit: over_limit.len(), ..selection }
    }

    /// Whether a Service has series by its name.
    pub(super) fn matches(&self, service: &ServiceKey) -> bool {
        self.pattern.is_none_or(|pattern| pattern.matches(service))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::{Service, resolve_static};

    fn snapshot(names: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for name in names {
            let service = Service::new(ServiceKey::new("shop", *name), [10, 0, 0, 1].into(), vec![]);
            snapshot.insert(Arc::new(resolve_static(&service, &[])));
        }
        snapshot
    }

    #[test]
    fn services_without_series_because_of_their_whole_name_are_counted() {
        let served = snapshot(&["a", "b", "web-1", "web-2", "web-3"]);
        let left_out = |pattern: Option<&str>| {
            let pattern = pattern.map(|pattern| ServicePattern::new(pattern).unwrap());
            let limits = SeriesLimits { pattern, max_services: 1, endpoints: false };
            Selection::new(&limits, &[], &served).not_matching
        };
        let patterns =
            [None, Some(""), Some("shop/web-.*"), Some("web-1|shop/a"), Some("shop/web"), Some(".*")];
        assert_eq!(patterns.map(left_out), [0, 5, 2, 4, 5, 0]);
    }

    #[test]
    fn an_expression_that_is_none_or_grows_without_end_is_refused() {
        for wrong in ["shop/(", ")|(", "(a{1000}){1000}"] {
            assert!(ServicePattern::new(wrong).is_err(), "{wrong}");
        }
    }
}
