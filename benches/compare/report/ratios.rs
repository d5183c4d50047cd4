//! How does weir compare with the best of the other proxies?

use super::{results::Report, sample::Figures};
use crate::{
    way::Way,
    work::{Unit, Work},
};

/// weir's figures in one work, each as a multiple of the best one among all forms of other proxies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratios {
    /// The rate; for memory the lowest is best.
    pub(crate) value: Option<Ratio>,
    /// Processor time.
    pub(crate) cpu: Option<Ratio>,
    /// The latency of all but one operation in a hundred.
    pub(crate) p99: Option<Ratio>,
}

/// weir's figure as a multiple of the best other proxy's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// weir's figure divided by the other proxy's.
    pub(crate) times: f64,
    /// The other proxy, in the form whose figure was the best.
    pub(crate) proxy: Way,
}

impl Ratios {
    /// Figures of node mode with the forwarded way, each as a multiple of what node mode has without.
    pub(crate) fn of_forwarding(report: &Report, work: Work) -> Self {
        let ratio = |figure: fn(&Figures) -> Option<f64>| {
            let of = |way| figure(&report.figures(work, way));
            let (forwarded, without) = (of(Way::WeirNodeForwarded)?, of(Way::WeirNode)?);
            (without > 0.0).then(|| Ratio { times: forwarded / without, proxy: Way::WeirNode })
        };
        Self {
            value: ratio(|figures| figures.value).filter(|_| work.closed().is_none()),
            cpu: ratio(|figures| figures.cpu),
            p99: ratio(|figures| figures.p99),
        }
    }

    /// The ratios of one work to the best of all other proxies.
    pub(crate) fn of(report: &Report, work: Work) -> Self {
        Self::beside(report, work, |way| way.peer().is_some())
    }

    /// The ratios of one work to the best form of one other proxy.
    pub(crate) fn of_peer(report: &Report, work: Work, peer: Way) -> Self {
        Self::beside(report, work, |way| way.peer() == Some(peer))
    }

    fn beside(report: &Report, work: Work, counts: impl Fn(Way) -> bool) -> Self {
        let ratio = |figure: fn(&Figures) -> Option<f64>, most: bool| {
            let proxies = report.ways().into_iter().filter(|way| counts(*way));
            let known = proxies.filter_map(|way| Some((figure(&report.figures(work, way))?, way)));
            let best = known.min_by(
                |(one, _), (other, _)| {
                    if most { other.total_cmp(one) } else { one.total_cmp(other) }
                },
            );
            let ((best, proxy), weir) = (best?, figure(&report.figures(work, Way::Weir))?);
            (best > 0.0).then(|| Ratio { times: weir / best, proxy })
        };
        // An open loop's rate is given.
        let has_value = work.closed().is_none();
        Self {
            value: ratio(|figures| figures.value, work.unit() != Unit::Memory).filter(|_| has_value),
            cpu: ratio(|figures| figures.cpu, false),
            p99: ratio(|figures| figures.p99, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        results::{Participant, tests::example},
        sample::Sample,
    };

    #[test]
    fn weir_is_compared_with_the_best_peer_and_not_with_a_direct_connection() {
        let ratios = Ratios::of(&example(), Work::Connections);
        assert_eq!(ratios.value, Some(Ratio { times: 1.5, proxy: Way::Nginx }));
        assert!(ratios.cpu.is_some_and(|cpu| cpu.times < 1.0 && cpu.proxy == Way::Nginx));
        assert!(ratios.p99.is_some_and(|p99| p99.times < 1.0 && p99.proxy == Way::Nginx));
    }

    #[test]
    fn each_figure_is_compared_with_the_form_of_a_peer_that_did_it_best() {
        let mut report = example();
        report.versions.push(Participant { way: Way::HaproxyTuned, version: "1.0".into() });
        for (round, value, cpu) in [(1, 1500.0, 12.0), (2, 1500.0, 12.0)] {
            let figures = Figures { value: Some(value), cpu: Some(cpu), ..Figures::default() };
            report.samples.push(Sample {
                round,
                way: Way::HaproxyTuned,
                figures,
                ..report.samples.first().unwrap().clone()
            });
        }
        let ratios = Ratios::of_peer(&report, Work::Connections, Way::Haproxy);
        assert_eq!(ratios.value, Some(Ratio { times: 3.0, proxy: Way::Haproxy }));
        report.samples.retain(|sample| sample.way != Way::Haproxy);
        let ratios = Ratios::of_peer(&report, Work::Connections, Way::Haproxy);
        assert_eq!(ratios.value, Some(Ratio { times: 4.0, proxy: Way::HaproxyTuned }));
        assert_eq!(Ratios::of_peer(&report, Work::Connections, Way::Realm).cpu, None);
    }

    #[test]
    fn without_figures_there_are_no_ratios() {
        let ratios = Ratios::of(&example(), Work::Udp);
        assert_eq!(ratios, Ratios { value: None, cpu: None, p99: None });
    }
}
