//! What do users and controllers do to a Service, write by write?

use std::ops::Range;

use super::cluster_state::ClusterState;
use super::pod::{Phase, Pod};
use super::random::Random;
use super::write::Write;

/// Number of times that a leader's election renews its lease in a slice before the operation ends.
const RENEWALS: u32 = 10;

/// An operation of several writes. Other operations may change its Service between two of them.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Replaces these pods one by one.
    Rollout { service: u32, left: Vec<u32>, step: Replacement },
    /// Ends all pods at once.
    ScaleToZero { service: u32, terminating: bool },
    /// Starts so many pods, which become ready one by one.
    ScaleUp { service: u32, pods: Vec<u32>, added: bool },
    /// Changes nothing but metadata of a slice.
    Election { service: u32, left: u32 },
    /// Edits a Service.
    Edit { service: u32 },
    /// Deletes these Services one by one, then creates them again.
    Namespace { services: Range<u32>, next: u32, deleted: bool },
}

/// The next step in the replacement of a pod.
#[derive(Clone, Copy, Debug)]
pub(super) enum Replacement {
    Start,
    BecomeReady(u32),
    Terminate,
    End,
}

impl Operation {
    /// Some operation on a Service; one on a namespace is rare.
    pub(super) fn choose(random: &mut Random, state: &ClusterState, service: u32) -> Self {
        let pods = || state.workload(service).pods().map(|pod| pod.number).collect();
        match random.below(100) {
            0..45 => Self::Rollout { service, left: pods(), step: Replacement::Start },
            45..60 => Self::ScaleToZero { service, terminating: false },
            60..75 => Self::ScaleUp { service, pods: Vec::new(), added: false },
            75..89 => Self::Election { service, left: RENEWALS },
            89..99 => Self::Edit { service },
            _ => {
                let services = state.fleet().neighbours(service);
                Self::Namespace { next: services.start, services, deleted: false }
            }
        }
    }

    /// The operation's next writes; none when it has ended, or when another operation has made it pointless.
    pub(super) fn advance(&mut self, state: &mut ClusterState) -> Vec<Write> {
        match self {
            Self::Namespace { services, next, deleted } => namespace(state, services, next, deleted),
            Self::Rollout { service, .. }
            | Self::ScaleToZero { service, .. }
            | Self::ScaleUp { service, .. }
            | Self::Election { service, .. }
            | Self::Edit { service }
                if !state.workload(*service).exists =>
            {
                Vec::new()
            }
            Self::Rollout { service, left, step } => roll_out(state, *service, left, step),
            Self::ScaleToZero { service, terminating } => scale_to_zero(state, *service, terminating),
            Self::ScaleUp { service, pods, added } => scale_up(state, *service, pods, added),
            Self::Election { service, left } => elect(state, *service, left),
            Self::Edit { service } => edit(state, *service),
        }
    }
}

/// A new pod starts, becomes ready, and only then the old one ends: as with `maxSurge: 1, maxUnavailable: 0`.
fn roll_out(
    state: &mut ClusterState,
    service: u32,
    left: &mut Vec<u32>,
    step: &mut Replacement,
) -> Vec<Write> {
    let Some(&old) = left.last() else { return Vec::new() };
    let number = match *step {
        Replacement::Start => state.new_pod(),
        Replacement::BecomeReady(new) => new,
        Replacement::Terminate | Replacement::End => old,
    };
    let workload = state.workload_mut(service);
    let (slice, next) = match *step {
        Replacement::Start => {
            (Some(workload.add(Pod { number, phase: Phase::Starting })), Replacement::BecomeReady(number))
        }
        Replacement::BecomeReady(_) => (workload.set_phase(number, Phase::Ready), Replacement::Terminate),
        Replacement::Terminate => (workload.set_phase(number, Phase::Terminating), Replacement::End),
        Replacement::End => {
            left.pop();
            (workload.remove(number), Replacement::Start)
        }
    };
    *step = next;
    slice.map(|slice| workload.write_slice(slice)).unwrap_or_default()
}

fn scale_to_zero(state: &mut ClusterState, service: u32, terminating: &mut bool) -> Vec<Write> {
    let workload = state.workload_mut(service);
    let pods: Vec<Pod> = workload.pods().collect();
    if pods.is_empty() {
        return Vec::new();
    }
    if std::mem::replace(terminating, true) {
        for pod in pods {
            workload.remove(pod.number);
        }
    } else {
        for pod in pods {
            workload.set_phase(pod.number, Phase::Terminating);
        }
    }
    workload.write_slices()
}

fn scale_up(state: &mut ClusterState, service: u32, pods: &mut Vec<u32>, added: &mut bool) -> Vec<Write> {
    if !std::mem::replace(added, true) {
        let wanted = state.fleet().endpoints as usize;
        let missing = wanted.saturating_sub(state.workload(service).pods().count());
        pods.extend((0..missing).map(|_| state.new_pod()));
        let workload = state.workload_mut(service);
        for &number in &*pods {
            workload.add(Pod { number, phase: Phase::Starting });
        }
        return if pods.is_empty() { Vec::new() } else { workload.write_slices() };
    }
    let Some(number) = pods.pop() else { return Vec::new() };
    let workload = state.workload_mut(service);
    let slice = workload.set_phase(number, Phase::Ready);
    slice.map(|slice| workload.write_slice(slice)).unwrap_or_default()
}

fn elect(state: &mut ClusterState, service: u32, left: &mut u32) -> Vec<Write> {
    match left.checked_sub(1) {
        Some(fewer) => {
            *left = fewer;
            state.workload_mut(service).write_slices()
        }
        None => Vec::new(),
    }
}

fn edit(state: &mut ClusterState, service: u32) -> Vec<Write> {
    let workload = state.workload_mut(service);
    workload.edits += 1;
    vec![Write::Apply(workload.service())]
}

fn namespace(
    state: &mut ClusterState,
    services: &Range<u32>,
    next: &mut u32,
    deleted: &mut bool,
) -> Vec<Write> {
    if *next == services.end {
        if std::mem::replace(deleted, true) {
            return Vec::new();
        }
        *next = services.start;
    }
    let service = *next;
    *next += 1;
    let workload = state.workload_mut(service);
    match (*deleted, workload.exists) {
        (false, true) => workload.delete(),
        (true, false) => {
            workload.exists = true;
            workload.objects().into_iter().map(Write::Apply).collect()
        }
        // Somebody else does the same to this namespace.
        _ => namespace(state, services, next, deleted),
    }
}
