//! How fast do counters grow? From two answers of the server, by its own clock.

use std::collections::HashMap;

/// Counters of an item.
type Totals = [u64; 4];

/// Growth of counters a second, for the items of the last answer.
#[derive(Clone, Debug, Default)]
pub(in crate::commands::top) struct Rates {
    /// Time of the last answer, in seconds.
    at: f64,
    totals: HashMap<String, Totals>,
    rates: HashMap<String, [f64; 4]>,
}

impl Rates {
    /// Takes an answer. One of the same time as the last tells nothing new.
    pub(super) fn update(&mut self, at: f64, totals: impl Iterator<Item = (String, Totals)>) {
        let seconds = at - self.at;
        let totals: HashMap<String, Totals> = totals.collect();
        // A NaN is no time either.
        if seconds > 0.0 {
            let before = &self.totals;
            let rate = |(key, now): (&String, &Totals)| {
                let before = before.get(key)?;
                // A counter that went back has begun anew.
                let grown = |index: usize| now[index].checked_sub(before[index]);
                let [a, b, c, d] = [grown(0)?, grown(1)?, grown(2)?, grown(3)?];
                #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
                Some((key.clone(), [a, b, c, d].map(|grown| grown as f64 / seconds)))
            };
            self.rates = totals.iter().filter_map(rate).collect();
            self.at = at;
            self.totals = totals;
        } else if seconds == 0.0 {
            // Another page of the same moment.
            self.totals.extend(totals);
        } else {
            *self = Self { at, totals, rates: HashMap::new() };
        }
    }

    /// Growth of an item's counter a second; `None` before its second answer.
    pub(in crate::commands::top) fn of(&self, key: &str, counter: usize) -> Option<f64> {
        self.rates.get(key)?.get(counter).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rates: &mut Rates, at: f64, key: &str, total: u64) {
        rates.update(at, [(key.to_owned(), [total, 0, 0, 0])].into_iter());
    }

    #[test]
    fn a_rate_follows_from_two_answers_by_the_clock_of_the_server() {
        let mut rates = Rates::default();
        answer(&mut rates, 100.0, "a", 10);
        assert_eq!(rates.of("a", 0), None);
        answer(&mut rates, 102.0, "a", 20);
        assert_eq!(rates.of("a", 0), Some(5.0));
        answer(&mut rates, 102.0, "a", 20);
        assert_eq!(rates.of("a", 0), Some(5.0), "the same moment again");
    }

    #[test]
    fn a_counter_or_a_clock_that_goes_back_has_no_rate() {
        let mut rates = Rates::default();
        answer(&mut rates, 100.0, "a", 10);
        answer(&mut rates, 101.0, "a", 3);
        assert_eq!(rates.of("a", 0), None);
        answer(&mut rates, 102.0, "a", 4);
        assert_eq!(rates.of("a", 0), Some(1.0));
        answer(&mut rates, 50.0, "a", 9);
        assert_eq!(rates.of("a", 0), None);
        answer(&mut rates, 51.0, "b", 9);
        assert_eq!((rates.of("a", 0), rates.of("b", 0), rates.totals.len()), (None, None, 1));
    }
}
