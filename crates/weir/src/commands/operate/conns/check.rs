//! Does a list have nothing because nobody is connected, or because a name is misspelt?

use crate::{
    cli::{ConnectionState, ConnsOptions},
    client::Client,
    commands::operate::known::{check_endpoint, check_service, note_selector},
};

/// Refuses names of which the weir knows nothing.
pub(super) async fn check(client: &Client, options: &ConnsOptions) -> anyhow::Result<()> {
    check_service(client, options.namespace.as_deref(), options.service.as_ref()).await?;
    // Those of closed connections may be gone, which is no mistake.
    if options.state == ConnectionState::Live {
        check_endpoint(client, options.endpoint.as_deref(), options.node.as_deref()).await?;
    }
    note_selector(client, options.selector.as_deref()).await
}
