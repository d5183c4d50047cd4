//! What do users and controllers do to a Service, write by write?

use std::ops::Range;

use super::churn::Churn;
use super::pod::{Phase, Pod};
use super::random::Random;
use super::write::Write;

/// How often a leader's election renews its lease in a slice before it does something else.
const RENEWALS: u32 = 10;

/// Something that takes several writes. Others may change the same Service between two of them.
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

/// How far the replacement of a pod is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Replacement {
    Start,
    BecomeReady(u32),
    Terminate,
    End,
}

impl Operation {
    /// Some operation on a Service; one on a namespace is rare.
    pub(super) fn choose(random: &mut Random, churn: &Churn, service: u32) -> Self {
        let pods = || churn.workload(service).pods().map(|pod| pod.number).collect();
        match random.below(100) {
            0..45 => Self::Rollout { service, left: pods(), step: Replacement::Start },
            45..60 => Self::ScaleToZero { service, terminating: false },
            60..75 => Self::ScaleUp { service, pods: Vec::new(), added: false },
            75..89 => Self::Election { service, left: RENEWALS },
            89..99 => Self::Edit { service },
            _ => {
                let services = churn.fleet().neighbours(service);
                Self::Namespace { next: services.start, services, deleted: false }
            }
        }
    }

    /// Its next writes; none when it has ended, or somebody else has made it pointless.
    pub(super) fn advance(&mut self, churn: &mut Churn) -> Vec<Write> {
        match self {
            Self::Namespace { services, next, deleted } => namespace(churn, services, next, deleted),
            Self::Rollout { service, .. }
            | Self::ScaleToZero { service, .. }
            | Self::ScaleUp { service, .. }
            | Self::Election { service, .. }
            | Self::Edit { service }
                if !churn.workload(*service).exists =>
            {
                Vec::new()
            }
            Self::Rollout { service, left, step } => roll_out(churn, *service, left, step),
            Self::ScaleToZero { service, terminating } => scale_to_zero(churn, *service, terminating),
            Self::ScaleUp { service, pods, added } => scale_up(churn, *service, pods, added),
            Self::Election { service, left } => elect(churn, *service, left),
            Self::Edit { service } => edit(churn, *service),
        }
    }
}

/// A new pod starts, becomes ready, and only then the old one ends: as with `maxSurge: 1, maxUnavailable: 0`.
fn roll_out(churn: &mut Churn, service: u32, left: &mut Vec<u32>, step: &mut Replacement) -> Vec<Write> {
    let Some(&old) = left.last() else { return Vec::new() };
    let number = match *step {
        Replacement::Start => churn.new_pod(),
        Replacement::BecomeReady(new) => new,
        Replacement::Terminate | Replacement::End => old,
    };
    let workload = churn.workload_mut(service);
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

fn scale_to_zero(churn: &mut Churn, service: u32, terminating: &mut bool) -> Vec<Write> {
    let workload = churn.workload_mut(service);
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

fn scale_up(churn: &mut Churn, service: u32, pods: &mut Vec<u32>, added: &mut bool) -> Vec<Write> {
    if !std::mem::replace(added, true) {
        let wanted = churn.fleet().endpoints as usize;
        let missing = wanted.saturating_sub(churn.workload(service).pods().count());
        pods.extend((0..missing).map(|_| churn.new_pod()));
        let workload = churn.workload_mut(service);
        for &number in &*pods {
            workload.add(Pod { number, phase: Phase::Starting });
        }
        return if pods.is_empty() { Vec::new() } else { workload.write_slices() };
    }
    let Some(number) = pods.pop() else { return Vec::new() };
    let workload = churn.workload_mut(service);
    let slice = workload.set_phase(number, Phase::Ready);
    slice.map(|slice| workload.write_slice(slice)).unwrap_or_default()
}

fn elect(churn: &mut Churn, service: u32, left: &mut u32) -> Vec<Write> {
    match left.checked_sub(1) {
        Some(fewer) => {
            *left = fewer;
            churn.workload_mut(service).write_slices()
        }
        None => Vec::new(),
    }
}

fn edit(churn: &mut Churn, service: u32) -> Vec<Write> {
    let workload = churn.workload_mut(service);
    workload.edits += 1;
    vec![Write::Apply(workload.service())]
}

fn namespace(churn: &mut Churn, services: &Range<u32>, next: &mut u32, deleted: &mut bool) -> Vec<Write> {
    if *next == services.end {
        if std::mem::replace(deleted, true) {
            return Vec::new();
        }
        *next = services.start;
    }
    let service = *next;
    *next += 1;
    let workload = churn.workload_mut(service);
    match (*deleted, workload.exists) {
        (false, true) => workload.delete(),
        (true, false) => {
            workload.exists = true;
            workload.objects().into_iter().map(Write::Apply).collect()
        }
        // Somebody else does the same to this namespace.
        _ => namespace(churn, services, next, deleted),
    }
}
