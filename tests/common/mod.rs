//! Helpers of the tests that run real programs: processes that can neither outlive a test nor hang it, servers, and
//! the portforwarder example.

pub(crate) mod children;
pub(crate) mod folder;
pub(crate) mod forwarder;
pub(crate) mod installed;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod redis;
pub(crate) mod this_program;

use std::time::{Duration, Instant};

/// The result of these tests.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The limit of waits that take next to no time unless something is broken.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Calls `condition` until it returns an answer. If that takes longer than `limit`, the error names `what` was waited
/// for.
pub(crate) fn eventually<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = condition()? {
            return Ok(answer);
        }
        if start.elapsed() > limit {
            return Err(format!("still waiting for {what} after {limit:?}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Raises this process's limit of open files as far as it may.
pub(crate) fn raise_fd_limit() -> Result {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
