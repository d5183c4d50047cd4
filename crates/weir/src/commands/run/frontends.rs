//! How does a user learn where Services are served?

use crate::output::{stdout, table::Table};
use tracing::info;
use weir_proxy::{FrontendRow, FrontendState};

/// Frontends that are logged one by one after a change; a cluster has more than anybody wants to read.
const MAX_LOGGED_FRONTENDS: usize = 20;

/// Prints or logs frontends as they change.
pub(crate) struct FrontendPrinter {
    /// Whether addresses are mapped: nobody can know those, so that they are printed as a table.
    mapped: bool,
    /// Whether a header was printed.
    header_printed: bool,
}

impl FrontendPrinter {
    pub(crate) fn new(mapped: bool) -> Self {
        Self { mapped, header_printed: false }
    }

    /// Prints or logs frontends that changed. The data plane logs failures, with what to do.
    pub(crate) fn show(&mut self, rows: &[FrontendRow]) {
        if rows.is_empty() {
            return;
        }
        let mut rows: Vec<_> = rows.iter().collect();
        rows.sort_by(|a, b| (&a.port, a.listen).cmp(&(&b.port, b.listen)));
        if self.mapped { self.print(&rows) } else { log(&rows) }
    }

    fn print(&mut self, rows: &[&FrontendRow]) {
        let text = table(rows).to_string();
        // One header at the start; later rows are what changed.
        let text =
            if self.header_printed { text.split_once('\n').map_or("", |(_, rows)| rows) } else { &text };
        self.header_printed = true;
        // A closed standard output is no reason to stop serving.
        let _ = stdout::print(text);
    }
}

fn table(rows: &[&FrontendRow]) -> Table<5> {
    let mut table = Table::new(["service", "port", "cluster address", "address", "state"]);
    for FrontendRow { port, frontend, listen, state, .. } in rows {
        let name = if port.name.is_empty() { frontend.port().to_string() } else { port.name.to_string() };
        let state = match state {
            FrontendState::Failed(_) => "failed, see the log".to_owned(),
            state => state.to_string(),
        };
        table.push([
            port.service.to_string(),
            format!("{name}/{}", port.protocol),
            frontend.to_string(),
            listen.to_string(),
            state,
        ]);
    }
    table
}

fn log(rows: &[&FrontendRow]) {
    let changed: Vec<_> = rows.iter().filter(|row| !matches!(row.state, FrontendState::Failed(_))).collect();
    for FrontendRow { port, listen, state, kind, .. } in changed.iter().take(MAX_LOGGED_FRONTENDS) {
        info!("{} {listen} of {port}: {state}", kind.as_str());
    }
    if changed.len() > MAX_LOGGED_FRONTENDS {
        info!("and {} more frontends changed", changed.len() - MAX_LOGGED_FRONTENDS);
    }
}
