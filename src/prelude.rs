//! The functions and types that most programs use, to be imported in one line.
//!
//! The prelude leaves out `gevent::core`, which would hide Rust's own `core`, and types that are clearer with the name
//! of their module: `event::Event`, `queue::Queue`, `socket::TcpStream`.
//!
//! ```
//! use gevent::prelude::*;
//!
//! let jobs: Vec<_> = (1..4).map(|n| spawn(move || sleep(0.001).map(|()| n * n))).collect();
//! joinall_timeout(&jobs, 10)?;
//! let squares: Vec<i32> = jobs.iter().filter_map(Greenlet::value).collect();
//! assert_eq!(squares, [1, 4, 9]);
//! # Ok::<(), Exception>(())
//! ```

pub use crate::{
    AnyGreenlet, Context, Except, Exception, Greenlet, GreenletExit, Hub, JoinAll, Kill, Link, Linkable, Raised,
    Seconds, Spawned, Timeout, TimeoutError, Wait, get_hub, getcurrent, idle, iwait, iwait_timeout, iwait_with,
    joinall, joinall_timeout, joinall_with, kill, killall, killall_with, reinit, run, scope, signal_handler, sleep,
    spawn, spawn_later, spawn_raw, wait, wait_timeout, wait_with, with_timeout,
};
