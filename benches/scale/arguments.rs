//! Which settings do the measurements take?

use crate::work::Work;
use clap::{Parser, ValueEnum, value_parser};
use serde::Serialize;
use weir_bench::{ProgramArguments, report::Output};
use weir_testkit::load::Fleet;

/// Measures weir in node mode in a cluster of very many Services: a node, pods, a client and an API server run in network
/// namespaces of their own, and every endpoint answers.
///
/// Needs Linux with ip, nft and unshare, and root. Its network is gone with it, however it ends.
#[derive(Clone, Debug, Parser)]
#[command(name = "scale")]
pub(crate) struct Arguments {
    /// How many Services there are; several numbers, comma separated, are measured one after the other
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "10000", value_parser = value_parser!(u32).range(1..=65_000))]
    services: Vec<u32>,

    /// How many endpoints each Service has
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..=60))]
    endpoints: u32,

    /// Which API server weir watches
    #[arg(long, value_name = "WHICH", value_enum, default_value = "test")]
    pub(crate) api_server: ApiServer,

    /// Only these works, comma separated [default: all]
    #[arg(long, value_name = "WORK", value_delimiter = ',', value_enum)]
    works: Vec<Work>,

    /// How many single changes are measured
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u32).range(1..=100_000))]
    changes: u32,

    /// How many slices change within the second of the burst
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    burst: u32,

    /// How many writes the soak makes
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = value_parser!(u32).range(10..))]
    soak: u32,

    /// Few Services and few changes: shows that everything works, and measures little
    #[arg(long)]
    brief: bool,

    #[command(flatten)]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) program: ProgramArguments,
}

/// An API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ApiServer {
    /// The one of weir's tests, which takes many thousands of writes a second
    Test,
    /// kube-apiserver and etcd, from the folder that KUBEBUILDER_ASSETS names
    Real,
}

/// The amounts of one measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Amounts {
    /// Number of Services.
    pub(crate) services: u32,
    /// Number of endpoints of each Service.
    pub(crate) endpoints: u32,
    /// Number of single changes.
    pub(crate) changes: u32,
    /// Number of slices that change within the second of the burst.
    pub(crate) burst: u32,
    /// Number of writes of the soak.
    pub(crate) soak: u32,
}

impl Amounts {
    /// The fleet of Services.
    pub(crate) fn fleet(self) -> Fleet {
        Fleet::new(self.services, self.endpoints)
    }
}

impl Arguments {
    /// The works to measure, in the order of the report.
    pub(crate) fn works(&self) -> Vec<Work> {
        let asked = |work: &Work| self.works.is_empty() || self.works.contains(work);
        Work::ALL.into_iter().filter(asked).collect()
    }

    /// The amounts for each number of Services.
    pub(crate) fn amounts(&self) -> Vec<Amounts> {
        if self.brief {
            return vec![Amounts { services: 200, endpoints: 3, changes: 10, burst: 300, soak: 20_000 }];
        }
        let &Self { endpoints, changes, burst, soak, .. } = self;
        let of = |&services: &u32| Amounts { services, endpoints, changes, burst, soak };
        self.services.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["scale"], arguments].concat())
    }

    #[test]
    fn without_arguments_everything_is_measured_with_ten_thousand_services() {
        let arguments = parse(&[]).unwrap();
        assert_eq!(arguments.works(), Work::ALL);
        let amounts = arguments.amounts();
        assert!(matches!(&amounts[..], [Amounts { services: 10_000, endpoints: 10, .. }]), "{amounts:?}");
    }

    #[test]
    fn brief_means_few_whatever_else_is_said() {
        let amounts = parse(&["--brief", "--services", "44000", "--soak", "1000000"]).unwrap().amounts();
        assert!(matches!(amounts[..], [Amounts { services: ..1_000, soak: ..100_000, .. }]), "{amounts:?}");
    }

    #[test]
    fn chosen_works_are_done_in_the_order_of_the_report() {
        let works = parse(&["--works", "memory,cold-start"]).unwrap().works();
        assert_eq!(works, [Work::ColdStart, Work::Memory]);
    }

    #[test]
    fn names_of_works_are_those_of_arguments() {
        for work in Work::ALL {
            assert_eq!(parse(&["--works", work.name()]).unwrap().works(), [work]);
        }
    }

    #[test]
    fn what_does_not_fit_into_the_service_network_is_refused() {
        assert!(parse(&["--services", "65536"]).is_err());
        assert!(parse(&["--services", "0"]).is_err());
    }
}
