//! Types and functions that the tests of this crate share.
#![allow(dead_code, reason = "not every test uses all of it")]

use std::cell::Cell;
use std::rc::Rc;

use greenlet_core::{Exception, RawGreenlet, getcurrent};

pub(crate) type TestResult = Result<(), Exception>;

#[derive(Debug, thiserror::Error)]
#[error("some error")]
pub(crate) struct SomeError;

/// Adds one to a counter when it is dropped.
pub(crate) struct Counted(pub(crate) Rc<Cell<usize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A greenlet parked in a switch to the current one, with a [`Counted`] on its stack.
pub(crate) fn parked(drops: &Rc<Cell<usize>>) -> Result<RawGreenlet, Exception> {
    let (main, drops) = (getcurrent(), drops.clone());
    let g = RawGreenlet::new(move |_| {
        let _counted = Counted(drops);
        main.switch(())
    });
    g.switch(())?;
    Ok(g)
}
