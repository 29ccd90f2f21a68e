//! [`hold`]: the numbers of the standard descriptors are in use while a child is started.

use std::fs::File;
use std::os::fd::AsRawFd;

use rustix::io::fcntl_getfd;
use rustix::stdio;

/// Opens something at those of the numbers 0, 1 and 2 that are closed, until the result is dropped. The child gets none
/// of it.
///
/// If std's own pipes had these numbers, one redirection would overwrite another one in the child, or nothing would be
/// redirected at all.
pub(crate) fn hold() -> Vec<File> {
    let mut held = Vec::new();
    let standard = [stdio::stdin(), stdio::stdout(), stdio::stderr()];
    if standard.iter().all(|fd| fcntl_getfd(fd).is_ok()) {
        return held;
    }
    // If this fails, there is nothing left for pipes, either.
    while let Ok(file) = File::open("/dev/null") {
        if file.as_raw_fd() > 2 {
            break;
        }
        held.push(file);
    }
    held
}
