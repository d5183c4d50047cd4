//! Which known word did the author mean?

use crate::model::MAX_TEXT_CHARS;

/// Words that are compared: a misspelt word beyond is shown no match.
const MAX_COMPARED: usize = 200;

/// Known word that is nearest to a word: a third of its characters may be wrong, missing or too many. Case does not
/// count. Of many words only the first 200 are looked at.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.is_empty() || word.len() > MAX_TEXT_CHARS {
        return None;
    }
    let word = word.to_lowercase();
    let distance = |known: &str| strsim::osa_distance(&word, &known.to_lowercase());
    let distances = known.iter().take(MAX_COMPARED).map(|&known| (distance(known), known));
    let (distance, known) = distances.min_by_key(|&(distance, _)| distance)?;
    (distance <= (known.chars().count() / 3).max(1)).then_some(known)
}

/// ` (did you mean "name"?)`, or nothing if no known word is near.
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    nearest(word, known).map(|known| format!(" (did you mean {known:?}?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_a_slip_of_the_pen_is_found_and_another_word_is_not() {
        let known = ["ports", "clusterIP", "clusterIPs", "selector", "IPv4"];
        let found = ["prots", "clusterip", "clusterIPS", "selectors", "ipv4", "replicas", "", "x"];
        let expected = [
            Some("ports"),
            Some("clusterIP"),
            Some("clusterIPs"),
            Some("selector"),
            Some("IPv4"),
            None,
            None,
            None,
        ];
        assert_eq!(found.map(|word| nearest(word, &known)), expected);
        assert_eq!(nearest(&"x".repeat(1 << 20), &known), None);
    }
}
