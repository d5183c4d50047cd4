//! What can be wrong with a Service, and in which words?

use super::reason::EventReason;
use crate::model::{Family, PortKey, ServiceKey};
use std::{collections::BTreeMap, sync::Arc};

/// What is wrong with one topic now: a sentence for each subject, such as an address.
pub type Sentences = BTreeMap<Arc<str>, Arc<str>>;

/// What is wrong with a Service, and with which part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingKey {
    /// The Service.
    pub service: ServiceKey,
    /// Reason of the Event.
    pub reason: EventReason,
    /// The part of the Service that this is about, such as an address: each has a sentence of its own.
    pub subject: Arc<str>,
}

impl FindingKey {
    /// Creates the key of what is wrong with a Service port in one family.
    pub fn of_port(port: &PortKey, family: Family, reason: EventReason) -> Self {
        let subject = format!("{}/{} {}", port.name, port.protocol, family.as_str()).into();
        Self { service: port.service.clone(), reason, subject }
    }
}

/// All that a data plane finds wrong with Services at one moment, each with a sentence.
pub type Findings = BTreeMap<FindingKey, Arc<str>>;
