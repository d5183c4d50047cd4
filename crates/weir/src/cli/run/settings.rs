//! What is each setting of `weir run`, and where was it set?

use crate::cli::layers::{Layer, variable_of};
use clap::{ArgMatches, Command};
use std::{collections::BTreeMap, ffi::OsString};

/// Where a setting was set. A later origin overrides an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SettingOrigin {
    /// Nowhere: the default.
    Default,
    /// In the `--config` file.
    File,
    /// By a `WEIR_*` variable.
    Variable,
    /// On the command line.
    Flag,
}

impl SettingOrigin {
    /// The word for JSON.
    fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Variable => "variable",
            Self::Flag => "flag",
        }
    }
}

/// Settings by the names of their flags, as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EffectiveSettings(BTreeMap<String, (SettingOrigin, Vec<OsString>)>);

impl EffectiveSettings {
    /// The settings of `run`: those on the command line are in `given`, all together in `effective`.
    pub(in crate::cli) fn new(
        run: &Command,
        given: &ArgMatches,
        (variables, file): (&Layer, &Layer),
        effective: &ArgMatches,
    ) -> Self {
        let setting = |arg: &clap::Arg| {
            let id = arg.get_id().as_str();
            let origin = match id {
                _ if given.value_source(id) == Some(clap::parser::ValueSource::CommandLine) => {
                    SettingOrigin::Flag
                }
                _ if variables.get(id).is_some() => SettingOrigin::Variable,
                _ if file.get(id).is_some() => SettingOrigin::File,
                _ => SettingOrigin::Default,
            };
            let values = effective.get_raw(id).into_iter().flatten().map(OsString::from).collect();
            Some((arg.get_long()?.to_owned(), (origin, values)))
        };
        Self(run.get_arguments().filter_map(setting).filter(|(flag, _)| flag != "help").collect())
    }

    /// Names of the flags whose values differ from those in `others`, wherever they were set.
    pub(crate) fn differing<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = &'a str> {
        let differs = |(flag, (_, values)): &(&String, &(SettingOrigin, Vec<OsString>))| {
            others.0.get(*flag).is_none_or(|(_, other)| other != values)
        };
        self.0.iter().filter(differs).map(|(flag, _)| &**flag)
    }

    /// Every setting by the name of its flag, in order, with where it was set and its values.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &'static str, Vec<String>)> {
        self.0.iter().map(|(flag, (origin, values))| {
            let values = values.iter().map(|value| value.to_string_lossy().into_owned()).collect();
            (&**flag, origin.as_str(), values)
        })
    }

    /// Replaces the values of some flags by those of `others`.
    pub(crate) fn take_from(&mut self, others: &Self, flags: &[&str]) {
        for (flag, setting) in others.0.iter().filter(|(flag, _)| flags.contains(&&***flag)) {
            self.0.insert(flag.clone(), setting.clone());
        }
    }

    /// A flag that is set, with where if that is not the command line, for messages; `None` if it has its default.
    pub(super) fn named_if_set(&self, flag: &str) -> Option<String> {
        match self.origin(flag) {
            SettingOrigin::Default => None,
            SettingOrigin::File => Some(format!("--{flag} (in the --config file)")),
            SettingOrigin::Variable => Some(format!("--{flag} (as {})", variable_of(flag))),
            SettingOrigin::Flag => Some(format!("--{flag}")),
        }
    }

    /// Where a setting was set.
    pub(super) fn origin(&self, flag: &str) -> SettingOrigin {
        self.0.get(flag).map_or(SettingOrigin::Default, |(origin, _)| *origin)
    }
}
