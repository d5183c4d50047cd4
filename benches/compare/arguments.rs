//! Which settings does the comparison take?

use crate::{way::Way, work::Work};
use clap::{Parser, value_parser};
use std::{path::PathBuf, time::Duration};
use weir_bench::{ProgramArguments, report::Output};

/// Compares weir with other proxies, with kernel NAT and with a direct connection: client, proxy and two endpoints run
/// in network namespaces of their own, and every proxy does the same work in turn.
///
/// Needs Linux with unshare, ip and nft, and root or an unprivileged user namespace.
#[derive(Clone, Debug, Parser)]
#[command(name = "compare", after_help = "Proxies that are not installed are left out, and named.")]
pub(crate) struct Arguments {
    /// How often everything is measured; medians are reported
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,

    /// How long one measurement takes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u16).range(1..=600))]
    seconds: u16,

    /// Only these works, comma separated [default: all]
    #[arg(long, value_name = "WORK", value_delimiter = ',', value_enum)]
    works: Vec<Work>,

    /// Only these ways from client to endpoint, comma separated [default: all]
    #[arg(long, value_name = "WAY", value_delimiter = ',', value_enum)]
    ways: Vec<Way>,

    #[command(flatten)]
    pub(crate) output: Output,

    /// One short round: shows that everything works, and measures little
    #[arg(long)]
    pub(crate) brief: bool,

    /// The HAProxy to run [default: the one on PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) haproxy: Option<PathBuf>,

    /// The NGINX to run [default: the one on PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) nginx: Option<PathBuf>,

    /// The realm to run [default: the one on PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) realm: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) program: ProgramArguments,
}

impl Arguments {
    /// The works to measure, in the order of the report.
    pub(crate) fn works(&self) -> Vec<Work> {
        let asked = |work: &Work| self.works.is_empty() || self.works.contains(work);
        let open: Vec<Work> = Work::ALL.into_iter().filter(asked).collect();
        // An open loop takes its rate from the closed one.
        let needed =
            |work: &Work| open.contains(work) || open.iter().any(|open| open.closed() == Some(*work));
        Work::ALL.into_iter().filter(needed).collect()
    }

    /// The ways that are compared, in the order of the report.
    pub(crate) fn ways(&self) -> Vec<Way> {
        Way::ALL.into_iter().filter(|way| self.ways.is_empty() || self.ways.contains(way)).collect()
    }

    /// Whether weir is among the ways that are compared.
    pub(crate) fn needs_weir(&self) -> bool {
        self.ways().iter().any(|way| way.is_weir())
    }

    /// The times of the comparison.
    pub(crate) fn schedule(&self) -> Schedule {
        if self.brief {
            return Schedule {
                rounds: 1,
                warm_up: Duration::from_millis(100),
                measured: Duration::from_millis(400),
                idle_limit: 200,
            };
        }
        Schedule {
            rounds: self.rounds,
            warm_up: Duration::from_millis(500),
            measured: Duration::from_secs(self.seconds.into()),
            idle_limit: 20_000,
        }
    }
}

/// The times of a comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Number of times that everything is measured.
    pub(crate) rounds: u16,
    /// Time of work before the measurement begins, which fills caches, connections and congestion windows.
    pub(crate) warm_up: Duration,
    /// Time of one measurement.
    pub(crate) measured: Duration,
    /// The most idle connections that are opened.
    pub(crate) idle_limit: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["compare"], arguments].concat())
    }

    #[test]
    fn without_arguments_everything_is_compared() {
        let arguments = parse(&[]).unwrap();
        assert_eq!(arguments.works(), Work::ALL);
        assert_eq!(arguments.ways(), Way::ALL);
        assert_eq!(arguments.schedule().rounds, 3);
        assert_eq!(arguments.schedule().measured, Duration::from_secs(3));
    }

    #[test]
    fn chosen_ways_are_compared_in_the_order_of_the_report() {
        let arguments = parse(&["--ways", "weir,direct", "--works", "bulk-up,connections"]).unwrap();
        assert_eq!(arguments.ways(), [Way::Direct, Way::Weir]);
        assert_eq!(arguments.works(), [Work::Connections, Work::BulkUp]);
    }

    #[test]
    fn an_open_loop_brings_the_closed_loop_that_sets_its_rate() {
        let arguments = parse(&["--works", "open-pingpong"]).unwrap();
        assert_eq!(arguments.works(), [Work::Pingpong, Work::OpenPingpong]);
    }

    #[test]
    fn brief_means_one_short_round_whatever_else_is_said() {
        let schedule = parse(&["--brief", "--rounds", "9", "--seconds", "9"]).unwrap().schedule();
        assert_eq!(schedule.rounds, 1);
        assert!(schedule.measured < Duration::from_secs(1));
    }

    #[test]
    fn the_last_of_several_weirs_is_used() {
        let arguments = parse(&["--weir", "a", "--isolated", "--weir", "b"]).unwrap();
        assert_eq!(arguments.program.weir, Some("b".into()));
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_is_known() {
        for (wrong, said) in [("--works=bulk", "bulk-up"), ("--ways=envoy", "haproxy"), ("--rounds=0", "1..")]
        {
            let error = parse(&[wrong]).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
