//! How do rules, routes and interfaces go when weir ends and nothing of it shall stay?

use super::Capture;
use crate::{
    Error,
    nft::{OWNER_CHAIN, TABLE, TABLE_NAME, program},
    ownership::TableOwner,
};
use weir_core::Family;

impl Capture {
    /// Removes the rules and routes, unless another weir has taken over. A change of the rules that was dropped midway
    /// does no harm: the table is there as before it, or not at all.
    ///
    /// # Errors
    /// When rules or routes could not be removed.
    pub async fn remove(self) -> Result<(), Error> {
        if self.superseded || self.desired.is_none() {
            return Ok(());
        }
        let script = format!("flush chain {TABLE} {OWNER_CHAIN}{}\ndelete table {TABLE}\n", self.owner);
        if let Err(error) = program::run_transaction(&script).await.outcome {
            let listing = program::query(&["-t", "list", "table", "inet", TABLE_NAME]).await;
            match listing.as_deref().map(TableOwner::of_listing) {
                // No table: weir ends before its first one was complete, or somebody was faster.
                Err(Error::Refused(_)) => {}
                // The table of another weir, which needs the routes.
                Ok(Some(owner)) if owner != self.owner => return Ok(()),
                _ => return Err(error),
            }
        }
        for family in Family::ALL {
            self.routes.remove(family).await?;
        }
        self.routes.remove_pair().await?;
        Ok(())
    }
}
