//! How is a report printed?

use crate::machine::Machine;

/// The load from which on others take part of the time, and the figures say less.
const BUSY: f64 = 0.5;

/// A line that names the machine; `users` are the parties that share its cores.
pub fn machine(machine: &Machine, users: &str) -> String {
    let Machine { processor, cores, kernel, .. } = machine;
    format!("{processor}, {cores} cores, Linux {kernel}; {users} share them\n")
}

/// A line of warning where others use the machine; nothing elsewhere.
pub fn warning(machine: &Machine) -> String {
    if machine.load < BUSY {
        return String::new();
    }
    format!("OTHERS USE THIS MACHINE (load {:.1}): expect noise\n", machine.load)
}

/// Lines with columns as wide as their widest cell. All columns but the first are aligned to the right.
pub fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<0$}", width(0)),
            _ => format!("  {cell:>0$}", width(column)),
        });
        cells.collect::<String>().trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            [["", "rate"], ["TCP", "12"], ["UDP flows", "3"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(aligned(&rows), "           rate\nTCP          12\nUDP flows     3\n");
    }
}
