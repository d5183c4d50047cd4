//! Which settings does the weir of this host have, and where was each made?

use crate::{
    cli::ConfigOptions,
    client::{Query, with_client},
    output::{part::Part, stdout, table::Table},
};
use serde_json::Value;
use std::process::ExitCode;

/// Lists the settings of the running weir.
pub(crate) fn config(options: &ConfigOptions) -> anyhow::Result<ExitCode> {
    with_client(options.socket.clone(), async |client| {
        let mut config = client.get(&Query::of("config")).await?;
        if options.changed
            && let Some(settings) = config.get_mut("settings").and_then(Value::as_array_mut)
        {
            settings.retain(|setting| setting["origin"] != "default");
        }
        stdout::print(&options.output.text(&config, |wide| page(&config, wide))?)?;
        Ok(ExitCode::SUCCESS)
    })
}

fn page(config: &Value, wide: bool) -> String {
    let mut table = Table::new(["flag", "value", "origin", "variable", "reloaded"]);
    for setting in Part::of(config).items("settings") {
        let text = |path: &str| setting.text_or_dash(path).to_owned();
        let values: Vec<&str> = setting.items("value").filter_map(|value| value.text("")).collect();
        table.push([
            text("flag"),
            values.join(","),
            text("origin"),
            text("variable"),
            setting.flag("live").map_or("-", |live| if live { "SIGHUP" } else { "restart" }).to_owned(),
        ]);
    }
    table.without(if wide { &[] } else { &["variable", "reloaded"] }).coloured()
}
