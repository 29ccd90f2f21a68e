//! Futures that greenlets wait for, and greenlets that futures wait for. gevent has no counterpart.
//!
//! | to wait in | for | is written |
//! |---|---|---|
//! | a greenlet | a future of whatever origin | [`block_on(future)`](block_on()) |
//! | a future | a greenlet, a result, an event, a child process of this thread | `greenlet.await`, `result.await`, `event.await`, `popen.await` |
//! | a future | a permit of a semaphore of this thread | [`semaphore.acquire_async().await`](crate::lock::Semaphore::acquire_async) |
//! | a future | the items of a queue or channel of this thread, and place in it | [`queue.get_async().await`](crate::queue::BaseQueue::get_async), [`queue.put_async(item).await`](crate::queue::BaseQueue::put_async) |
//! | a future | the end of all greenlets of a group or pool, of all tasks of a queue | [`group.join_async().await`](crate::pool::Group::join_async), [`queue.join_async().await`](crate::queue::BaseJoinableQueue::join_async) |
//! | a future | several of them | [`join_all(..).await`](join_all()) |
//! | a future | the data of a stream of [`socket`](crate::socket), of a pipe of a child | [`Async::new(stream)`](Async), by the traits of futures-io, hyper or tokio |
//! | an executor that is not ours, in this thread | greenlets, and what they do | [`HubDriver::new()?.run(future)`](HubDriver) |
//!
//! [`spawn_local`] makes a greenlet of a future, and [`SharedExecutor`] has thousands of them share greenlets. With the
//! feature `tokio`, a greenlet can wait for futures that need tokio's sockets and timers: `InTokio` enters the context
//! of a runtime in another thread, which `TokioRuntime` makes.
//!
//! ```
//! use gevent::event::AsyncResult;
//! use gevent::future::{block_on, spawn_local};
//!
//! let number = AsyncResult::new();
//! let greenlet = gevent::spawn({
//!     let number = number.clone();
//!     move || {
//!         gevent::sleep(0.001)?; // waits as greenlets do
//!         number.set(20);
//!         Ok(1)
//!     }
//! });
//! let sum = spawn_local(async move { Ok(number.await? + greenlet.await?) });
//! assert_eq!(block_on(sum)??, 21);
//! # Ok::<(), gevent::Exception>(())
//! ```
//!
//! [Futures and greenlets](crate::guide::futures) has the same code in both ways, says which call is for what, and what
//! waits for ever.
//!
//! # Who drives a future
//!
//! [`block_on`](block_on()) polls the future in the greenlet that calls it, and parks the greenlet while the future is
//! pending. So any number of futures are under way at once, one in each greenlet. A future may call what waits: that
//! parks the greenlet in the middle of its poll, and delays only the futures that are polled by the same greenlet.
//!
//! The objects of this thread, as futures, are told by its hub. They can be awaited by whatever lets the hub run: by
//! greenlets, and by executors that wait in one. Another executor, such as tokio's, waits by itself, so that the hub
//! would never run. It needs a [`HubDriver`], a future that gives the hub its turns.

use std::sync::atomic;

mod block_on;
mod driver;
#[cfg(feature = "tokio")]
mod in_tokio;
mod io;
mod join_all;
mod linked;
mod shared;
mod spawn;
mod state;
#[cfg(feature = "futures-io")]
mod streams;
mod task;
#[cfg(feature = "tokio")]
mod tokio_runtime;

pub use block_on::block_on;
pub use driver::HubDriver;
#[cfg(feature = "tokio")]
pub use in_tokio::InTokio;
pub use io::{Async, PollRead, PollWrite, Pollable};
#[cfg(feature = "hyper")]
pub use io::{HubExecutor, HubTimer};
pub use join_all::{JoinAll, join_all};
pub use linked::{Awaitable, Linked};
pub use shared::SharedExecutor;
pub use spawn::spawn_local;
#[cfg(feature = "futures-io")]
pub use streams::{ChannelStream, IwaitStream, QueueSink, QueueStream, iwait_stream};
pub(crate) use task::LocalWaker;
#[cfg(feature = "tokio")]
pub use tokio_runtime::TokioRuntime;
