//! [`Buffers`]: what a file object has read ahead, and what it has still to write.

use std::rc::Rc;

/// The buffers of a file object.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) ahead: Ahead,
    pub(super) out: Vec<u8>,
}

/// What was read, and how much of it was taken.
#[derive(Default)]
pub(super) struct Ahead {
    /// What was read lies in the middle of it. It is kept for the next time.
    data: Rc<Vec<u8>>,
    start: usize,
    end: usize,
}

/// A larger buffer is not kept when it is empty.
const KEPT: usize = 1 << 20;

impl Ahead {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn left(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    /// Copies as much as there is and fits, and takes it.
    pub(super) fn copy_to(&mut self, buf: &mut [u8]) -> usize {
        let n = self.left().len().min(buf.len());
        buf[..n].copy_from_slice(&self.left()[..n]);
        self.take(n);
        n
    }

    pub(super) fn take(&mut self, amount: usize) {
        self.start += amount.min(self.end - self.start);
        if self.is_empty() && self.data.len() > KEPT {
            self.data = Rc::default();
        }
    }

    pub(super) fn clear(&mut self) {
        self.start = self.end;
    }

    /// Fills the empty buffer by `read`, which gets `size` bytes of place and returns how many it has filled.
    pub(super) fn fill<E>(
        &mut self,
        size: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        debug_assert!(self.is_empty());
        // If somebody still looks at the last bytes, they stay where they are.
        if Rc::get_mut(&mut self.data).is_none_or(|data| data.len() < size) {
            // Zeros of the system cost less than growing.
            self.data = Rc::new(vec![0; size]);
        }
        (self.start, self.end) = (0, 0);
        let filled = read(&mut Rc::make_mut(&mut self.data)[..size]);
        self.end = *filled.as_ref().unwrap_or(&0);
        filled
    }

    /// Takes the empty buffer away, as `size` bytes of place or more.
    pub(super) fn place(&mut self, size: usize) -> Vec<u8> {
        let data = Rc::try_unwrap(std::mem::take(&mut self.data)).unwrap_or_default();
        (self.start, self.end) = (0, 0);
        match data.len() >= size {
            true => data,
            false => vec![0; size],
        }
    }

    /// Adds what was read: the first `n` bytes of `data`.
    pub(super) fn put(&mut self, mut data: Vec<u8>, n: usize) {
        let mut end = n;
        if !self.is_empty() {
            let mut all = self.left().to_vec();
            all.extend_from_slice(&data[..n]);
            (data, end) = (all, self.left().len() + n);
        }
        (self.start, self.end) = (0, end);
        self.data = Rc::new(data);
    }

    /// The bytes that are left, for somebody who looks at them without taking them.
    pub(super) fn lend(&self) -> Lent {
        Lent {
            data: self.data.clone(),
            start: self.start,
            end: self.end,
        }
    }
}

/// Bytes that somebody looks at. They stay as they are, whatever becomes of the buffer.
pub(super) struct Lent {
    data: Rc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Lent {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }
}
