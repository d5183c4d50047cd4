//! Which IP family does an address have?

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An IP family. Services are resolved for each family by itself. The text forms are those of `ipFamilies` and `addressType`
/// in the Kubernetes API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// Internet Protocol version 4.
    #[serde(rename = "IPv4")]
    V4,
    /// Internet Protocol version 6.
    #[serde(rename = "IPv6")]
    V6,
}

impl Family {
    /// Both families, IPv4 first.
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The Kubernetes word: `IPv4` or `IPv6`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One value for each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerFamily<T> {
    /// The IPv4 value.
    pub v4: T,
    /// The IPv6 value.
    pub v6: T,
}

impl<T> PerFamily<T> {
    /// Builds both values with one function.
    pub fn from_fn(mut build: impl FnMut(Family) -> T) -> Self {
        Self { v4: build(Family::V4), v6: build(Family::V6) }
    }

    /// Applies one function to both values.
    pub fn map<U>(self, mut function: impl FnMut(T) -> U) -> PerFamily<U> {
        PerFamily { v4: function(self.v4), v6: function(self.v6) }
    }

    /// The value of one family.
    pub fn get(&self, family: Family) -> &T {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// The value of one family, to change it.
    pub fn get_mut(&mut self, family: Family) -> &mut T {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}
