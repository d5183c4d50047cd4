//! Which reasons do Events have, and whom does each concern?

use std::fmt;

/// Reason of an Event about a Service: one word for the log and for Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventReason {
    /// An annotation of weir's is unknown or has a value of no use.
    AnnotationIgnored,
    /// Another field has a value of no use.
    FieldIgnored,
    /// The Service as a whole cannot be used; its last usable form stays in force.
    ServiceRefused,
    /// An external IP, a load-balancer IP or a cluster IP is not served (guards).
    AddressRefused,
    /// An endpoint is not dialled (guards).
    EndpointRefused,
    /// An address is one of the node's own and is refused there (guards).
    NodeAddressRefused,
    /// A port is not served because of its protocol, SCTP.
    ProtocolNotServed,
    /// The sockets of a frontend cannot be opened on a node.
    FrontendNotBound,
    /// No endpoint of a port works.
    EndpointsFailing,
    /// Endpoints work again.
    EndpointsWork,
}

/// Who writes an Event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventWriter {
    /// One node of the cluster: every node knows the cause.
    OneNode,
    /// Whichever node sees the cause, once for all of them.
    AnyNode,
    /// Each node where the cause is, for itself.
    EachNode,
}

impl EventReason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::AnnotationIgnored,
        Self::FieldIgnored,
        Self::ServiceRefused,
        Self::AddressRefused,
        Self::EndpointRefused,
        Self::NodeAddressRefused,
        Self::ProtocolNotServed,
        Self::FrontendNotBound,
        Self::EndpointsFailing,
        Self::EndpointsWork,
    ];

    /// Word in Events and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnnotationIgnored => "AnnotationIgnored",
            Self::FieldIgnored => "FieldIgnored",
            Self::ServiceRefused => "ServiceRefused",
            Self::AddressRefused => "AddressRefused",
            Self::EndpointRefused => "EndpointRefused",
            Self::NodeAddressRefused => "NodeAddressRefused",
            Self::ProtocolNotServed => "ProtocolNotServed",
            Self::FrontendNotBound => "FrontendNotBound",
            Self::EndpointsFailing => "EndpointsFailing",
            Self::EndpointsWork => "EndpointsWork",
        }
    }

    /// What weir was doing, the `action` of Events.
    pub fn action(self) -> &'static str {
        match self {
            Self::AnnotationIgnored | Self::FieldIgnored | Self::ServiceRefused => "ReadService",
            Self::AddressRefused | Self::EndpointRefused | Self::NodeAddressRefused => "GuardAddresses",
            Self::ProtocolNotServed | Self::FrontendNotBound => "ServeFrontend",
            Self::EndpointsFailing | Self::EndpointsWork => "ConnectEndpoints",
        }
    }

    /// Whether something is wrong: such Events are Warnings, the others are Normal.
    pub fn is_warning(self) -> bool {
        self != Self::EndpointsWork
    }

    /// Who writes Events with this reason.
    pub fn writer(self) -> EventWriter {
        match self {
            Self::AnnotationIgnored
            | Self::FieldIgnored
            | Self::ServiceRefused
            | Self::AddressRefused
            | Self::EndpointRefused
            | Self::ProtocolNotServed => EventWriter::OneNode,
            Self::EndpointsFailing | Self::EndpointsWork => EventWriter::AnyNode,
            Self::NodeAddressRefused | Self::FrontendNotBound => EventWriter::EachNode,
        }
    }

    /// Whether other words are another Event. What a Service's author writes changes by an edit, and the author wants to hear
    /// of each; endpoints and failures change all the time.
    pub(super) fn tells_words(self) -> bool {
        !matches!(
            self,
            Self::EndpointRefused
                | Self::NodeAddressRefused
                | Self::FrontendNotBound
                | Self::EndpointsFailing
                | Self::EndpointsWork
        )
    }

    /// Reason that says that this one is over, with its sentence.
    pub(super) fn end(self) -> Option<(Self, &'static str)> {
        (self == Self::EndpointsFailing)
            .then_some((Self::EndpointsWork, "the Service has a working endpoint again"))
    }
}

impl fmt::Display for EventReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
