//! gevent for Rust: greenlets that run plain blocking code, up to a million on one thread, on libev.
//!
//! 1. A *greenlet* is a function with a stack of its own; [`spawn`] makes one.
//! 2. Whenever a greenlet would block (in [`sleep`], in a socket's `read`, in a queue's `get`), it is *parked*, and its
//!    thread goes on with another one.
//! 3. The thread's [`Hub`], itself a greenlet, runs a libev loop and switches back to the greenlets that can go on.
//! 4. Nothing is preempted: between two calls that block, a greenlet has the thread for itself, so `Cell`, `RefCell`
//!    and `Rc` are enough to share data.
//! 5. Names and meaning are those of Python's gevent: every module is the counterpart of gevent's module of that name.
//!
//! ```
//! use gevent::prelude::*;
//!
//! let greenlets: Vec<_> = (0..3)
//!     .map(|i| {
//!         spawn(move || {
//!             sleep(0.01 * f64::from(3 - i))?;
//!             Ok(i * i)
//!         })
//!     })
//!     .collect();
//! joinall(&greenlets)?;
//! let squares: Result<Vec<_>, _> = greenlets.iter().map(|g| g.get()).collect();
//! assert_eq!(squares?, [0, 1, 4]);
//! # Ok::<(), Exception>(())
//! ```
//!
//! # `Exception` and `?`
//!
//! Every call that may wait returns a `Result` whose error is an [`Exception`]. A [kill](Greenlet::kill) or a
//! [`Timeout`] *throws*: the call in which the greenlet waits returns the exception as its error, and `?` passes it on.
//! Every std error becomes an `Exception` by `?` as well, and [`is`](Exception::is) and
//! [`downcast_ref`](Exception::downcast_ref) find it again. A greenlet's function returns a plain value or a `Result`;
//! [`get`](Greenlet::get) returns that value or error.
//!
//! ```
//! use gevent::prelude::*;
//!
//! // A std error: it is reported on stderr, and is what `get` returns.
//! let parsing = spawn(|| Ok("forty-two".parse::<i32>()?));
//! assert!(parsing.get().unwrap_err().is::<std::num::ParseIntError>());
//!
//! // A kill: the greenlet ends in its `sleep`, and its destructors run.
//! let patient = spawn(|| sleep(100));
//! sleep(0)?;
//! patient.kill()?;
//! assert!(patient.get().unwrap_err().is::<GreenletExit>());
//!
//! // A timeout of this greenlet's own.
//! let timeout = Timeout::start_new(0.01);
//! let error = sleep(100).unwrap_err();
//! assert!(timeout.caused(&error));
//! # Ok::<(), Exception>(())
//! ```
//!
//! # Modules
//!
//! | here | gevent | contents |
//! |---|---|---|
//! | the root, [`prelude`] | `gevent` | [`spawn`], [`sleep`], [`joinall`], [`wait()`], [`get_hub`] |
//! | [`greenlet`](mod@greenlet) | `gevent.greenlet` | [`Greenlet`]: joined, killed, linked to |
//! | [`timeout`] | `gevent.timeout` | [`Timeout`], [`with_timeout`] |
//! | [`event`] | `gevent.event` | `Event`, `AsyncResult` |
//! | [`lock`] | `gevent.lock` | `Semaphore`, `BoundedSemaphore`, `RLock`; threading's `Condition`, `Barrier` |
//! | [`queue`] | `gevent.queue` | `Queue`, `PriorityQueue`, `Channel` and others |
//! | [`pool`] | `gevent.pool` | `Group`, `Pool`, and `map` of both |
//! | [`local`](mod@local) | `gevent.local` | `Local`, [`local!`](crate::local!) |
//! | [`socket`] | `gevent.socket` | `TcpStream`, `TcpListener`, `UdpSocket`, `UnixStream`, `UnixListener`, `UnixDatagram`; `Socket` |
//! | [`select`] | `gevent.select` | `select`, `Poll`: waiting for several descriptors at once |
//! | [`selectors`] | `gevent.selectors` | `GeventSelector` |
//! | [`resolver`] | `gevent.resolver` | `Resolver`, and what looks names up |
//! | [`server`] | `gevent.server` | `StreamServer`, `DatagramServer` |
//! | [`baseserver`] | `gevent.baseserver` | `BaseServer`, what servers have in common |
//! | `pywsgi`, with the feature `pywsgi` | `gevent.pywsgi` | `WSGIServer`: HTTP |
//! | `ssl`, with the feature `ssl` | `gevent.ssl` | `SSLContext`, `SslStream`: TLS |
//! | [`subprocess`] | `gevent.subprocess` | `Popen`, `run`, `check_output` and others: child processes |
//! | [`fileobject`](mod@fileobject) | `gevent.fileobject` | `FileObject`, `FileObjectPosix`, `FileObjectThread`; `stdin`, `stdout` |
//! | [`os`] | `gevent.os` | `fork`, `waitpid`, `nb_read`, `tp_read` |
//! | [`signal`] | `gevent.signal` | `signal`, `getsignal`; `signal_handler` |
//! | [`threadpool`] | `gevent.threadpool` | `ThreadPool`, `ThreadPoolExecutor` |
//! | [`backdoor`] | `gevent.backdoor` | `BackdoorServer`: a console in a running process |
//! | [`util`] | `gevent.util` | `GreenletTree`, `print_run_info`, `dump_on_signal`, `assert_switches` |
//! | [`future`] | | futures in greenlets, and greenlets as futures |
//! | [`threadsafe`] | | events, results, semaphores and queues that any thread may use |
//! | [`abstract_linkable`] | `gevent._abstract_linkable` | links and waiters, from which to make events of your own |
//! | [`exceptions`] | `gevent.exceptions` | all error types in one place |
//! | [`config`] | `gevent.config` | settings of the process |
//! | [`monitor`] | `gevent._monitor` | a thread that says which greenlet blocks the loop, and where |
//! | [`events`] | `gevent.events` | events of the process, to which one can subscribe |
//! | [`hub`], [`core`] | `gevent.hub`, `gevent.core` | the hub; libev's loop and its watchers |
//! | [`greenlet_core`] | the package `greenlet` | switch, throw, parents |
//!
//! Beyond gevent: [`run`] ends a thread's greenlets while everything that they use is there, [`scope`] has greenlets
//! that borrow, and [`mask_kill`] holds kills and timeouts back.
//!
//! # Further reading
//!
//! [`guide`] has these pages: [porting code from gevent](guide::porting), [what becomes of a thrown
//! exception](guide::errors), [servers on several cores](guide::several_cores), [futures and
//! greenlets](guide::futures), and a [glossary](guide::glossary).

