//! Which real TCP server does a test put behind weir?

mod behaviour;
mod connection;
mod counts;
mod server;

pub use behaviour::Behaviour;
pub use server::TcpServer;
pub(crate) use server::listen;
