//! What is wrong with a Service, as reason and sentence? The sentences are those of the log.

use crate::{Problem, Refusals};
use std::{collections::BTreeMap, sync::Arc};
use weir_core::{
    EventReason, Protocol, ResolvedService, Sentences,
    guards::{Refusal, Role},
};

/// Sentences by reason.
pub(super) type ByReason = BTreeMap<EventReason, Sentences>;

/// Subject of what is said of the whole object after everything else.
const LAST: &str = "~";

/// Reasons of what is wrong with the object of a Service.
pub(super) const OF_OBJECTS: [EventReason; 3] =
    [EventReason::AnnotationIgnored, EventReason::FieldIgnored, EventReason::ServiceRefused];

/// Reasons of addresses that guards refuse.
pub(super) const OF_GUARDS: [EventReason; 3] =
    [EventReason::AddressRefused, EventReason::EndpointRefused, EventReason::NodeAddressRefused];

/// Reason of the Event about a problem with a Service; `None` for one that is left out although nothing is wrong.
pub(crate) fn reason_of(problem: &Problem) -> Option<EventReason> {
    match problem {
        Problem { left_out: Some(_), .. } => None,
        Problem { refused: true, .. } => Some(EventReason::ServiceRefused),
        Problem { field, .. } if field.starts_with("metadata.annotations[") => {
            Some(EventReason::AnnotationIgnored)
        }
        _ => Some(EventReason::FieldIgnored),
    }
}

/// Reason of the Event about an address that guards refuse.
pub(crate) fn reason_of_refusal(role: Role, refusal: Refusal) -> EventReason {
    match (role, refusal) {
        // Other nodes have other addresses.
        (_, Refusal::Node) => EventReason::NodeAddressRefused,
        (Role::Endpoint, _) => EventReason::EndpointRefused,
        (Role::Frontend | Role::LoadBalancerIp, _) => EventReason::AddressRefused,
    }
}

/// What is wrong with the object of a Service.
pub(super) fn of_problems(problems: &[Problem]) -> ByReason {
    let mut found = ByReason::new();
    for problem in problems {
        let Some(reason) = reason_of(problem) else { continue };
        let Problem { field, message, refused, .. } = problem;
        let (subject, sentence) = match &**field {
            "" if *refused => ("", message.clone()),
            "" => (LAST, message.clone()),
            field => (field, format!("{field}: {message}")),
        };
        found.entry(reason).or_default().insert(subject.into(), sentence.into());
    }
    found
}

/// Which addresses of a Service are refused.
pub(super) fn of_refusals(refusals: &Refusals) -> ByReason {
    let mut found = ByReason::new();
    for ((role, refusal), Problem { field, message, .. }) in refusals.problems() {
        let subject: Arc<str> = format!("{field} {refusal}").into();
        let sentence: Arc<str> = format!("{field}: {message}").into();
        found.entry(reason_of_refusal(role, refusal)).or_default().insert(subject, sentence);
    }
    found
}

/// Which ports of a Service are not served because of their protocol.
pub(super) fn of_protocols(service: &ResolvedService) -> Sentences {
    let ports = service.ports.iter().filter(|port| port.key.protocol == Protocol::Sctp);
    let sentence = |port: &str| format!("{port} is not served: weir does not relay SCTP").into();
    ports.map(|port| (port.key.name.clone(), sentence(&port.key.to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LeftOut;

    #[test]
    fn each_problem_has_one_reason_and_what_is_as_its_author_wants_it_has_none() {
        let problem = |field: &str| Problem::new("Service default/web", field, "is wrong");
        let problems = [
            problem("metadata.annotations[weir.dev/policy]"),
            problem("spec.externalIPs[3]"),
            Problem { refused: true, ..problem("spec.ports[0].port") },
            Problem { left_out: Some(LeftOut::Headless), ..problem("spec.clusterIP") },
            Problem::more("Service default/web", 7),
        ];
        let found = of_problems(&problems);
        let first = |reason| &**found[&reason].values().next().unwrap();
        assert_eq!(first(EventReason::AnnotationIgnored), "metadata.annotations[weir.dev/policy]: is wrong");
        assert_eq!(first(EventReason::FieldIgnored), "spec.externalIPs[3]: is wrong");
        assert_eq!(first(EventReason::ServiceRefused), "spec.ports[0].port: is wrong");
        assert_eq!(found.values().map(Sentences::len).sum::<usize>(), 4, "{found:?}");
    }
}
