//! Making greenlets.

use std::fmt;
use std::panic::Location;

use crate::attached::{Attached, Data, Label, Run};
use crate::core::RawGreenlet;
use crate::exception::Exception;
use crate::greenlet::getcurrent;
use crate::stack::StackSize;
use crate::value::Value;

/// A function with more to carry than so many bytes is kept apart: its room in the greenlet's memory is not
/// given back before all of that is.
const LARGE: usize = 256;

/// Settings of a greenlet, for those that differ from the default.
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
    /// The size of the stack; see [`StackSize`] for the default. A number means bytes.
    pub fn stack_size(mut self, size: impl Into<StackSize>) -> Self {
        self.stack_size = Some(size.into());
        self
    }

    /// The parent, instead of the greenlet that makes it.
    pub fn parent(mut self, parent: &RawGreenlet) -> Self {
        self.parent = Some(parent.clone());
        self
    }

    /// A greenlet that serves the others and is expected to be there still when its thread ends: it is not
    /// mentioned among those that are [left behind](crate::unwind_all) then.
    pub fn daemon(mut self) -> Self {
        self.daemon = true;
        self
    }
}

impl<N: Label> Builder<N> {
    /// What it is called as long as nobody has named it. It needs no allocation of its own.
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
    pub fn build(
        self,
        run: impl FnOnce(Value) -> Result<Value, Exception> + 'static,
    ) -> RawGreenlet {
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
        // SAFETY: it was made with these data.
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

    /// Settings first: stack size, parent.
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
