//! How does a table for people look? As kubectl's: a header in capitals, columns as wide as their widest cell.

use std::fmt;
use weir_core::Printable;

/// Blanks between two columns.
const GAP: usize = 3;

/// Table of texts with a header.
#[derive(Clone, Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
    hidden: [bool; COLUMNS],
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// Starts a table with these column names.
    pub(crate) fn new(header: [&str; COLUMNS]) -> Self {
        Self { rows: vec![header.map(str::to_uppercase)], hidden: [false; COLUMNS] }
    }

    /// Leaves out the columns of these names.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        let header = &self.rows[0];
        let is_named = |column: usize| names.iter().any(|name| name.to_uppercase() == header[column]);
        self.hidden = std::array::from_fn(is_named);
        self
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: [String; COLUMNS]) {
        // Names in manifests are anything: none may look like another row.
        self.rows.push(row.map(|cell| Printable(cell).to_string()));
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; COLUMNS] = std::array::from_fn(width);
        for row in &self.rows {
            let shown = row.iter().zip(widths).zip(self.hidden).filter(|(_, hidden)| !hidden);
            let padded = shown.map(|((cell, width), _)| format!("{cell:<0$}", width + GAP));
            writeln!(f, "{}", padded.collect::<String>().trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_newline_forges_no_row() {
        let mut table = Table::new(["service", "address"]);
        table.push(["web\nforged   10.96.0.1:80".into(), "\u{1b}[2J".into()]);
        assert_eq!(table.to_string().lines().count(), 2);
        assert!(!table.to_string().contains('\u{1b}'));
    }

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table = Table::new(["service", "address"]);
        table.push(["default/web".into(), "127.96.0.10:80".into()]);
        table.push(["a/b".into(), String::new()]);
        assert_eq!(table.to_string(), "SERVICE       ADDRESS\ndefault/web   127.96.0.10:80\na/b\n");
        assert_eq!(table.without(&["service"]).to_string(), "ADDRESS\n127.96.0.10:80\n\n");
    }
}