#![deny(unsafe_code)]

pub mod abstract_linkable;
pub mod backdoor;
pub mod baseserver;
mod descriptor;
pub mod event;
mod except;
pub mod exceptions;
pub mod fileobject;
pub mod future;
pub mod greenlet;
pub mod guide;
mod living;
pub mod local;
pub mod lock;
mod low_numbers;
mod no_sigpipe;
pub mod os;
mod outcome;
mod polls;
pub mod pool;
pub mod prelude;
#[cfg(feature = "pywsgi")]
pub mod pywsgi;
pub mod queue;
pub mod resolver;
mod run;
mod scope;
pub mod select;
pub mod selectors;
pub mod server;
pub mod signal;
pub mod socket;
#[cfg(any(feature = "ssl", feature = "ssl-aws-lc"))]
pub mod ssl;
pub mod subprocess;
mod thread_bound;
pub mod threadpool;
pub mod threadsafe;
pub mod timeout;
pub mod util;

pub use greenlet_core;
pub use greenlet_core::{ExcInfo, Exception, GreenletExit, Object, Raised, RawGreenlet, Value, getcurrent};
pub use hub;
pub use hub::config;
pub use hub::core;
pub use hub::core::{getswitchinterval, setswitchinterval};
pub use hub::events;
pub use hub::monitor;
pub use hub::{
    Context, Hub, Link, LinkKind, LinkResult, Linkable, Seconds, SignalHandler, Wait, get_hub, idle, iwait,
    iwait_timeout, iwait_with, keyboard_interrupt, mask_kill, raise_in_main, reinit, run_main, sleep, sleep_with_ref,
    wait, wait_timeout, wait_with,
};

pub use except::Except;
pub use greenlet::{
    AnyGreenlet, AsGreenlet, Greenlet, JoinAll, Kill, Killable, SpawnTreeLocals, Spawned, joinall, joinall_timeout,
    joinall_with, kill, killall, killall_with, spawn, spawn_later, spawn_raw,
};
pub use outcome::{Outcome, Plain, io};
pub use run::{run, run_in_thread};
pub use scope::{Scope, ScopeCancelled, ScopedGreenlet, scope};
pub use signal::signal_handler;
pub use thread_bound::{IntoInnerError, ThreadBound};
pub use timeout::{IntoTimeout, Timeout, TimeoutError, with_timeout};
