use super::{ranges::Networks, *};
use proptest::prelude::*;
use std::{num::NonZeroU16, sync::Arc};
use weir_core::{
    Conditions, EndpointSlice, Family, NoLocalEndpoints, PortSpec, Service, SliceEndpoint, SlicePort, Weight,
    resolve,
};

/// What decides about rules, in few values, so that Services get in each other's way.
#[derive(Clone, Debug)]
struct Wanted {
    name: u8,
    external: Option<u8>,
    load_balancer: Option<u8>,
    node_port: Option<u8>,
    ranges: Option<u8>,
    internal_local: bool,
    external_local: bool,
    passes: bool,
    /// On this node or another, ready or not.
    endpoints: Vec<(bool, bool)>,
}

const NODE_PORT_ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 0, 2)), IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];

fn node() -> Node {
    Node { known: true, internal_ips: vec![NODE_PORT_ADDRESSES[0]], ..Node::named("here") }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let few = || proptest::option::of(0u8..3);
    let endpoints = proptest::collection::vec(any::<(bool, bool)>(), 0..3);
    let local = (any::<bool>(), any::<bool>(), any::<bool>());
    ((0u8..4, few(), few(), few()), few(), local, endpoints).prop_map(|(claims, ranges, local, endpoints)| {
        let (name, external, load_balancer, node_port) = claims;
        let (internal_local, external_local, passes) = local;
        Wanted {
            name,
            external,
            load_balancer,
            node_port,
            ranges,
            internal_local,
            external_local,
            passes,
            endpoints,
        }
    })
}

impl Wanted {
    fn serve(&self) -> Arc<ResolvedService> {
        let ports = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].map(|protocol| PortSpec {
            name: protocol.as_str().into(),
            protocol,
            port: NonZeroU16::new(80).unwrap(),
            node_port: self.node_port.and_then(|port| NonZeroU16::new(30_000 + u16::from(port))),
        });
        let key = ServiceKey::new("default", self.name.to_string());
        let mut service = Service::new(key, [10, 96, 0, self.name].into(), ports.to_vec());
        let addresses =
            |last: Option<u8>| last.map(|last| IpAddr::from([203, 0, 113, last])).into_iter().collect();
        service.external_ips.v4 = addresses(self.external);
        service.load_balancer_ips.v4 = addresses(self.load_balancer);
        // The first has the node in it.
        let range = self.ranges.map(|third| format!("192.168.{third}.0/24").parse::<ipnet::IpNet>().unwrap());
        service.source_ranges.v4 = range.into_iter().collect();
        service.internal_local = self.internal_local;
        service.external_local = self.external_local;
        if self.passes {
            Arc::make_mut(&mut service.settings).no_local_endpoints = NoLocalEndpoints::Pass;
        }
        Arc::new(resolve(&service, &[self.slice(&service)], &node()))
    }

    fn slice(&self, service: &Service) -> EndpointSlice {
        let port = |spec: &PortSpec| SlicePort {
            name: Arc::clone(&spec.name),
            protocol: spec.protocol,
            port: NonZeroU16::new(8080).unwrap(),
        };
        let endpoint = |(last, (here, ready)): (u8, &(bool, bool))| SliceEndpoint {
            ip: [10, 244, 0, last].into(),
            conditions: Conditions { ready: *ready, serving: *ready, terminating: false },
            is_pod: false,
            node: Some(if *here { "here" } else { "there" }.into()),
            zone: None,
            hints: Arc::default(),
        };
        EndpointSlice {
            weight: Weight::DEFAULT,
            name: "slice".into(),
            service: service.key.clone(),
            family: Family::V4,
            ports: service.ports.iter().map(port).collect(),
            endpoints: (1..).zip(&self.endpoints).map(endpoint).collect(),
        }
    }
}

fn web() -> Wanted {
    Wanted {
        name: 1,
        external: None,
        load_balancer: Some(1),
        node_port: Some(1),
        ranges: None,
        internal_local: false,
        external_local: false,
        passes: false,
        endpoints: vec![(false, true)],
    }
}

fn snapshot(wanted: &[Wanted]) -> Snapshot {
    let mut snapshot = Snapshot::of(node());
    for wanted in wanted {
        snapshot.insert(wanted.serve());
    }
    snapshot
}

/// What a change of one Service does to the rules.
fn edits(before: &Wanted, after: &Wanted) -> Edits {
    let (before, after) = (snapshot(std::slice::from_ref(before)), snapshot(std::slice::from_ref(after)));
    let mut plan = Plan::of(&before, &NODE_PORT_ADDRESSES, &Default::default());
    plan.follow(&Changes::between(&before, &after), &node(), &NODE_PORT_ADDRESSES, &Default::default())
}

