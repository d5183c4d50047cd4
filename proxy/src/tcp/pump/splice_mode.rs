//! Are the bytes of one direction copied or spliced?
//!
//! A copy costs by the byte, a splice by the call. Which is cheaper depends on how much a read brings, and that changes
//! while a connection lives: it is learned from the reads, again and again.

/// Bytes of a large read: from here on splicing was measured to be cheaper.
const MIN_SPLICE_BYTES: usize = 32 * 1024;

/// Reads in a row of the other kind that change the mode.
const STREAK_READS: u8 = 4;

/// Whether a direction copies its bytes, as at first, or splices them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpliceMode {
    spliced: bool,
    /// Reads in a row that speak for the other mode.
    against: u8,
}

impl SpliceMode {
    /// Whether the next read is spliced.
    pub(super) fn is_spliced(self) -> bool {
        self.spliced
    }

    /// Learns from a read that brought `length` bytes.
    pub(super) fn learn(&mut self, length: usize) {
        if (length >= MIN_SPLICE_BYTES) == self.spliced {
            self.against = 0;
            return;
        }
        self.against += 1;
        if self.against == STREAK_READS {
            *self = Self { spliced: !self.spliced, against: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(reads: &[usize]) -> bool {
        let mut splice_mode = SpliceMode::default();
        reads.iter().for_each(|&length| splice_mode.learn(length));
        splice_mode.is_spliced()
    }

    #[test]
    fn large_reads_in_a_row_are_spliced_from_then_on() {
        assert!(!after(&[MIN_SPLICE_BYTES, MIN_SPLICE_BYTES, MIN_SPLICE_BYTES]));
        assert!(after(&[MIN_SPLICE_BYTES, MIN_SPLICE_BYTES, MIN_SPLICE_BYTES, MIN_SPLICE_BYTES]));
        assert!(
            !after(&[
                MIN_SPLICE_BYTES,
                MIN_SPLICE_BYTES,
                MIN_SPLICE_BYTES,
                MIN_SPLICE_BYTES - 1,
                MIN_SPLICE_BYTES
            ]),
            "a small one in between starts the count anew"
        );
    }

    #[test]
    fn small_reads_in_a_row_are_copied_again() {
        let large = [MIN_SPLICE_BYTES; STREAK_READS as usize];
        assert!(after(&[&large[..], &[1, 1, 1]].concat()));
        assert!(!after(&[&large[..], &[1, 1, 1, 1]].concat()));
        assert!(after(&[&large[..], &[1, 1, 1, MIN_SPLICE_BYTES, 1, 1, 1]].concat()));
        assert!(after(&[&large[..], &[1, 1, 1, 1], &large[..]].concat()));
    }
}
