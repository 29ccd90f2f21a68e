//! [`Barrier`]: a point at which greenlets wait for each other. Source: `Barrier` in Python's `threading`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::rc::Rc;

use greenlet_core::Exception;
use hub::Seconds;
use hub::core::CallbackResult;

use super::line::{Deadline, LockLine, Whose};

/// The error of a [`Barrier`] that is broken: it was [aborted](Barrier::abort), or
/// [reset](Barrier::reset) while greenlets waited, or a greenlet waited too long, or the action
/// failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the barrier is broken")]
pub struct BrokenBarrierError;

/// A point at which greenlets wait until a fixed number of them have come, again and again. Handles
/// are cheap to clone and mean the same barrier.
///
/// ```
/// use gevent::lock::Barrier;
///
/// let barrier = Barrier::new(3);
/// let greenlets: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = barrier.clone();
///         gevent::spawn(move || barrier.wait())
///     })
///     .collect();
/// let mut order = Vec::new();
/// for greenlet in &greenlets {
///     order.push(greenlet.get()?);
/// }
/// assert_eq!(order, [0, 1, 2]);
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: `threading.Barrier`.
#[derive(Clone)]
pub struct Barrier(Rc<BarrierBody>);

struct BarrierBody {
    parties: usize,
    action: RefCell<Option<Rc<BarrierAction>>>,
    timeout: Cell<Option<f64>>,
    state: Cell<BarrierState>,
    /// How many greenlets are inside: they wait, or have not left yet.
    count: Cell<usize>,
    line: LockLine<Barrier>,
}

type BarrierAction = dyn Fn() -> Result<(), Exception>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BarrierState {
    /// Greenlets come and wait.
    Filling,
    /// All have come, and the action runs.
    Acting,
    /// The greenlets inside leave, and others wait outside.
    Draining,
    /// The greenlets inside leave with an error, and others wait outside.
    Resetting,
    Broken,
}

impl Whose for Barrier {
    const KIND: &'static str = "Barrier";
}

impl Barrier {
    /// Makes a barrier for `parties` greenlets. With 0, as with 1, every greenlet passes at once.
    pub fn new(parties: usize) -> Barrier {
        Barrier(Rc::new(BarrierBody {
            parties,
            action: RefCell::default(),
            timeout: Cell::default(),
            state: Cell::new(BarrierState::Filling),
            count: Cell::new(0),
            line: LockLine::new(),
        }))
    }

    /// Sets the function that the last greenlet to come calls, before all go on.
    #[must_use]
    pub fn with_action<R: CallbackResult>(self, action: impl Fn() -> R + 'static) -> Barrier {
        self.0.action.replace(Some(Rc::new(move || action().into_result())));
        self
    }

    /// Sets how many seconds a greenlet waits at most, if it gives no timeout of its own.
    #[must_use]
    pub fn with_timeout(self, timeout: impl Seconds) -> Barrier {
        self.0.timeout.set(timeout.seconds());
        self
    }

    /// For how many greenlets the barrier is.
    pub fn parties(&self) -> usize {
        self.0.parties
    }

    /// How many greenlets wait for the others to come.
    pub fn n_waiting(&self) -> usize {
        match self.0.state.get() {
            BarrierState::Filling => self.0.count.get(),
            _ => 0,
        }
    }

    /// Whether the barrier is broken: every greenlet that comes gets an error, until it is
    /// [reset](Barrier::reset).
    pub fn broken(&self) -> bool {
        self.0.state.get() == BarrierState::Broken
    }

    /// Waits until all parties have come; if that takes longer than the barrier's [own](Barrier::with_timeout) timeout,
    /// breaks the barrier. Returns how many greenlets had come before this one.
    ///
    /// # Errors
    /// [`BrokenBarrierError`] if the barrier is broken, or reset meanwhile; the error of the action, in the greenlet
    /// that called it; any exception that is thrown into the current greenlet meanwhile, which does not break the
    /// barrier: it waits for one more greenlet then.
    #[track_caller]
    pub fn wait(&self) -> Result<usize, Exception> {
        self.wait_timeout(None)
    }

