//! Stackful greenlets: the counterpart of Python's `greenlet` module.
//!
//! A [`RawGreenlet`] runs a function on a stack of its own. [`RawGreenlet::switch`] suspends the
//! greenlet that calls it and continues the other one, wherever it was; the value given is what
//! the other side's own `switch` returns. Greenlets form a tree: when a function ends, its value
//! (or its error) goes to the greenlet's parent.
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
//! | `greenlet.rs` | [`RawGreenlet`]: the handle and its public surface |
//! | `switch.rs` | who runs next, and what travels along |
//! | `arch.rs` | the machine's stack switch: the only user of the `context` crate |
//! | `thread.rs` | what one thread knows: current and main greenlet, its stacks |
//! | `stack/` | slabs of guarded stacks and the pool they return to |
//! | `exception.rs` | [`Exception`], [`GreenletExit`], [`Panic`] |
//! | `value.rs` | [`Value`]: what a switch carries |
//! | `unwind.rs` | panics, and the private unwinding of dropped greenlets |
//!
//! # Threads
//!
//! A greenlet never leaves the thread that created it: handles are neither `Send` nor `Sync`.
//!
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! send(greenlet_core::getcurrent());
//! ```

mod arch;
mod exception;
mod greenlet;
mod local;
mod stack;
mod switch;
mod thread;
pub mod unwind;
mod value;
mod weak;

pub use exception::{Exception, GreenletError, GreenletExit, Message, Panic};
pub use greenlet::{Builder, RawGreenlet, getcurrent};
pub use stack::{DEFAULT_STACK_SIZE, StackError};
pub use thread::live_greenlets;
pub use value::Value;
pub use weak::WeakGreenlet;
