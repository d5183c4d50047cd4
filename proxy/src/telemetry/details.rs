//! Does anybody want to see single endpoints at this moment?

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Switch that is on while somebody holds a [`WantedDetails`], shared by all clones. The admin API holds one for each lease
/// of a viewer; scrapes show single endpoints meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Details(Arc<AtomicUsize>);

/// Keeps [`Details`] on until dropped.
#[derive(Debug)]
pub struct WantedDetails(Details);

impl Details {
    /// Switches details on until the guard is dropped.
    pub fn want(&self) -> WantedDetails {
        self.0.fetch_add(1, Relaxed);
        WantedDetails(self.clone())
    }

    /// Whether anybody wants details.
    pub fn are_wanted(&self) -> bool {
        self.0.load(Relaxed) > 0
    }
}

impl Drop for WantedDetails {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_wanted_until_the_last_guard_is_dropped() {
        let details = Details::default();
        assert!(!details.are_wanted());
        let (first, second) = (details.want(), details.clone().want());
        drop(first);
        assert!(details.are_wanted());
        drop(second);
        assert!(!details.are_wanted());
    }
}
