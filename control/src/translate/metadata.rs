//! What do labels and optional names say, whether or not they are there?

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn labels(metadata: &ObjectMeta) -> &BTreeMap<String, String> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    metadata.labels.as_ref().unwrap_or(&NONE)
}

pub(super) fn text(value: Option<&str>) -> Arc<str> {
    value.unwrap_or_default().into()
}
