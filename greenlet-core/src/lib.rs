//! Stackful greenlets: the counterpart of Python's `greenlet` module.
//!
//! A [`RawGreenlet`] runs a function on a stack of its own. [`RawGreenlet::switch`] suspends the
//! greenlet that calls it and continues the other one where it was suspended; there, `switch` returns
//! the value given. Greenlets form a tree: when a function ends, its value (or its error) goes to the
//! greenlet's parent.
//!
//! ```
//! use greenlet_core::{Exception, RawGreenlet, Value, getcurrent};
//!
//! let main = getcurrent();
//! let g = RawGreenlet::new(move |first| {
//!     assert_eq!(first.downcast::<i32>().unwrap(), 1);
//!     let second = main.switch(Value::new("from the greenlet"))?;
//!     assert_eq!(second.downcast::<i32>().unwrap(), 2);
//!     Ok(Value::new("result"))
//! });
//! let v = g.switch(Value::new(1))?;
//! assert_eq!(v.downcast::<&str>().unwrap(), "from the greenlet");
//! let v = g.switch(Value::new(2))?;
//! assert_eq!(v.downcast::<&str>().unwrap(), "result");
//! assert!(g.dead());
//! # Ok::<(), Exception>(())
//! ```
//!
//! # Rooms
//!
//! | file | job |
//! |---|---|
//! | `core.rs` | what a greenlet consists of, and [`RawGreenlet`], its counted handle |
//! | `attached.rs` | [`Attached`]: data of a greenlet's own, and its function, beside the core |
//! | `greenlet.rs`, `builder.rs` | what a handle can do; making greenlets |
//! | `switch.rs` | which greenlet runs next, and the value or exception that goes along |
//! | `root.rs` | the beginning and the end of a greenlet on its stack |
//! | `arch/` | the machine's stack switch |
//! | `thread.rs` | the state of one thread: current and main greenlet, its stacks |
//! | `thread_end.rs` | the end of a thread: its greenlets are unwound ([`unwind_all`]) or left as they are |
//! | `sentinel.rs` | noticing the end of a thread before anything is destroyed that its greenlets may borrow |
//! | `stack/` | slabs of guarded stacks, the pool they return to, overflow |
//! | `exception/` | [`Exception`], [`GreenletExit`](struct@GreenletExit), [`Panic`] |
//! | `value.rs` | [`Value`]: what a switch carries |
//! | `object.rs` | [`Object`]: a value of any type |
//! | `unwind.rs` | panics, and the private unwinding of dropped greenlets |
//! | `trace.rs` | [`settrace`] |
//! | `list.rs`, `introspect.rs` | every greenlet of the thread, listed |
//! | `backtrace.rs` | [`RawGreenlet::backtrace`], also of one that is parked |
//! | `debugger.rs` | where a debugger finds the greenlets |
//! | `local.rs` | names, and values attached to greenlets |
//! | `watch/` | [`ThreadWatch`]: what other threads may know of a thread's greenlets |
//! | `direct.rs` | [`direct`]: calls of the system in which nobody else runs |
//! | `virtual_thread.rs` | what greenlets have to know of code with thread-locals of its own |
//! | `weak.rs` | [`WeakGreenlet`]: a reference that does not keep its greenlet alive |
//! | `park.rs` | [`Park`]: a wait that only its own wake-up ends |
//! | `pinned.rs` | [`pinned`]: keeping the running greenlet from being left |
//! | `slack.rs` | [`Slack`]: collections that give memory back after a backlog |
//! | `prefetch.rs` | having memory fetched before it is needed |
//! | `sanitizer.rs` | telling AddressSanitizer of switches |
//!
//! # Threads
//!
//! A greenlet never leaves the thread that created it: handles are neither `Send` nor `Sync`.
//!
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! send(greenlet_core::getcurrent());
//! ```
//!
//! ```compile_fail,E0277
//! fn sync<T: Sync>(_: T) {}
//! sync(greenlet_core::getcurrent());
//! ```
//!
//! A thread unwinds its parked greenlets by [`unwind_all`] before it ends, so that the destructors on their
//! stacks run. A thread that just returns leaves them as they are for ever, and says so on stderr: its
//! thread-locals are being destroyed by then, and the greenlets may have borrowed from them.
//!
//! # Borrows
//!
//! A greenlet may outlive the function that makes it, so it borrows nothing from there.
//!
//! ```compile_fail,E0597
//! use greenlet_core::{RawGreenlet, Value};
//! let local = String::from("gone at the end of the block");
//! let borrowed = &local;
//! RawGreenlet::new(move |_| Ok(Value::new(borrowed.len())));
//! ```
//!
//! ```compile_fail,E0597
//! // A value that is sent borrows nothing either.
//! use greenlet_core::{Value, getcurrent};
//! let local = String::from("gone at the end of the block");
//! getcurrent().switch(Value::new(&local)).unwrap();
//! ```
//!
//! # Panics
//!
//! A panic never leaves a greenlet's stack: it becomes a [`Panic`], an [`Exception`] like any
//! other, and goes to the parent.
//!
//! [`std::thread::panicking`] is about the thread, not the greenlet: while one greenlet is parked in
//! a destructor that a panic runs, it is true in the others too, and a `std::sync::Mutex` that they
//! unlock is poisoned.
//!
//! In builds with `panic = "abort"` everything works but unwinding: the stack of a parked greenlet
//! that is dropped is leaked, and the destructors on it do not run.
//!
//! # Features
//!
//! | feature | what it does |
//! |---|---|
//! | `context-switch` | switches stacks with the `context` crate, also on machines for which this crate has a switch |
//! | `asan` | tells AddressSanitizer of switches, for builds with `-Zsanitizer=address` |
//! | `valgrind` | tells valgrind of stacks |
//! | `anyhow` | has `?` make an `anyhow::Error` of an [`Exception`] |

mod arch;
mod attached;
mod backtrace;
mod builder;
mod core;
mod debugger;
mod direct;
mod exception;
mod greenlet;
mod introspect;
mod list;
mod local;
mod object;
mod park;
mod pinned;
pub mod prefetch;
mod root;
mod sanitizer;
mod sentinel;
mod slack;
mod stack;
mod switch;
mod thread;
mod thread_end;
mod trace;
pub mod unwind;
mod value;
mod virtual_thread;
mod watch;
mod weak;

pub use self::core::RawGreenlet;
pub use attached::{Attached, Data, Label};
pub use builder::Builder;
pub use direct::{Direct, direct, is_direct};
pub use exception::{AsError, Chain, ExcInfo, Exception, GreenletError, GreenletExit, Message, Panic, Place, Raised};
pub use greenlet::{getcurrent, getmain};
pub use introspect::{Info, StackPlace, Stacks, State, WaitingOn, greenlets, live_greenlets, stacks, trim_stacks};
pub use object::Object;
pub use park::{Park, Ticket};
pub use pinned::{may_switch, pinned};
pub use slack::Slack;
pub use stack::{DEFAULT_STACK_SIZE, ParseStackSizeError, StackError, StackSize};
pub use thread_end::{ThreadSlot, at_thread_end, finish, is_first_thread, thread_is_over, unwind_all};
pub use trace::{Event, TraceFn, Tracer, gettrace, settrace};
pub use value::Value;
pub use virtual_thread::{Carrier, is_virtual_thread};
pub use watch::{
    Running, SeenGreenlet, Snapshot, SnapshotError, ThreadWatch, WatchSignal, ignore_running, watch_running,
};
pub use weak::WeakGreenlet;

/// The example of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
