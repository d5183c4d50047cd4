//! How does a table for people look? As kubectl's: a header in capitals, columns as wide as their widest cell.

use super::terminal::{Colour, has_colours};
use std::{fmt, io};
use weir_core::Printable;

/// Blanks between two columns.
const GAP: usize = 3;

/// Columns whose first words have colours.
const STATES: [&str; 2] = ["STATE", "SEVERITY"];

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

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// Widest cell of each column, and at least as wide as `widths` says.
    pub(crate) fn widths(&self, widths: [usize; COLUMNS]) -> [usize; COLUMNS] {
        let widest = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max();
        std::array::from_fn(|column| widest(column).unwrap_or(0).max(widths[column]))
    }

    /// Lines of the table with columns of these widths, with colours for the words of states if those are wanted.
    pub(crate) fn lines(&self, widths: [usize; COLUMNS], colours: bool) -> impl Iterator<Item = String> {
        self.rows.iter().map(move |row| {
            let shown =
                row.iter().zip(&self.rows[0]).zip(widths).zip(self.hidden).filter(|(_, hidden)| !hidden);
            let cells = shown.map(|(((cell, name), width), _)| {
                let blanks = " ".repeat((width + GAP).saturating_sub(cell.chars().count()));
                let word = cell.split(' ').next().unwrap_or_default();
                match Colour::of_state(word).filter(|_| colours && STATES.contains(&&**name)) {
                    Some(colour) => format!("{}{}{blanks}", colour.paint(word), &cell[word.len()..]),
                    None => format!("{cell}{blanks}"),
                }
            });
            cells.collect::<String>().trim_end().to_owned()
        })
    }

    /// The table for standard output, with colours if that is a terminal that may have them.
    pub(crate) fn coloured(&self) -> String {
        self.text(has_colours(&io::stdout()))
    }

    fn text(&self, colours: bool) -> String {
        self.lines(self.widths([0; COLUMNS]), colours).map(|line| line + "\n").collect()
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(false))
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

    #[test]
    fn the_words_of_states_have_colours_and_the_columns_stay_aligned() {
        let mut table = Table::new(["state", "name"]);
        table.push(["ejected until 02:30".into(), "ready".into()]);
        table.push(["ready".into(), "b".into()]);
        assert_eq!(
            table.text(true),
            "STATE                 NAME\n\u{1b}[31mejected\u{1b}[0m until 02:30   ready\n\
             \u{1b}[32mready\u{1b}[0m                 b\n"
        );
    }

    #[test]
    fn later_lines_may_be_as_wide_as_earlier_ones() {
        let mut table = Table::new(["a", "b"]);
        table.push(["x".into(), "y".into()]);
        let widths = table.widths([4, 0]);
        assert_eq!(table.lines(widths, false).last().unwrap(), "x      y");
    }
}
