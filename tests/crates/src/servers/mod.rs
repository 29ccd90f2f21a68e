//! The real servers, each one's own in a temporary folder, at ports of its own. Dropping one stops it.

pub(crate) mod nginx;

#[cfg(feature = "all")]
pub(crate) mod mariadb;
#[cfg(feature = "all")]
pub(crate) mod smtp;

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use crate::common::Result;
use crate::common::redis::loopback_address;

/// A command for a server that is killed if this thread ends without having stopped it, as when the process is killed.
fn mortal(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// An address at which nobody listened a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((loopback_address(), 0))?.local_addr()?)
}
