//! Locks, condition variables and channels that let the other virtual threads run while one waits: the counterparts of
//! [`std::sync`], with its names, signatures and contract.
//!
//! ```
//! use gevent_threading::spawn;
//! use gevent_threading::sync::{Arc, Mutex, mpsc}; // this was `std::sync`
//!
//! let (send, receive) = mpsc::sync_channel(0);
//! let sum = Arc::new(Mutex::new(0));
//! let its = sum.clone();
//! let adder = spawn(move || receive.iter().for_each(|number: u32| *its.lock().unwrap() += number));
//! for number in 1..=3 {
//!     send.send(number).unwrap(); // waits until the other one takes it
//! }
//! drop(send);
//! adder.join().unwrap();
//! assert_eq!(*sum.lock().unwrap(), 6);
//! ```
//!
//! A virtual thread, or a greenlet, that waits here parks, and its hub goes on. A real thread that has no hub blocks as
//! ever. Any of them wakes any other. The tokens of [`park`](crate::park), and of [`std::thread::park`], are left
//! alone.
//!
//! # Kills
//!
//! Every function that waits raises an exception that is thrown into its caller meanwhile, as [`park`](crate::park)
//! does: by a panic that calls no hook, with the exception as its payload. Then the caller has nothing: it does not
//! hold the lock, nothing is sent or received. What it was to get goes to the next one that waits. A [`Condvar`] does
//! not lock the mutex again, and does not poison it.
//!
//! In a destructor that runs because of a panic, or at the end of a thread, nothing is raised: the wait goes on. If the
//! greenlet is being unwound, as its hub ends, it cannot park any more; then the operating system's thread waits, and
//! if it is for something that it carries itself, for ever, as with a lock of std.
//!
//! # Rooms
//!
//! | file | job |
//! |---|---|
//! | `line.rs` | the one mechanism of all waits: threads in a line |
//! | `poison.rs` | the note that a thread has panicked with a lock |
//! | `raw_mutex.rs`, `raw_rw_lock.rs` | locks without data |
//! | `mutex.rs`, `rw_lock.rs` | locks with data |
//! | `condvar.rs`, `barrier.rs` | [`Condvar`], [`Barrier`] |
//! | `once.rs`, `once_lock.rs`, `lazy_lock.rs` | what is made once |
//! | `mpsc` | channels |

mod barrier;
mod condvar;
mod lazy_lock;
mod line;
pub mod mpsc;
mod mutex;
mod once;
mod once_lock;
mod poison;
#[allow(unsafe_code)]
mod raw_mutex;
#[allow(unsafe_code)]
mod raw_rw_lock;
mod rw_lock;

#[doc(no_inline)]
pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, WaitTimeoutResult};
pub use lazy_lock::LazyLock;
pub use mutex::{Mutex, MutexGuard};
pub use once::{Once, OnceState};
pub use once_lock::OnceLock;
pub use rw_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
