//! Which lists may clients still fetch pages of?

use std::collections::VecDeque;
use std::sync::Arc;

use super::object::Object;
use crate::api_server::status::Failure;

/// The most lists kept: a client that never fetches its last page must not hold its list for ever.
const LISTS_KEPT: usize = 16;

/// Lists of which clients may still fetch pages. Every page shows the moment of the first one.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    next: u64,
    kept: VecDeque<(u64, Arc<Listed>)>,
}

/// The selected objects at one moment.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) version: u64,
    pub(crate) objects: Vec<Arc<Object>>,
    pub(crate) everything: bool,
}

impl Pages {
    pub(crate) fn keep(&mut self, listed: Arc<Listed>) -> u64 {
        if self.kept.len() == LISTS_KEPT {
            self.kept.pop_front();
        }
        let number = self.number();
        self.kept.push_back((number, listed));
        number
    }

    /// A number that was never given.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Expires every continue token.
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
    }

    /// Finds a list and the position in the list by a token, which holds the number of the list and the position.
    pub(crate) fn find(&self, token: &str) -> Result<(u64, usize, Arc<Listed>), Failure> {
        let invalid = || Failure::bad_request("continue key is not valid");
        let (number, offset) = token.split_once('-').ok_or_else(invalid)?;
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let offset = offset.parse().map_err(|_| invalid())?;
        let kept = self.kept.iter().find(|(kept, _)| *kept == number);
        let (_, listed) = kept.ok_or_else(Failure::continue_expired)?;
        Ok((number, offset, Arc::clone(listed)))
    }
}
