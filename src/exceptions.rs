//! The error types of all modules in one place. Source: gevent's `exceptions.py`.
//!
//! ```
//! use gevent::exceptions::{Empty, Full};
//! use gevent::prelude::*;
//! use gevent::queue::Queue;
//!
//! fn pass_on(queue: &Queue<i32>) -> Result<(), Exception> {
//!     let item = queue.get_timeout(0.001)?;
//!     Ok(queue.put(item)?)
//! }
//!
//! match pass_on(&Queue::new()) {
//!     Err(ex) if ex.is::<Empty>() => println!("nothing there"),
//!     Err(ex) if ex.is::<Full>() => println!("no space"),
//!     other => other?,
//! }
//! # Ok::<(), Exception>(())
//! ```

pub use greenlet_core::{AsError, GreenletError, GreenletExit, Message, Panic, Place, StackError};
pub use hub::core::HubDestroyed;
pub use hub::exceptions::*;
pub use waiter::{ConcurrentObjectUseError, InvalidSwitchError, NotInHubError};

pub use crate::greenlet::JoinSelfError;
pub use crate::lock::{BrokenBarrierError, NotOwnedError, OverReleaseError};
pub use crate::pool::PoolFull;
pub use crate::queue::{Empty, Full, PutError, ShutDown, TaskDoneError};
pub use crate::resolver::{GaiError, HError, UnknownResolver};
pub use crate::socket::NotLoopbackError;
pub use crate::thread_bound::InvalidThreadUseError;
pub use crate::threadpool::{ExecutorShutDownError, LostInForkError, PoolSizeError};
pub use crate::timeout::{TimeoutError, TimeoutStartedError};
pub use crate::util::FailedToSwitch;
pub use hub::TimedOut;
