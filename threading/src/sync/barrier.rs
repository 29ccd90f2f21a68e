//! [`Barrier`].

use std::fmt;

use super::line::{Called, Line, Monitor, raise};

/// Where threads wait for each other, a number of them at a time.
///
/// ```
/// use gevent_threading::spawn;
/// use gevent_threading::sync::{Arc, Barrier};
///
/// let barrier = Arc::new(Barrier::new(3));
/// let threads: Vec<_> = (0..3).map(|_| {
///     let barrier = barrier.clone();
///     spawn(move || barrier.wait().is_leader())
/// }).collect();
/// let leaders = threads.into_iter().map(|thread| thread.join().unwrap());
/// assert_eq!(leaders.filter(|is_leader| *is_leader).count(), 1);
/// ```
///
/// Source: [`std::sync::Barrier`].
pub struct Barrier {
    size: usize,
    state: Monitor<State>,
}

struct State {
    /// How many have come, of those who go on together.
    come: usize,
    line: Line,
}

/// What [`Barrier::wait`] returns.
///
/// Source: [`std::sync::BarrierWaitResult`].
pub struct BarrierWaitResult(bool);

impl Barrier {
    /// A barrier that so many threads pass together.
    #[must_use]
    pub const fn new(n: usize) -> Barrier {
        let state = State {
            come: 0,
            line: Line::new(),
        };
        Barrier {
            size: n,
            state: Monitor::new(state),
        }
    }

    /// Waits until as many threads have come as the barrier is for. One of them is the leader: the last one.
    ///
    /// # Panics
    /// As [`park`](crate::park), if an exception is thrown into the caller. If the others have not gone on yet, they
    /// wait for another one in its place.
    pub fn wait(&self) -> BarrierWaitResult {
        let mut state = self.state.enter();
        state.come += 1;
        if state.come >= self.size {
            state.come = 0;
            let called = state.line.call_all();
            drop(state);
            called.wake();
            return BarrierWaitResult(true);
        }
        let waiter = state.line.join(());
        let gives_up = |state: &mut State, called: bool| {
            if !called {
                state.come -= 1;
            }
            Called::default()
        };
        let parked = (self.state).wait(state, &waiter, |state| &mut state.line, None, gives_up);
        drop(parked.unwrap_or_else(|thrown| raise(thrown)));
        BarrierWaitResult(false)
    }
}

impl BarrierWaitResult {
    /// Whether the caller is the one that has come last.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult")
            .field("is_leader", &self.is_leader())
            .finish()
    }
}
