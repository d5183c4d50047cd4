//! Does it work where pods sit on a bridge, whether or not its packets pass nftables?

use crate::{bed::Bed, reach};
use weir_testkit::cluster::NodePlan;

fn bed(netfilter: bool) -> Option<Bed> {
    let mut bed =
        Bed::laid_out(&[NodePlan::bridged("node-a", netfilter), NodePlan::bridged("node-b", netfilter)])?;
    bed.start_pods(&[("node-a", "a-1"), ("node-a", "a-2"), ("node-b", "b-1"), ("node-b", "b-2")]);
    bed.start_weir("node-a", &[]);
    bed.start_weir("node-b", &[]);
    Some(bed)
}

#[test]
fn everybody_reaches_a_service_where_bridges_pass_packets_to_nftables() {
    let Some(bed) = bed(true) else { return };
    reach::everybody_reaches_a_service(&bed);
}

#[test]
fn everybody_reaches_a_service_where_bridges_do_not() {
    let Some(bed) = bed(false) else { return };
    reach::everybody_reaches_a_service(&bed);
}

#[test]
fn the_setting_may_change_while_weir_runs() {
    let Some(bed) = bed(false) else { return };
    reach::everybody_reaches_a_service(&bed);
    for parameter in ["net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"] {
        for node in bed.cluster.nodes() {
            node.namespace().set_parameter(parameter, "1").unwrap();
        }
        reach::everybody_reaches_a_service(&bed);
    }
}
