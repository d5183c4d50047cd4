//! From where does the admin side know what it tells?

pub(super) mod explaining;
pub(super) mod frontends;
pub(super) mod knowledge;
pub(super) mod last_paths;
pub(super) mod leases;
pub(super) mod metrics_page;
pub(super) mod override_form;
pub(super) mod overview;
pub(super) mod paths;
