//! How are all objects read, once?

use crate::cli::{ObjectOptions, ObjectSource};
use anyhow::Context;
use std::time::Duration;
use tokio::runtime::Builder;
use weir_control::{Loaded, load_api_server, load_manifests};
use weir_core::{ServicePort, Shortage, Traffic};

/// Longest time that an API server gets for all its lists.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that a credential plugin which waits for somebody may delay the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);

/// Reads all objects. Blocks.
pub(crate) fn load(options: &ObjectOptions) -> anyhow::Result<Loaded> {
    let source = match &options.source {
        ObjectSource::Manifests(paths) => return Ok(load_manifests(paths, &options.scope)?),
        ObjectSource::ApiServer(source) => source.clone(),
    };
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let loaded = runtime.block_on(load_api_server(source, &options.scope, LIST_TIMEOUT));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    let mut loaded = loaded?;
    let node = &loaded.snapshot.node;
    if !node.known && !node.name.is_empty() {
        let note = "is not known to the API server: no endpoint counts as local, and hints are not followed; \
                    name one with --node-name";
        loaded.notes.push(format!("node {:?} {note}", &*node.name));
    }
    Ok(loaded)
}

/// Reason why a Service port has no endpoint for a kind of traffic, as a sentence; `None` if it has one.
pub(crate) fn shortage(loaded: &Loaded, port: &ServicePort, traffic: Traffic) -> Option<String> {
    let service = &port.key.service;
    let (slices, refused) = (loaded.state.slices_of(service), loaded.refused(service));
    Shortage::of(port, traffic, slices, refused, &loaded.snapshot.node).map(|shortage| shortage.to_string())
}
