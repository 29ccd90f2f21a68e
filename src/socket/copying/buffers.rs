//! [`Buffer`]: the memory of a call that copies. Each thread keeps some, so that nothing is allocated in steady state.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// How many bytes a buffer has. With fewer, the calls of the system take longer than the data: a quarter of this costs
/// half as much again for each byte. With more, a copy does not get faster.
pub(in crate::socket) const SIZE: usize = 1 << 16;

/// How many buffers a thread keeps that nobody uses: 2 MiB.
const KEPT: usize = 32;

thread_local! {
    static KEPT_BUFFERS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer with unknown contents. It is given back when this is dropped, however the greenlet that has it ends.
pub(in crate::socket) struct Buffer(Box<[u8]>);

impl Buffer {
    pub(in crate::socket) fn take() -> Buffer {
        // At the thread's end, nothing is kept any more.
        let kept = KEPT_BUFFERS.try_with(|kept| kept.borrow_mut().pop());
        Buffer(kept.ok().flatten().unwrap_or_else(|| vec![0; SIZE].into()))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let _ = KEPT_BUFFERS.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < KEPT {
                kept.push(std::mem::take(&mut self.0));
            }
        });
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
