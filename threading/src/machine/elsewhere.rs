//! Where there are no virtual threads.

use std::convert::Infallible;
use std::thread;

use crate::unsupported::Unsupported;

/// There is none.
pub(crate) struct Block(Infallible);

impl Block {
    pub(crate) fn new() -> Option<Block> {
        None
    }

    pub(crate) fn inside<R>(&self, _: impl FnOnce() -> R) -> thread::Result<R> {
        match self.0 {}
    }

    pub(crate) fn run_destructors(&self) {
        match self.0 {}
    }
}

/// There is none.
pub(crate) struct SharedBlock(Block);

impl SharedBlock {
    pub(crate) fn new() -> Option<SharedBlock> {
        None
    }

    pub(crate) fn block(&self) -> &Block {
        &self.0
    }

    pub(crate) fn pthread(&self) -> usize {
        match self.0.0 {}
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match self.0 {}
    }
}

pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> thread::Result<R> {
    Ok(f())
}

pub(crate) fn set_stack(_: usize, _: usize, _: usize) {}

pub(crate) fn supported() -> Result<(), Unsupported> {
    Err(if cfg!(static_c_library) {
        Unsupported::Static
    } else {
        Unsupported::Platform
    })
}
