//! Making greenlets.

use std::fmt;
use std::panic::Location;

use crate::attached::{Attached, Data, Label, Run};
use crate::core::RawGreenlet;
use crate::exception::Exception;
use crate::greenlet::getcurrent;
use crate::stack::StackSize;
use crate::value::Value;

/// A function that is larger than so many bytes gets a box of its own: room inside the greenlet's memory would
/// not be given back when the function has run, but with all of that memory.
const LARGE: usize = 256;

/// Settings for a greenlet that is to be made.
#[must_use = "settings alone make no greenlet"]
pub struct Builder<N = ()> {
    stack_size: Option<StackSize>,
    parent: Option<RawGreenlet>,
    daemon: bool,
    label: N,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            stack_size: None,
            parent: None,
            daemon: false,
            label: (),
        }
    }
}

impl<N> fmt::Debug for Builder<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("stack_size", &self.stack_size)
            .field("parent", &self.parent)
            .field("daemon", &self.daemon)
            .finish_non_exhaustive()
    }
}

impl<N> Builder<N> {
    /// Sets the size of the stack; see [`StackSize`] for the default. A number means bytes.
    pub fn stack_size(mut self, size: impl Into<StackSize>) -> Self {
        self.stack_size = Some(size.into());
        self
    }

    /// Sets the parent; by default it is the greenlet that calls [`build`](Builder::build).
    pub fn parent(mut self, parent: &RawGreenlet) -> Self {
        self.parent = Some(parent.clone());
        self
    }

    /// Marks a greenlet that serves others and is expected to be parked still when its thread ends: the message
    /// about greenlets that a thread leaves behind does not count it.
    pub fn daemon(mut self) -> Self {
        self.daemon = true;
        self
    }
}

impl<N: Label> Builder<N> {
    /// Sets a label, which names the greenlet as long as nobody has set a name. It needs no allocation of its own.
    ///
    /// ```
    /// use greenlet_core::{Label, RawGreenlet, Value};
    ///
    /// struct Job(u32);
    ///
    /// impl Label for Job {
    ///     fn label(&self) -> Option<String> {
    ///         Some(format!("job {}", self.0))
    ///     }
    /// }
    ///
    /// let g = RawGreenlet::builder().label(Job(7)).build(|_| Ok(Value::None));
    /// assert_eq!(g.name().as_deref(), Some("job 7"));
    /// g.set_name("the last");
    /// assert_eq!(g.name().as_deref(), Some("the last"));
    /// ```
    pub fn label<M: Label>(self, label: M) -> Builder<M> {
        Builder {
            stack_size: self.stack_size,
            parent: self.parent,
            daemon: self.daemon,
            label,
        }
    }

    /// Makes the greenlet. It takes its stack when it is first switched to.
    #[track_caller]
    pub fn build(self, run: impl FnOnce(Value) -> Result<Value, Exception> + 'static) -> RawGreenlet {
        self.make((), move |(), value| run(value))
    }

    /// Makes a greenlet with data of its own, which its function gets to see.
    #[track_caller]
    pub fn build_with<D: Data>(
        self,
        data: D,
        run: impl FnOnce(&D, Value) -> Result<Value, Exception> + 'static,
    ) -> Attached<D> {
        let greenlet = self.make(data, run);
        // SAFETY: the greenlet was made with these data.
        unsafe { Attached::of_new(greenlet) }
    }

    #[track_caller]
    fn make<D: Data, F: Run<D>>(self, data: D, function: F) -> RawGreenlet {
        if const { size_of::<F>() > LARGE } {
            self.make_of_that_size(data, Box::new(function))
        } else {
            self.make_of_that_size(data, function)
        }
    }

    #[track_caller]
    fn make_of_that_size<D: Data>(self, data: D, function: impl Run<D>) -> RawGreenlet {
        let parent = self.parent.unwrap_or_else(getcurrent);
        let greenlet = RawGreenlet::create(
            parent.core().thread.clone(),
            data,
            self.label,
            Some(function),
            self.stack_size.unwrap_or_default(),
            Some(parent),
            Location::caller(),
        );
        if self.daemon {
            greenlet.core().daemon.set(true);
        }
        greenlet
    }
}

impl RawGreenlet {
    /// A greenlet that will run `run`, with the current greenlet as its parent. `run` gets the
    /// value of the first switch; what it returns goes to the parent.
    #[track_caller]
    pub fn new(run: impl FnOnce(Value) -> Result<Value, Exception> + 'static) -> Self {
        RawGreenlet::builder().build(run)
    }

    /// Begins with the settings: stack size, parent and so on.
    ///
    /// ```
    /// use greenlet_core::{RawGreenlet, StackSize, Value};
    /// let g = RawGreenlet::builder()
    ///     .stack_size(StackSize::mib(1))
    ///     .build(|_| Ok(Value::None));
    /// g.switch(())?;
    /// # Ok::<(), greenlet_core::Exception>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }
}
