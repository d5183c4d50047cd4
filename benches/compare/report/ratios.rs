//! How does weir compare with its best peer?

use super::{results::Report, sample::Figures};
use crate::{
    way::Way,
    work::{Unit, Work},
};

/// The middle of these numbers; between two middle ones, their mean.
pub(crate) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let (lower, upper) = (numbers.get(numbers.len().checked_sub(1)? / 2)?, numbers.get(numbers.len() / 2)?);
    Some((lower + upper) / 2.0)
}

/// weir's figures in one work, each as a multiple of the best one among HAProxy, NGINX and realm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratios {
    /// The rate; for memory the lowest is best.
    pub(crate) value: Option<Ratio>,
    /// Processor time.
    pub(crate) cpu: Option<Ratio>,
    /// The latency of all but one operation in a hundred.
    pub(crate) p99: Option<Ratio>,
}

/// A multiple of the best peer's figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// weir's figure divided by the peer's.
    pub(crate) times: f64,
    /// The peer.
    pub(crate) peer: Way,
}

impl Ratios {
    /// Those of one work.
    pub(crate) fn of(report: &Report, work: Work) -> Self {
        let ratio = |figure: fn(&Figures) -> Option<f64>, most: bool| {
            let peers = report.ways().into_iter().filter(|way| way.is_peer());
            let known = peers.filter_map(|way| Some((figure(&report.figures(work, way))?, way)));
            let best = known.min_by(
                |(one, _), (other, _)| {
                    if most { other.total_cmp(one) } else { one.total_cmp(other) }
                },
            );
            let ((best, peer), weir) = (best?, figure(&report.figures(work, Way::Weir))?);
            (best > 0.0).then(|| Ratio { times: weir / best, peer })
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
    use crate::report::results::tests::example;

    #[test]
    fn a_median_is_the_middle_or_between_the_two_middle_ones() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn weir_is_compared_with_the_best_peer_and_not_with_a_direct_connection() {
        let ratios = Ratios::of(&example(), Work::Connections);
        assert_eq!(ratios.value, Some(Ratio { times: 1.5, peer: Way::Nginx }));
        assert!(ratios.cpu.is_some_and(|cpu| cpu.times < 1.0 && cpu.peer == Way::Nginx));
        assert!(ratios.p99.is_some_and(|p99| p99.times < 1.0 && p99.peer == Way::Nginx));
    }

    #[test]
    fn without_figures_there_are_no_ratios() {
        let ratios = Ratios::of(&example(), Work::Udp);
        assert_eq!(ratios, Ratios { value: None, cpu: None, p99: None });
    }
}
