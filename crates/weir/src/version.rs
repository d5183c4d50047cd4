//! Which weir is this?

/// Version of the package, as in `0.1.0`.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit that the program was built from; `None` where the build could not tell. Changes that were not committed do not show.
pub(crate) const COMMIT: Option<&str> = option_env!("BUILT_FROM");

/// Target triple that the program was built for.
pub(crate) const TARGET: Option<&str> = option_env!("BUILT_FOR");

/// Compiler that built the program, as it names itself.
pub(crate) const COMPILER: Option<&str> = option_env!("BUILT_BY");

/// Cargo features that the program was built with, comma separated; `None` for none.
pub(crate) const FEATURES: Option<&str> = option_env!("BUILT_WITH");

/// Characters of a commit that tell it from all others of a repository of this size.
const COMMIT_CHARS: usize = 12;

/// Version on one line, with the commit where that is known: `0.1.0 (0123456789ab)`.
pub(crate) fn line() -> String {
    line_of(COMMIT)
}

fn line_of(commit: Option<&str>) -> String {
    match commit {
        Some(commit) => format!("{VERSION} ({})", commit.get(..COMMIT_CHARS).unwrap_or(commit)),
        None => VERSION.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_as_much_of_the_commit_as_tells_it_from_others() {
        assert_eq!(line_of(Some(&"0123456789".repeat(4))), format!("{VERSION} (012345678901)"));
        assert_eq!(line_of(Some("0123456")), format!("{VERSION} (0123456)"));
        assert_eq!(line_of(None), VERSION);
    }
}
