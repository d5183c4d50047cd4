//! What is written to the API server?

use std::io;

use serde_json::Value;

use crate::{ApiServer, Resource};

/// A request that changes the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Creates or replaces an object.
    Apply(Value),
    /// Deletes the object of this namespace and name.
    Delete(Resource, String, String),
}

impl Write {
    /// Sends the request to a test API server.
    ///
    /// # Errors
    /// `InvalidInput` when the server does not have the object's resource, or the object to be deleted.
    pub fn apply(self, server: &ApiServer) -> io::Result<()> {
        match self {
            Self::Apply(object) => server.apply(object).map(drop),
            Self::Delete(resource, namespace, name) if server.delete(resource, &namespace, &name) => Ok(()),
            Self::Delete(resource, namespace, name) => {
                let message = format!("there is no {} {namespace}/{name} to delete", resource.kind());
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
        }
    }
}
