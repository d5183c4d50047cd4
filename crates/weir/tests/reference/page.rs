//! How is a page of the reference compared, or written?

use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// The variable that has pages written.
const BLESS: &str = "WEIR_BLESS";

/// The top of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a page of `docs/reference`; with `WEIR_BLESS` set writes the page.
pub(crate) fn check(name: &str, wanted: &str) {
    let path = repository().join("docs/reference").join(name);
    if env::var_os(BLESS).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "docs/reference/{name} is not what the code says; write it with {BLESS}=1 cargo test -p weir --test \
         reference; the first line that differs: {differs:#?}"
    );
}

/// A page that begins with a title and the note about how it is made.
pub(crate) fn begin(title: &str, introduction: &str) -> String {
    format!(
        "# {title}\n\n<!-- Written from the code by: {BLESS}=1 cargo test -p weir --test reference -->\n\n{introduction}\n"
    )
}

/// Appends a table.
pub(crate) fn table<const COLUMNS: usize>(
    page: &mut String,
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) {
    // Writing to a string does not fail.
    let _ = write!(page, "\n| {} |\n|{}\n", header.join(" | "), "---|".repeat(COLUMNS));
    for row in rows {
        let cells = row.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}
