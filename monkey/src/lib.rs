//! gevent.monkey: blocking code becomes cooperative, unchanged.
//!
//! This crate defines the C library's blocking functions once more, under their own names. So every call of them in the
//! program, by std, by any crate, or by a C library, comes here first. If the caller is a virtual thread of
//! [`gevent_threading`], and the function is [patched](patch_all), the call parks it until it can be done, and the
//! others of its operating system's thread go on. In every other thread the call goes to the C library at once.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{TcpListener, TcpStream};
//!
//! gevent_monkey::patch_all()?;
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! // All of std, and a single thread of the operating system's.
//! let server = gevent_threading::spawn(move || listener.accept()?.0.write_all(b"hello"));
//! let client = gevent_threading::spawn(move || {
//!     let mut text = String::new();
//!     TcpStream::connect(address)?.read_to_string(&mut text)?;
//!     Ok::<_, std::io::Error>(text)
//! });
//! server.join().unwrap()?;
//! assert_eq!(client.join().unwrap()?, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! No descriptor is changed for this: none gets `O_NONBLOCK`, but for the time of a `connect`, for which the kernel has
//! no other way. A descriptor that has it answers `EAGAIN`, as ever.
//!
//! Plain greenlets share their thread's thread-locals, and the code that calls may keep something in them over a call.
//! So they park in patched calls only where the caller has promised that this is right, by the unsafe functions of
//! [`greenlets`].
//!
//! An exception that is thrown into a parked call, by a kill or a timeout, cannot unwind C code. The call fails with
//! `ECANCELED`, a sleep returns early, and [`run`] returns the exception whole.
//!
//! This works on Linux with glibc that is linked dynamically. Elsewhere nothing is interposed, [`patch_all`] returns an
//! error that says so, and [`run`] just calls; so a program can take threads of the operating system's there. With a
//! static glibc, the crate does not compile. `docs/monkey.md` has tables of what parks and what blocks.
//!
//! Source: gevent's `monkey` package.
//!
//! # Rooms
//!
//! | here | job |
//! |---|---|
//! | `patches.rs` | [`patch_all`] and the others: what is patched |
//! | `originals.rs` | the C library's own functions |
//! | `saved.rs` | [`saved`] and [`get_original`]: those functions for everybody |
//! | `place.rs` | who may park |
//! | `wait.rs`, `watchers.rs` | parking, until a descriptor is ready for instance |
//! | `deadline.rs` | when a wait is over |
//! | `held.rs`, `real_thread.rs` | waits that cannot fail; calls that a real thread makes |
//! | `exceptions.rs` | what was thrown into a parked call; [`run`] |
//! | `closing.rs` | descriptors that are closed while somebody waits for them |
//! | `stats.rs` | [`stats`] |
//! | `guards` | where nobody parks |
//! | `allocator.rs` | [`Allocator`]: nor in an allocator |
//! | `calls` | the interposed functions, a file for each family |

#[cfg(all(glibc, target_feature = "crt-static"))]
compile_error!(
    "gevent-monkey needs a C library that is linked dynamically: a static one has each function once, and its own \
     calls of them cannot be caught. Build without `-C target-feature=+crt-static`."
);

mod allocator;
#[cfg(glibc)]
mod calls;
#[cfg(glibc)]
mod closing;
mod deadline;
mod exceptions;
#[cfg(glibc)]
mod guards;
#[cfg(glibc)]
mod held;
#[cfg(glibc)]
mod originals;
mod patches;
#[cfg(glibc)]
mod place;
#[cfg(glibc)]
mod real_thread;
#[cfg(glibc)]
mod saved;
mod stats;
#[cfg(glibc)]
mod wait;
#[cfg(glibc)]
mod watchers;

pub use allocator::Allocator;
#[cfg(glibc)]
pub use calls::real_threads;
pub use exceptions::{run, take_exception};
#[cfg(glibc)]
pub use patches::greenlets;
pub use patches::{
    Module, is_module_patched, patch_all, patch_disk, patch_dns, patch_select, patch_socket, patch_subprocess,
    patch_sys, patch_thread, patch_time,
};
#[cfg(glibc)]
pub use saved::{Function, get_original, is_object_patched, saved};
pub use stats::{Stats, stats};

/// The example of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
