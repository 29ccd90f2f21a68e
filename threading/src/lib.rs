//! Virtual threads: greenlets with thread-locals of their own.
//!
//! A virtual thread runs as a greenlet of an operating system's thread, which *carries* it, beside the other greenlets
//! of that thread's hub. For its code it is a thread: it has its own `thread_local!` values, its own
//! [`std::thread::current`], its own `errno`, locale and `pthread_self`; and the function that it runs has to be `Send`
//! and `'static`. So code that was written for threads is right in it, and not always in a greenlet.
//!
//! ```
//! use std::cell::RefCell;
//! use std::time::Duration;
//! use gevent_threading::{sleep, spawn};
//!
//! thread_local!(static WORDS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) });
//!
//! let say = |word| {
//!     move || {
//!         // A borrow that is held over a wait: no other thread has this value.
//!         WORDS.with_borrow_mut(|words| {
//!             sleep(Duration::from_millis(1));
//!             words.push(word);
//!         });
//!         WORDS.take()
//!     }
//! };
//! let (one, other) = (spawn(say("one")), spawn(say("other")));
//! assert_eq!(one.join().unwrap(), ["one"]);
//! assert_eq!(other.join().unwrap(), ["other"]);
//! ```
//!
//! The waits of this crate ([`sleep`], [`park`], [`JoinHandle::join`], [`scope`], [`yield_now`]) let the others run,
//! and so do the locks, condition variables and channels of [`sync`], which are those of `std::sync` otherwise. Every
//! other call that blocks, as `std::thread::sleep` or a read of a socket, blocks the carrier and all that it carries.
//! gevent's own functions belong to the carrier, and fail in a virtual thread with
//! [`GreenletError::VirtualThread`](greenlet_core::GreenletError::VirtualThread), unless they are called by
//! [`on_carrier`].
//!
//! There are virtual threads on Linux with glibc, on x86-64 and aarch64; elsewhere, [`supported`] says why not.
//! `docs/virtual-threads.md` tells what is as in a thread, and `docs/soundness.md` why it is sound.
//!
//! # Rooms
//!
//! | file | job |
//! |---|---|
//! | `spawn.rs`, `scope.rs` | making virtual threads, and waiting for their end |
//! | `thread.rs` | [`Thread`], [`park`] and [`Thread::unpark`], [`sleep`] |
//! | `carrier.rs` | gevent's own functions in a virtual thread |
//! | `parker.rs`, `native.rs` | waits for code that cannot be unwound; virtual threads for it |
//! | `sync` | the counterparts of `std::sync` |
//! | `here.rs` | the virtual thread that runs; the way out of it and back |
//! | `left_behind.rs` | the end of a carrier that does not wait for its virtual threads |
//! | `machine/crossing.rs` | a call with another thread pointer |
//! | `machine/x86_64.rs`, `machine/aarch64.rs` | what differs by processor |
//! | `machine/block.rs`, `machine/malloc_words.rs` | memory for thread-locals: made, used, destroyed |
//! | `machine/pool.rs` | the memory of blocks that are out of use |
//! | `machine/glibc.rs`, `machine/self_test.rs` | what is known of the C library, and whether it is so |
//! | `machine/stack_attributes.rs` | `pthread_getattr_np` of a virtual thread |
//! | `machine/forks.rs` | `fork` in a virtual thread |
//! | `machine/user_ids.rs` | `setuid` and the like, which are told by a signal |
//! | `unsupported.rs` | [`Unsupported`] |

#![deny(unsafe_code)]

mod carrier;
#[allow(unsafe_code)]
mod here;
#[allow(unsafe_code)]
mod left_behind;
mod locks;
#[allow(unsafe_code)]
mod machine;
mod native;
mod parker;
mod scope;
mod spawn;
pub mod sync;
mod thread;
mod unsupported;

pub use carrier::{Carried, on_carrier};
pub use native::NativeThread;
pub use parker::{Parker, give_up, is_unwound, is_virtual, os_thread, wait_by_carrier};
pub use scope::{Scope, ScopedJoinHandle, scope};
pub use spawn::{Builder, DEFAULT_STACK_SIZE, JoinHandle, spawn, supported};
pub use thread::{Thread, ThreadId, current, park, park_timeout, sleep, yield_now};
pub use unsupported::Unsupported;

/// The example of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
