//! Which name was meant, where nothing has the one that was given?

use std::fmt;
use weir_control::translate::nearest;
use weir_core::Printable;

/// Names that are told at most, where none is near.
const MAX_NAMES: usize = 10;

/// Names that are compared at a time: so many can be the nearest of their part.
const PART: usize = 100;

/// Error of a name on the command line that nothing has: wrong usage, with exit code 2.
#[derive(Debug)]
pub(crate) struct UnknownName(String);

impl UnknownName {
    /// Error that says what does not exist, and what was meant by `name`.
    pub(crate) fn new(what: impl fmt::Display, name: &str, known: &[&str]) -> Self {
        Self(format!("{what}{}", meant(name, known, "there are")))
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownName {}

/// Name that is nearest to one that is not known, else a few of those that are, after the words `there_are`; nothing where no
/// names are known.
pub(crate) fn meant(name: &str, known: &[&str], there_are: &str) -> String {
    if known.is_empty() {
        return String::new();
    }
    if let Some(near) = nearest_of(name, known.to_vec()) {
        return format!(" (did you mean {near:?}?)");
    }
    let told: Vec<String> = known.iter().take(MAX_NAMES).map(|name| Printable(name).to_string()).collect();
    let more = match known.len() - told.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" ({there_are} {}{more})", told.join(", "))
}

/// Nearest of any number of names.
fn nearest_of<'a>(name: &str, mut known: Vec<&'a str>) -> Option<&'a str> {
    while known.len() > PART {
        known = known.chunks(PART).filter_map(|part| nearest(name, part)).collect();
    }
    nearest(name, &known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_else_a_few_of_those_that_there_are() {
        let of = |name: &str, known: &[&str]| meant(name, known, "they have");
        let two = ["node-a", "worker\n1"];
        assert_eq!(of("node-b", &two), " (did you mean \"node-a\"?)");
        assert!(of("else", &two).starts_with(" (they have node-a, worker"), "{}", of("else", &two));
        assert!(!of("else", &two).contains('\n'));
        assert_eq!(of("node-a", &[]), "");
        let many: Vec<String> = (1_000..2_000).map(|number| format!("host-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(of("something-else", &many).ends_with("host-1009 and 990 more)"));
    }

    #[test]
    fn the_nearest_is_found_among_many_thousand() {
        let many: Vec<String> = (0..20_000).map(|number| format!("service-{number:05}")).collect();
        let known: Vec<&str> = many.iter().map(String::as_str).chain(["checkout"]).collect();
        assert_eq!(meant("chekcout", &known, "there are"), " (did you mean \"checkout\"?)");
        assert_eq!(meant("service-19999x", &known, "there are"), " (did you mean \"service-19999\"?)");
    }
}
