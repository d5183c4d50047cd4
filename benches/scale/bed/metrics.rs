//! What does weir say about itself? Prometheus text, as far as the measurements read it.

/// The values of one scrape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    text: String,
}

impl Metrics {
    /// The values in the answer to a scrape.
    pub(crate) fn new(text: String) -> Self {
        Self { text }
    }

    /// The sum over all series with this name and these words in their labels; zero of none.
    pub(crate) fn sum(&self, name: &str, labels: &str) -> f64 {
        self.series(name).filter(|(of, _)| of.contains(labels)).map(|(_, value)| value).sum()
    }

    /// The least upper bound of a histogram's buckets that so many of a hundred observations are not above, among those
    /// since an earlier scrape. In the histogram's unit; `None` of no observation.
    pub(crate) fn percentile_since(
        &self,
        before: &Self,
        name: &str,
        labels: &str,
        percent: f64,
    ) -> Option<f64> {
        let bucket = format!("{name}_bucket");
        let of = |metrics: &Self, bound: &str| metrics.sum(&bucket, &format!("{labels}le=\"{bound}\""));
        let count = of(self, "+Inf") - of(before, "+Inf");
        let mut bounds: Vec<&str> = self.series(&bucket).filter_map(|(of, _)| bound(of)).collect();
        bounds.sort_by(|one, other| number(one).total_cmp(&number(other)));
        let enough = |bound: &&str| of(self, bound) - of(before, bound) >= count * percent / 100.0;
        bounds.into_iter().find(enough).filter(|_| count > 0.0).map(number)
    }

    /// Labels and values of the series with this name.
    fn series(&self, name: &str) -> impl Iterator<Item = (&str, f64)> {
        self.text.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then(|| Some((labels, value.parse().ok()?)))?
        })
    }
}

fn bound(labels: &str) -> Option<&str> {
    labels.split_once("le=\"")?.1.split('"').next()
}

fn number(bound: &str) -> f64 {
    bound.parse().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE events counter\nevents{kind=\"Service\"} 3\nevents{kind=\"Node\"} 1\nevents_other 9\n\
        took_bucket{from=\"receipt\",le=\"0.001\"} 98\ntook_bucket{from=\"receipt\",le=\"0.002\"} 100\n\
        took_bucket{from=\"receipt\",le=\"+Inf\"} 100\ntook_bucket{from=\"trigger\",le=\"0.001\"} 1\n";

    #[test]
    fn series_are_added_up_by_name_and_label() {
        let metrics = Metrics::new(TEXT.into());
        assert_eq!((metrics.sum("events", ""), metrics.sum("events", "Node")), (4.0, 1.0));
    }

    #[test]
    fn a_percentile_is_the_bound_of_a_bucket() {
        let (before, after) = (Metrics::default(), Metrics::new(TEXT.into()));
        let percentile = |percent| after.percentile_since(&before, "took", "from=\"receipt\",", percent);
        assert_eq!((percentile(50.0), percentile(99.0)), (Some(0.001), Some(0.002)));
        assert_eq!(after.percentile_since(&after, "took", "from=\"receipt\",", 50.0), None);
    }
}
