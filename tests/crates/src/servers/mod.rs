//! The real servers, each one's own in a temporary folder, at ports of its own. Dropping one stops it.

pub(crate) mod nginx;

#[cfg(feature = "all")]
pub(crate) mod mariadb;
#[cfg(feature = "all")]
pub(crate) mod smtp;

use std::process::Command;

/// A command for a server that is killed if this thread ends without having stopped it, as when the process is killed.
fn mortal(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}
