//! [`BaseServer`]: what all servers are and do. Source: gevent's `baseserver.py`.
//!
//! | file | contents |
//! |---|---|
//! | `base.rs` | [`BaseServer`]: its state, starting and stopping it |
//! | `accepting.rs` | the loop that takes clients from the socket, and its pauses |
//! | `handling.rs` | the way of a client to its handler |
//! | `spawn.rs` | [`Spawn`]: where handlers run |
//! | `settings.rs` | the numbers that can be set |
//! | `kinds.rs` | [`ServerSocket`]: the four kinds of sockets that are served |
//! | `address.rs` | [`ServerAddress`]: addresses of the network, and of Unix sockets |
//! | `socket_file.rs` | the file of a Unix socket |

mod accepting;
mod address;
mod base;
mod handling;
mod kinds;
mod settings;
mod socket_file;
mod spawn;

pub use address::ServerAddress;
pub use base::BaseServer;
pub use kinds::ServerSocket;
pub use spawn::{Handler, Spawn, Spawner};

pub(crate) use address::Shown;
pub(crate) use base::Place;
pub(crate) use handling::Handle;
pub(crate) use settings::Settings;
