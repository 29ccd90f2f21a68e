//! [`spawn_local`]: a future that runs in a greenlet of its own.

use greenlet_core::Exception;

use super::block_on;
use crate::{Greenlet, Outcome};

/// Starts a greenlet that runs the future to its end. It is a greenlet as any other: it can be joined, awaited, linked
/// to and killed, which drops the future. What the future calls may wait.
///
/// Source: `spawn_local` of the executors for one thread, and [`spawn`](crate::spawn).
///
/// ```
/// use gevent::future::{block_on, spawn_local};
///
/// let doubled = spawn_local(async {
///     let half = gevent::spawn(|| 21).await?;
///     Ok(2 * half)
/// });
/// assert_eq!(doubled.get()?, 42);
/// assert_eq!(block_on(&doubled)??, 42);
/// # Ok::<(), gevent::Exception>(())
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> Greenlet<<F::Output as Outcome>::Value>
where
    F: IntoFuture + 'static,
    F::Output: Outcome,
{
    crate::spawn(move || -> Result<<F::Output as Outcome>::Value, Exception> { block_on(future)?.into_result() })
}
