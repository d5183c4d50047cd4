//! Who gets how much of what is limited?

pub(crate) mod admission;
pub(crate) mod descriptor_budget;
pub(crate) mod service_usage;
