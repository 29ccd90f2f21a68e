//! [`SocketFile`]: the file that a server has made by listening at a path.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io, process};

/// The file of a Unix socket, which is removed when this is dropped: not in another process, for example the child of a
/// fork, and not if somebody else has put another file there.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
    process: u32,
}

impl SocketFile {
    /// The file at a path at which this process has just bound a socket.
    pub(super) fn at(path: &Path) -> io::Result<SocketFile> {
        // The path may be a relative one, and the folder may change.
        let path = std::path::absolute(path)?;
        Ok(SocketFile {
            id: id(&path)?,
            path,
            process: process::id(),
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.process == process::id() && id(&self.path).is_ok_and(|id| id == self.id) {
            // A file that cannot be removed stays, as that of a process that has crashed does.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
