//! Which weir is compared?

use crate::{arguments::Arguments, way::Way};
use anyhow::Result;
use std::path::PathBuf;

/// The program that is given, or builds it; `None` where weir does not take part.
pub(crate) fn find(arguments: &Arguments) -> Result<Option<PathBuf>> {
    let takes_part = arguments.ways().iter().any(|way| matches!(way, Way::Weir | Way::WeirNode));
    takes_part.then(|| weir_bench::program::find(arguments.weir.as_deref())).transpose()
}
