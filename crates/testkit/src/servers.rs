//! Which servers does a test put behind weir, and how do they run?

mod counter;
mod own_thread;
mod tasks;
mod tcp;
mod udp;
mod unreachable;

pub(crate) use counter::Counter;
pub use counter::WAIT_LIMIT;
pub use own_thread::OwnThread;
pub(crate) use tasks::{Spawner, Tasks};
pub(crate) use tcp::listen;
pub use tcp::{Behaviour, TcpServer};
pub use udp::{UdpBehaviour, UdpServer};
pub use unreachable::{BlackHole, refused_address};
