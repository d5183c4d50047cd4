//! What do identity, labels and optional names say, whether or not they are there?

use crate::{Kind, ObjectKey};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{collections::BTreeMap, sync::Arc};

/// Key of an object of a kind. Services and EndpointSlices without a namespace are in `default`.
pub(crate) fn key(kind: Kind, metadata: &ObjectMeta) -> ObjectKey {
    let namespaced = matches!(kind, Kind::Service | Kind::EndpointSlice);
    let namespace = metadata.namespace.as_deref().unwrap_or(if namespaced { "default" } else { "" });
    ObjectKey::new(kind, namespace, metadata.name.as_deref().unwrap_or_default())
}

pub(super) fn labels(metadata: &ObjectMeta) -> &BTreeMap<String, String> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    metadata.labels.as_ref().unwrap_or(&NONE)
}

pub(super) fn text(value: Option<&str>) -> Arc<str> {
    value.unwrap_or_default().into()
}
