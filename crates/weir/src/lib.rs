//! What is the program `weir` made of?
//!
//! | module | question |
//! |---|---|
//! | `admin` | what does a running weir tell its operators, and how do they steer it? |
//! | [`cli`] | what can be said on the command line? |
//! | [`commands`] | what does each command do? |
//! | `client` | how is a weir asked that runs on this host? |
//! | `node` | how does weir serve a whole node? |
//! | `health` | is the proxy healthy, and is everything served? |
//! | `http` | what does weir answer over HTTP itself? |
//! | [`metrics`] | how does an operator see numbers? |
//! | `output` | how does the program speak to people? |
//! | `version` | which weir is this? |

mod admin;
pub mod cli;
mod client;
pub mod commands;
mod health;
mod http;
pub mod metrics;
mod node;
mod output;
mod version;
