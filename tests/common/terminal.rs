//! Terminals for tests: both ends, with the settings of `stty`.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// The two ends of a new terminal.
pub(crate) struct Terminal {
    pub(crate) master: Arc<OwnedFd>,
    pub(crate) slave: Arc<OwnedFd>,
    pub(crate) path: PathBuf,
}

impl Terminal {
    pub(crate) fn new() -> io::Result<Terminal> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = PathBuf::from(ptsname(&master, Vec::new())?.into_string().expect("a path"));
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOCTTY.bits() as i32;
        let slave = File::options().read(true).write(true).custom_flags(flags).open(&path)?;
        Ok(Terminal {
            master: Arc::new(master),
            slave: Arc::new(slave.into()),
            path,
        })
    }

    pub(crate) fn stty(&self, settings: &[&str]) -> io::Result<()> {
        let status = Command::new("stty").arg("-F").arg(&self.path).args(settings).status()?;
        assert!(status.success());
        Ok(())
    }
}
