//! Making greenlets.

use std::panic::Location;

use crate::core::RawGreenlet;
use crate::exception::Exception;
use crate::greenlet::getcurrent;
use crate::stack::StackSize;
use crate::value::Value;

/// Settings of a greenlet, for those that differ from the default.
#[derive(Debug, Default)]
#[must_use = "settings alone make no greenlet"]
pub struct Builder {
    stack_size: Option<StackSize>,
    parent: Option<RawGreenlet>,
}

impl Builder {
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

    /// Makes the greenlet. It takes its stack when it is first switched to.
    #[track_caller]
    pub fn build(
        self,
        run: impl FnOnce(Value) -> Result<Value, Exception> + 'static,
    ) -> RawGreenlet {
        let parent = self.parent.unwrap_or_else(getcurrent);
        RawGreenlet::create(
            parent.core().thread.clone(),
            Some(Box::new(run)),
            self.stack_size.unwrap_or_default(),
            Some(parent),
            Location::caller(),
        )
    }
}

impl RawGreenlet {
    /// A greenlet that will run `run`, with the current greenlet as its parent. `run` gets the
    /// value of the first switch; what it returns goes to the parent.
    #[track_caller]
    pub fn new(run: impl FnOnce(Value) -> Result<Value, Exception> + 'static) -> Self {
        Builder::default().build(run)
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
