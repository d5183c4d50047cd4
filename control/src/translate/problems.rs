//! What is wrong with an object? Collected during its translation, and bounded: one object may have 15,000 mistakes.

use super::nearest::did_you_mean;
use crate::{
    LeftOut, Problem,
    model::{quoted, shown},
};
use std::{fmt::Display, num::NonZeroU16};

/// Largest number of problems that are listed for one object. The others are counted.
const MAX_PROBLEMS: usize = 10;

/// Collector of what is wrong with one object.
#[derive(Debug)]
pub struct Problems {
    object: String,
    list: Vec<Problem>,
    /// Number of problems beyond those that are listed.
    more: usize,
}

impl Problems {
    /// Creates a collector for an object, such as `Service default/web`.
    pub(crate) fn of(object: impl Display) -> Self {
        Self { object: shown(object, 400), list: Vec::new(), more: 0 }
    }

    /// Creates a problem with one field, for which the object is refused.
    pub(crate) fn refusal(&self, field: impl Display, message: impl Display) -> Problem {
        Problem { refused: true, ..Problem::new(&self.object, field, message) }
    }

    /// Creates a problem for which the object as a whole is left out.
    pub(super) fn left_out(&self, reason: LeftOut, field: impl Display, message: impl Display) -> Problem {
        Problem { left_out: Some(reason), ..Problem::new(&self.object, field, message) }
    }

    /// Adds a problem with one field, which does not refuse the object.
    pub(crate) fn add(&mut self, field: impl Display, message: impl Display) {
        self.add_with(field, || message);
    }

    /// Adds a problem like [`add`](Self::add); its message is made only if it is listed.
    pub(crate) fn add_with<M: Display>(&mut self, field: impl Display, message: impl FnOnce() -> M) {
        match self.list.len() < MAX_PROBLEMS {
            true => self.list.push(Problem::new(&self.object, field, message())),
            false => self.more += 1,
        }
    }

    /// Adds a problem that concerns the whole object, and is listed in any case.
    pub(crate) fn add_first(&mut self, problem: Problem) {
        self.list.insert(0, problem);
        if self.list.len() > MAX_PROBLEMS {
            self.list.truncate(MAX_PROBLEMS);
            self.more += 1;
        }
    }

    /// Lists the problems: at most ten, and one that says how many more there are.
    pub(crate) fn list(mut self) -> Vec<Problem> {
        if self.more > 0 {
            self.list.push(Problem::more(&self.object, self.more));
        }
        self.list
    }

    /// Reads a required port.
    pub(super) fn port(&self, field: impl Display, value: i32) -> Result<NonZeroU16, Problem> {
        let port = u16::try_from(value).ok().and_then(NonZeroU16::new);
        port.ok_or_else(|| self.refusal(field, format_args!("{value} is not a port; ports are 1 to 65535")))
    }

    /// Reads an optional port; 0 means absent.
    pub(super) fn optional_port(
        &self,
        field: impl Display,
        value: Option<i32>,
    ) -> Result<Option<NonZeroU16>, Problem> {
        value.filter(|&value| value != 0).map(|value| self.port(field, value)).transpose()
    }

    /// Adds a problem if a word is none of those that the API knows. `effect` says what weir does then.
    pub(super) fn check_word(&mut self, field: &str, word: Option<&str>, known: &[&str], effect: &str) {
        let Some(word) = word.filter(|word| !word.is_empty() && !known.contains(word)) else { return };
        self.add_with(field, || {
            format!("{} is none of {}", quoted(word), known.join(", "))
                + &did_you_mean(word, known)
                + "; "
                + effect
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_problems_of_an_object_are_listed_and_the_others_counted_without_making_their_words() {
        let mut problems = Problems::of("Service default/web");
        let mut made = 0;
        for index in 0..15_000 {
            problems.add_with(format_args!("spec.externalIPs[{index}]"), || {
                made += 1;
                "is wrong"
            });
        }
        assert_eq!(made, 10);
        let list = problems.list();
        assert_eq!((list.len(), list.iter().map(|problem| problem.count).sum::<usize>()), (11, 15_000));
        assert_eq!(list[10].to_string(), "Service default/web: and 14,990 more problems with this object");
    }

    #[test]
    fn the_reason_why_an_object_is_refused_is_listed_in_any_case() {
        let mut problems = Problems::of("Service default/web");
        (0..10).for_each(|index| problems.add(index, "is wrong"));
        problems.add_first(problems.refusal("spec", "is refused"));
        let list = problems.list();
        assert!(list[0].refused && list.len() == 11 && list[10].count == 1, "{list:?}");
    }
}