#[test]
fn endpoints_that_come_and_go_touch_no_rule() {
    for endpoints in [vec![(false, true); 2], vec![(true, true)], vec![(true, true), (false, false)]] {
        assert!(edits(&web(), &Wanted { endpoints: endpoints.clone(), ..web() }).is_empty(), "{endpoints:?}");
    }
}

#[test]
fn the_last_endpoint_changes_what_new_flows_get_and_nothing_else() {
    let edits = edits(&web(), &Wanted { endpoints: vec![(false, false)], ..web() });
    assert_eq!(edits.frontends.len(), 6, "TCP and UDP of cluster IP, load balancer and node port: {edits:?}");
    let refuse = Treatment { exception: Some(Exception::Refuse), ..Treatment::default() };
    for edit in &edits.frontends {
        assert_eq!((edit.before, edit.after), (Some(Treatment::default()), Some(refuse)));
    }
    assert!(edits.cluster_ips.is_empty() && edits.new_ranges.is_empty());
}

#[test]
fn a_service_costs_what_it_claims_however_many_there_are() {
    let many: Vec<Wanted> = (10..200).map(|name| Wanted { name, ..web() }).collect();
    let before = snapshot(&many);
    let mut after = before.clone();
    after.insert(Wanted { name: 7, load_balancer: None, node_port: None, ..web() }.serve());
    let mut plan = Plan::of(&before, &NODE_PORT_ADDRESSES, &Default::default());
    let edits =
        plan.follow(&Changes::between(&before, &after), &node(), &NODE_PORT_ADDRESSES, &Default::default());
    assert_eq!((edits.frontends.len(), edits.cluster_ips.len()), (2, 1));
}

#[test]
fn neither_sctp_nor_loopback_is_captured_but_the_cluster_ip_of_both_refuses() {
    let plan = Plan::of(&snapshot(&[web()]), &NODE_PORT_ADDRESSES, &Default::default());
    for (frontend, _) in plan.frontends() {
        assert!(frontend.protocol != Protocol::Sctp && !frontend.address.ip().is_loopback(), "{frontend}");
    }
    assert_eq!(plan.cluster_ips().collect::<Vec<_>>(), [IpAddr::from([10, 96, 0, 1])]);
}

#[test]
fn flows_pass_external_addresses_alone_and_only_where_the_policy_is_local_and_nobody_may_serve_them() {
    let passing = |endpoints: &[(bool, bool)], external_local| {
        let wanted = Wanted {
            passes: true,
            external_local,
            endpoints: endpoints.to_vec(),
            external: Some(2),
            ..web()
        };
        let plan = Plan::of(&snapshot(&[wanted]), &NODE_PORT_ADDRESSES, &Default::default());
        let tcp = plan.frontends().filter(|(frontend, _)| frontend.protocol == Protocol::Tcp);
        let of_kind = |ip: IpAddr| if ip.to_string().starts_with("203.") { "external" } else { "other" };
        let mut passing: Vec<_> =
            tcp.map(|(frontend, treatment)| (of_kind(frontend.address.ip()), treatment.passing)).collect();
        passing.sort_unstable();
        passing.dedup();
        passing
    };
    let (here, there) = ((true, true), (false, true));
    for (endpoints, external_local, expected) in [
        (&[here][..], true, Passing::Connections),
        (&[there], true, Passing::Outsiders),
        (&[], true, Passing::AllButNode),
        (&[there], false, Passing::Connections),
        (&[], false, Passing::Connections),
    ] {
        let expected = [("external", Some(expected)), ("other", None)];
        assert_eq!(passing(endpoints, external_local), expected, "{endpoints:?} {external_local}");
    }
}

#[test]
fn equal_ranges_are_one_list_that_goes_with_its_last_user() {
    let guarded = |name| Wanted { name, load_balancer: Some(name), ranges: Some(1), ..web() };
    let both = snapshot(&[guarded(1), guarded(2)]);
    let (one, none) = (snapshot(&[guarded(1)]), snapshot(&[]));
    let mut plan = Plan::of(&both, &[], &Default::default());
    assert_eq!(plan.ranges().iter().count(), 1);
    let mut follow = |from, to| {
        plan.follow(&Changes::between(from, to), &node(), &[], &Default::default()).unused_ranges.len()
    };
    assert_eq!((follow(&both, &one), follow(&one, &none)), (0, 1));
}

