//! What most programs use, for one line at their top.
//!
//! It leaves out `gevent::core`, which would stand in the way of Rust's own `core`, and whatever a module's name makes
//! plainer: `event::Event`, `queue::Queue`, `socket::TcpStream`.
//!
//! ```
//! use gevent::prelude::*;
//!
//! let jobs: Vec<_> = (1..4).map(|n| spawn(move || sleep(0.001).map(|()| n * n))).collect();
//! joinall(&jobs, 10)?;
//! let squares: Vec<i32> = jobs.iter().filter_map(Greenlet::value).collect();
//! assert_eq!(squares, [1, 4, 9]);
//! # Ok::<(), Exception>(())
//! ```

pub use crate::{
    AnyGreenlet, Context, Exception, Greenlet, GreenletExit, Hub, Linkable, Raised, Seconds,
    Timeout, TimeoutError, get_hub, getcurrent, idle, iwait, joinall, kill, killall, run, scope,
    sleep, spawn, spawn_later, wait, with_timeout,
};
