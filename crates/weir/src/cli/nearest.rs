//! Which known word did somebody mean who mistyped one?

/// Similarity from 0 to 1 below which two words have nothing to do with each other.
const MIN_SIMILARITY: f64 = 0.7;

/// The known word that is most like `word`, if one is alike enough that it may have been meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro(&word, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > MIN_SIMILARITY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// The same as the end of a message: ` (did you mean "info"?)`, or nothing.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |meant| format!(" (did you mean {meant:?}?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_that_was_meant_and_nonsense_finds_none() {
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        for (slip, meant) in [("inof", "info"), ("DEBGU", "debug"), ("warning", "warn"), ("Eror", "error")] {
            assert_eq!(nearest(slip, levels), Some(meant), "{slip}");
        }
        assert_eq!(nearest("quiet", levels), None);
        assert_eq!(nearest("", levels), None);
        assert_eq!(hint("inof", levels), " (did you mean \"info\"?)");
        assert_eq!(hint("quiet", levels), "");
    }
}
