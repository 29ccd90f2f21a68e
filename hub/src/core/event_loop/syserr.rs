//! [`set_syserr_cb`]: reports system calls that fail inside libev. Source: gevent's `set_syserr_cb` and
//! `loop._handle_syserr`; ev.pod, `ev_set_syserr_cb`.

use std::ffi::CStr;
use std::io;
use std::os::raw::c_char;
use std::process;
use std::sync::Arc;

use greenlet_core::Exception;
use greenlet_core::unwind::Caught;
use libev_sys as ev;

use crate::core::event_loop::c_frames;
use crate::core::event_loop::forking::ForkMutex;
use crate::core::event_loop::shared_loop;

/// A function that [`set_syserr_cb`] takes.
pub type SyserrCallback = Arc<dyn Fn(&str, io::Error) + Send + Sync>;

/// A system call failed inside libev. The loop's error handler gets this error, without a context. gevent raises
/// `SystemError`.
#[derive(Debug, thiserror::Error)]
#[error("{message}: {source}")]
pub struct SystemError {
    /// libev's message.
    pub message: String,
    /// The kernel's error.
    pub source: io::Error,
}

static CALLBACK: ForkMutex<Option<SyserrCallback>> = ForkMutex::new(None);

/// Sets the function that is called, in the whole process, when a system call fails inside libev (`epoll_wait`, say).
/// With `None`, the default, the error goes to the error handler of the loop, as a [`SystemError`], in the loop's next
/// iteration. (In gevent, `None` means that libev aborts; and gevent calls a loop's `handle_error` in the midst of
/// libev.)
///
/// The callback gets libev's message and the error. When it returns, libev tries again or goes on. It may run in
/// any thread that has a loop, and must neither use a loop (attempts to change one fail with
/// [`Uninterruptible`](crate::core::Uninterruptible)) nor switch greenlets. A panic in it is printed.
///
/// One case is not left to the error handler: libev tries for ever if, after a fork, it cannot make its descriptors
/// anew. Without a callback the process is aborted then, as libev does by default.
pub fn set_syserr_cb(callback: Option<SyserrCallback>) {
    let old = std::mem::replace(&mut *CALLBACK.lock(), callback);
    drop(old);
}

/// Has libev call [`on_syserr`]. Called before the process's first loop is used.
pub(in crate::core) fn install() {
    static INSTALLED: ForkMutex<bool> = ForkMutex::new(false);
    let mut installed = INSTALLED.lock();
    if !*installed {
        // SAFETY: `on_syserr` may be called at any time, by any thread.
        unsafe { ev::ev_set_syserr_cb(Some(on_syserr)) }
        *installed = true;
    }
}

/// Whether this is the message of a call that libev tries again until it succeeds.
fn is_retried_for_ever(message: &str) -> bool {
    [
        "creating signal/async pipe",
        "epoll_create",
        "setup",
        ") kqueue",
        ") port",
    ]
    .iter()
    .any(|end| message.ends_with(end))
}

/// # Safety
/// Only libev calls this: `message` is a C string.
unsafe extern "C" fn on_syserr(message: *const c_char) {
    let error = io::Error::last_os_error();
    // SAFETY: libev passes a string literal.
    let message = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    let result = c_frames::uninterruptible(|| {
        let callback = CALLBACK.lock().clone();
        match callback {
            Some(callback) => callback(&message, error),
            None => route(&message, error),
        }
    });
    match result {
        Ok(()) => {}
        Err(Caught::Panic(panic)) => c_frames::complain(format_args!("panic in the system error callback: {panic:?}")),
        Err(forced) => {
            if let Some(loop_) = shared_loop::any_loop() {
                c_frames::absorb(&loop_, forced);
            }
        }
    }
}

fn route(message: &str, source: io::Error) {
    let loop_ = shared_loop::any_loop();
    if loop_.is_none() || is_retried_for_ever(message) {
        c_frames::complain(format_args!("{message}: {source}"));
        process::abort();
    }
    if let Some(loop_) = loop_ {
        loop_.report_later(
            None,
            Exception::new(SystemError {
                message: message.to_owned(),
                source,
            }),
        );
    }
}
