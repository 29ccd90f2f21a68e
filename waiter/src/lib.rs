//! gevent's low-level waiting: the cells through which a hub wakes a greenlet.
//!
//! [`Waiter`] and [`MultipleWaiter`] are the counterparts of gevent's `_waiter.py`. The runtime's own waits use
//! [`Park`], and [`Resume`], the right to wake one park of one greenlet: these allocate nothing. All of them work
//! with any hub that implements [`WaitHub`]. The crate `hub` has the hub that runs libev's loop. Here is a small one,
//! without a loop:
//!
//! ```
//! use std::rc::Rc;
//!
//! use greenlet_core::{Exception, RawGreenlet, Value, getcurrent};
//! use waiter::{Failed, WaitHub, Waiter};
//!
//! #[derive(Debug)]
//! struct SmallHub(RawGreenlet);
//!
//! impl WaitHub for SmallHub {
//!     fn greenlet(&self) -> &RawGreenlet {
//!         &self.0
//!     }
//!
//!     fn before_switch(&self) -> Result<(), Exception> {
//!         if self.is_current() { Err(Exception::msg("the hub cannot wait")) } else { Ok(()) }
//!     }
//!
//!     fn handle_error(&self, failed: Failed<'_>, exception: Exception) {
//!         eprintln!("{failed:?}: {exception}");
//!     }
//! }
//!
//! // This hub's greenlet goes back to the main greenlet whenever it is switched to, and does what that sends it to do.
//! let main = getcurrent();
//! let hub: Rc<dyn WaitHub> = Rc::new(SmallHub(RawGreenlet::new(move |mut work: Value| {
//!     loop {
//!         if let Ok(work) = work.downcast::<Box<dyn FnOnce()>>() {
//!             work();
//!         }
//!         work = main.switch(())?;
//!     }
//! })));
//!
//! let waiter = Waiter::new(hub.clone());
//! let greenlet = RawGreenlet::new({
//!     let waiter = waiter.clone();
//!     move |_| Ok(Value::new(waiter.get()?)) // parks here: switches to the hub
//! });
//! greenlet.switch(())?;
//! let wake: Box<dyn FnOnce()> = Box::new(move || waiter.switch(42).expect("the hub may wake"));
//! hub.greenlet().switch(Value::new(wake))?;
//! assert!(greenlet.dead());
//! # Ok::<(), Exception>(())
//! ```

#![forbid(unsafe_code)]

mod error;
mod hub;
mod multiple;
mod park;
mod resume;
mod source;
mod stored;
mod waiter;

pub use error::{ConcurrentObjectUseError, InvalidSwitchError, NotInHubError};
pub use hub::{Failed, WaitHub, Wake};
pub use multiple::MultipleWaiter;
pub use park::Park;
pub use resume::Resume;
pub use source::Source;
pub use waiter::Waiter;
