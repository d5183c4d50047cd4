//! Does an endpoint end connections at once without having sent a byte, while its siblings do not?
//!
//! Such an endpoint always has few connections and accepts fast, so that it looks like the best of all. But a Service whose
//! endpoints all do so, as for port scanners or protocols where the server ends first, is in order: an endpoint is an outlier
//! only beside siblings that serve.

use std::time::Duration;

/// Time after accepting within which an end without a byte counts as one at once.
pub const MAX_END_AT_ONCE: Duration = Duration::from_millis(100);

/// Ends at once in a row from which on an endpoint may be an outlier: one more for each connection that it served lately, up
/// to the longest row.
const MIN_ENDS_TO_SUSPECT: u8 = 3;

/// Ends at once in a row that are counted.
const MAX_ENDS_IN_A_ROW: u8 = 8;

/// Connections that are looked back at: with as many, the older ones count half.
const MAX_ENDS: u8 = 16;

/// Connections that siblings must have served for an endpoint to be an outlier beside them.
const MIN_SERVED_BY_SIBLINGS: u32 = 3;

/// How the last connections to one endpoint went. Small enough for an atomic word. Connections that a client ended first
/// are not counted: they say nothing about the endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndRecord {
    /// Connections in a row that the endpoint ended at once without a byte, up to [`MAX_ENDS_IN_A_ROW`].
    in_a_row: u8,
    /// Connections that the endpoint ended at once without a byte.
    at_once: u8,
    /// Connections over which the endpoint sent a byte, or that lasted.
    served: u8,
}

impl EndRecord {
    /// The record after a connection that the endpoint ended at once without a byte.
    #[must_use]
    pub fn ended_at_once(self) -> Self {
        let Self { in_a_row, at_once, served } = self.fade();
        Self { in_a_row: (in_a_row + 1).min(MAX_ENDS_IN_A_ROW), at_once: at_once + 1, served }
    }

    /// The record after the endpoint sent a byte over a connection, or the connection lasted.
    #[must_use]
    pub fn served(self) -> Self {
        if self.is_settled() {
            return self;
        }
        let Self { at_once, served, .. } = self.fade();
        Self { in_a_row: 0, at_once, served: served + 1 }
    }

    fn fade(self) -> Self {
        let is_full = self.at_once + self.served >= MAX_ENDS;
        if is_full { Self { at_once: self.at_once / 2, served: self.served / 2, ..self } } else { self }
    }

    /// Whether one more connection that is served changes nothing.
    pub fn is_settled(self) -> bool {
        self.at_once == 0 && self.served == MAX_ENDS
    }

    /// Connections in a row, up to three, that the endpoint ended at once without a byte.
    pub fn in_a_row(self) -> u8 {
        self.in_a_row.min(MIN_ENDS_TO_SUSPECT)
    }

    /// Whether the endpoint is an outlier beside siblings that serve.
    pub fn is_suspect(self) -> bool {
        self.in_a_row >= MAX_ENDS_IN_A_ROW.min(MIN_ENDS_TO_SUSPECT + self.served)
    }
}

/// Whether these endpoints serve, so that one that ends connections at once is an outlier among them: apart from other
/// suspects they ended at most a quarter of their connections at once.
pub(crate) fn do_serve(siblings: impl Iterator<Item = EndRecord>) -> bool {
    let others = siblings.filter(|record| !record.is_suspect());
    let (served, at_once) = others.fold((0, 0), |(served, at_once), record| {
        (served + u32::from(record.served), at_once + u32::from(record.at_once))
    });
    served >= MIN_SERVED_BY_SIBLINGS && served >= 3 * at_once
}

/// Packs a record into one word.
impl From<EndRecord> for u32 {
    fn from(record: EndRecord) -> Self {
        Self::from_le_bytes([record.in_a_row, record.at_once, record.served, 0])
    }
}

impl From<u32> for EndRecord {
    fn from(word: u32) -> Self {
        let [in_a_row, at_once, served, _] = word.to_le_bytes();
        Self { in_a_row, at_once, served }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The record after connections that were served (`s`) or ended at once (`e`).
    fn after(connections: &str) -> EndRecord {
        connections.chars().fold(EndRecord::default(), |record, how| match how {
            's' => record.served(),
            _ => record.ended_at_once(),
        })
    }

    #[test]
    fn three_ends_at_once_in_a_row_make_a_newcomer_suspect_and_a_served_connection_starts_over() {
        assert!(!after("ee").is_suspect() && after("eee").is_suspect());
        assert!(!after("eese").is_suspect() && !after("eees").is_suspect());
        assert!(!after("seee").is_suspect() && after("seeee").is_suspect());
    }

    #[test]
    fn an_endpoint_that_served_long_is_suspect_after_eight_ends_at_once() {
        let served = "s".repeat(1000);
        assert!(!after(&format!("{served}eeeeeee")).is_suspect());
        assert!(after(&format!("{served}eeeeeeee")).is_suspect());
        assert!(!after(&"sssse".repeat(100)).is_suspect(), "clients that it turns away now and then");
    }

    #[test]
    fn siblings_serve_if_few_of_their_connections_ended_at_once() {
        let serve = |siblings: &[&str]| do_serve(siblings.iter().map(|connections| after(connections)));
        assert!(serve(&["sss"]) && serve(&["s", "s", "s", "eee"]) && serve(&["ssse"]));
        assert!(!serve(&[]) && !serve(&["ss"]) && !serve(&["eee", "eee"]));
        assert!(!serve(&["sssee", "esesss"]), "they do so as well");
    }

    proptest! {
        #[test]
        fn whatever_happens_it_fits_a_word_and_counts_no_more_than_it_looks_back(
            connections in prop::collection::vec(any::<bool>(), 0..200),
        ) {
            let mut record = EndRecord::default();
            for served in connections {
                record = if served { record.served() } else { record.ended_at_once() };
                prop_assert_eq!(EndRecord::from(u32::from(record)), record);
                prop_assert!(record.at_once + record.served <= MAX_ENDS);
            }
        }
    }
}
