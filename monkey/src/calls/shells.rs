//! system(3) and pclose(3), whose waits are inside the C library: a thread of the hub's pool calls them.
//!
//! popen(3) is not interposed: it does not wait.

use libc::{FILE, c_char, c_int};

use super::names::{pointer, text};
use super::signals::{blocked, while_blocked};
use crate::originals::originals;
use crate::patches::Module;
use crate::place::place;
use crate::wait::{errno, returned, set_errno};

mod original {
    use super::*;

    originals! {
        system(command: *const c_char) -> c_int;
        pclose(stream: *mut FILE) -> c_int;
    }
}

/// system(3). If something is thrown into the caller, the command goes on.
#[unsafe(no_mangle)]
unsafe extern "C" fn system(command: *const c_char) -> c_int {
    if let Some(place) = place(Module::Subprocess)
        // SAFETY: by the prototype's contract.
        && let Some(command) = unsafe { text(command) }
    {
        let command = Some(command);
        // The command is to have the caller's.
        let signals = blocked();
        let run = move || {
            while_blocked(&signals, || {
                // SAFETY: the text is this closure's own.
                let status = unsafe { original::system(pointer(&command)) };
                (status, errno())
            })
        };
        if let Some(status) = returned(place.in_pool(run).map(told)) {
            return status;
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::system(command) }
}

/// The status, with the `errno` of a failure.
fn told((status, errno): (c_int, c_int)) -> c_int {
    if status == -1 {
        set_errno(errno);
    }
    status
}

/// A stream of the caller's, who does not touch it any more.
struct Stream(*mut FILE);

// SAFETY: any thread may use a stream.
unsafe impl Send for Stream {}

/// pclose(3). If something is thrown into the caller, the stream is closed all the same.
#[unsafe(no_mangle)]
unsafe extern "C" fn pclose(stream: *mut FILE) -> c_int {
    if let Some(place) = place(Module::Subprocess) {
        let theirs = Stream(stream);
        let close = move || {
            let Stream(stream) = { theirs };
            // SAFETY: by the prototype's contract, the stream is closed once, and here.
            let status = unsafe { original::pclose(stream) };
            (status, errno())
        };
        if let Some(status) = returned(place.in_pool(close).map(told)) {
            return status;
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::pclose(stream) }
}