#[test]
fn datagrams_are_weirs_to_judge_as_long_as_any_endpoint_is_usable() {
    let guarded = Wanted { ranges: Some(1), external_local: true, internal_local: true, ..web() };
    let exceptions = |wanted: &Wanted, protocol| {
        let plan =
            Plan::of(&snapshot(std::slice::from_ref(wanted)), &NODE_PORT_ADDRESSES, &Default::default());
        let of_protocol = plan.frontends().filter(|(frontend, _)| frontend.protocol == protocol);
        of_protocol.filter(|(_, treatment)| *treatment != Treatment::default()).count()
    };
    assert_eq!((exceptions(&guarded, Protocol::Tcp), exceptions(&guarded, Protocol::Udp)), (3, 0));
    let none = Wanted { endpoints: Vec::new(), ..guarded };
    assert_eq!((exceptions(&none, Protocol::Tcp), exceptions(&none, Protocol::Udp)), (3, 3));
}

#[test]
fn replies_may_have_to_be_given_the_ports_of_datagram_services_from_the_first_to_the_last() {
    let [one, two] = [1, 2].map(|name| Wanted { name, load_balancer: None, node_port: None, ..web() });
    let steps = [vec![one.clone()], vec![one, two.clone()], vec![two.clone()], vec![]];
    let mut before = snapshot(&[]);
    let mut plan = Plan::of(&before, &[], &Default::default());
    let expected = [&[(80, true)][..], &[], &[], &[(80, false)]];
    for (step, expected) in steps.iter().zip(expected) {
        let after = snapshot(step);
        let edits = plan.follow(&Changes::between(&before, &after), &node(), &[], &Default::default());
        let seen: Vec<_> = edits.reply_ports.iter().map(|edit| (edit.key, edit.after.is_some())).collect();
        assert_eq!(seen, expected, "{step:?}");
        before = after;
    }
}

/// What the kernel has after some transactions.
#[derive(Debug, Default, PartialEq)]
struct Kernel {
    frontends: HashMap<Frontend, (Option<Networks>, Treatment)>,
    cluster_ips: BTreeSet<IpAddr>,
    reply_ports: BTreeSet<u16>,
}

impl Kernel {
    fn of(plan: &Plan) -> Self {
        let resolve =
            |(frontend, treatment): (Frontend, Treatment)| (frontend, Self::resolve(plan, treatment));
        Self {
            frontends: plan.frontends().map(resolve).collect(),
            cluster_ips: plan.cluster_ips().collect(),
            reply_ports: plan.reply_ports().collect(),
        }
    }

    fn resolve(plan: &Plan, treatment: Treatment) -> (Option<Networks>, Treatment) {
        let ranges = treatment.ranges.map(|id| plan.ranges().get(id).expect("it is in use").clone());
        // Which number a list of sources has is no part of it.
        (ranges, Treatment { ranges: None, ..treatment })
    }

    fn change_set<T: Copy + Ord + std::fmt::Debug>(set: &mut BTreeSet<T>, edits: &[Edit<T, ()>]) {
        for edit in edits {
            let done = match edit.after {
                Some(()) => set.insert(edit.key),
                None => set.remove(&edit.key),
            };
            assert!(done, "{edit:?}");
        }
    }

    fn change(&mut self, plan: &Plan, edits: &Edits) {
        for edit in &edits.frontends {
            let before = self.frontends.remove(&edit.key);
            assert_eq!(before.is_some(), edit.before.is_some(), "only what is there can be deleted");
            if let Some(treatment) = edit.after {
                self.frontends.insert(edit.key, Self::resolve(plan, treatment));
            }
        }
        Self::change_set(&mut self.cluster_ips, &edits.cluster_ips);
        Self::change_set(&mut self.reply_ports, &edits.reply_ports);
    }
}

proptest! {
    #[test]
    fn following_changes_leads_to_the_same_rules_as_beginning_anew(
        steps in proptest::collection::vec(proptest::collection::vec(wanted(), 0..5), 1..6),
    ) {
        let mut before = snapshot(&[]);
        let mut plan = Plan::of(&before, &NODE_PORT_ADDRESSES, &Default::default());
        let mut kernel = Kernel::of(&plan);
        let mut chains = BTreeSet::new();
        for step in steps {
            let after = snapshot(&step);
            let edits = plan.follow(&Changes::between(&before, &after), &node(), &NODE_PORT_ADDRESSES, &Default::default());
            kernel.change(&plan, &edits);
            for id in &edits.new_ranges {
                prop_assert!(chains.insert(*id));
            }
            for id in &edits.unused_ranges {
                prop_assert!(chains.remove(id));
            }
            let anew = Plan::of(&after, &NODE_PORT_ADDRESSES, &Default::default());
            prop_assert_eq!(&kernel, &Kernel::of(&anew));
            prop_assert_eq!(chains.len(), plan.ranges().iter().count());
            prop_assert_eq!(plan.elements(), anew.elements());
            before = after;
        }
    }
}
