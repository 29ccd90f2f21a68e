//! A folder for the files of one test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::Result;

/// A folder of its own, which every user may write into. Dropping it deletes it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Folder> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        // The paths of Unix sockets are limited, so the name is short.
        let name = format!("gevent-{}-{}", std::process::id(), MADE.fetch_add(1, Relaxed));
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir(&folder.0)?;
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o777))?;
        Ok(folder)
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // An error leaves files in the system's folder for such files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