    /// [`wait`](Barrier::wait) for at most `timeout` seconds, instead of the barrier's own timeout; `None` means that
    /// one.
    ///
    /// # Errors
    /// As for `wait`; an error if the time is not a number.
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl Seconds) -> Result<usize, Exception> {
        let timeout = timeout.checked()?.or(self.0.timeout.get()).checked()?;
        let inner = &*self.0;
        self.enter()?;
        let index = inner.count.get();
        inner.count.set(index + 1);
        let _inside = InsideBarrier(inner);
        if index + 1 >= inner.parties {
            self.act()?;
        } else {
            self.wait_inside(Deadline::after(timeout))?;
        }
        Ok(index)
    }

    /// Waits outside until the greenlets of the time before have left.
    #[track_caller]
    fn enter(&self) -> Result<(), Exception> {
        loop {
            match self.0.state.get() {
                BarrierState::Filling => return Ok(()),
                BarrierState::Broken => return Err(BrokenBarrierError.into()),
                BarrierState::Acting | BarrierState::Draining | BarrierState::Resetting => {
                    self.0.line.wait(None)?;
                }
            }
        }
    }

    fn act(&self) -> Result<(), Exception> {
        // Breaks the barrier, unless the action comes to a good end.
        let break_ = BreakOnDrop(self);
        let action = self.0.action.borrow().clone();
        if let Some(action) = action {
            self.0.state.set(BarrierState::Acting);
            action()?;
        }
        std::mem::forget(break_);
        if matches!(self.0.state.get(), BarrierState::Filling | BarrierState::Acting) {
            self.change(BarrierState::Draining);
        }
        Ok(())
    }

    #[track_caller]
    fn wait_inside(&self, deadline: Deadline) -> Result<(), Exception> {
        loop {
            match self.0.state.get() {
                BarrierState::Filling => {
                    let left = deadline.left();
                    if left.is_some_and(|seconds| seconds <= 0.0) {
                        self.abort();
                    } else {
                        self.0.line.wait(left)?;
                    }
                }
                // All came in time, so the rest of the wait has no limit.
                BarrierState::Acting => drop(self.0.line.wait(None)?),
                BarrierState::Draining => return Ok(()),
                BarrierState::Resetting | BarrierState::Broken => {
                    return Err(BrokenBarrierError.into());
                }
            }
        }
    }

    /// Makes the barrier as new. Greenlets that wait get [`BrokenBarrierError`].
    pub fn reset(&self) {
        let state = match (self.0.count.get(), self.0.state.get()) {
            (0, _) => BarrierState::Filling,
            // The greenlets inside are about to leave, and with the last one it is as new.
            (_, BarrierState::Draining) => return,
            _ => BarrierState::Resetting,
        };
        self.change(state);
    }

    /// Breaks the barrier: greenlets that wait, or come later, get [`BrokenBarrierError`].
    pub fn abort(&self) {
        self.change(BarrierState::Broken);
    }

    fn change(&self, state: BarrierState) {
        self.0.state.set(state);
        self.0.line.notify(usize::MAX);
    }
}

/// A guard that breaks the barrier when it is dropped. It is forgotten after a good end.
struct BreakOnDrop<'a>(&'a Barrier);

impl Drop for BreakOnDrop<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Counts a greenlet as inside, while it lives. The last one that is dropped opens the barrier for
/// those outside.
struct InsideBarrier<'a>(&'a BarrierBody);

impl Drop for InsideBarrier<'_> {
    fn drop(&mut self) {
        let count = self.0.count.get() - 1;
        self.0.count.set(count);
        if count == 0 && matches!(self.0.state.get(), BarrierState::Draining | BarrierState::Resetting) {
            self.0.state.set(BarrierState::Filling);
            self.0.line.notify(usize::MAX);
        }
    }
}

impl PartialEq for Barrier {
    /// Whether both are handles of the same barrier.
    fn eq(&self, other: &Barrier) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Barrier {}

impl Hash for Barrier {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, parties) = (self.0.state.get(), self.0.parties);
        let address = Rc::as_ptr(&self.0).addr();
        write!(
            f,
            "<Barrier at {address:#x} {state:?} waiters={}/{parties}>",
            self.n_waiting()
        )
    }
}
