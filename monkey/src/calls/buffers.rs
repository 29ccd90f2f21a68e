//! [`Rest`]: what is left of the buffers of a call that has done a part of its work.

use std::ptr;

use libc::{c_int, iovec, msghdr};

/// The kernel moves so many bytes in one call, at most.
pub(super) const MOST: usize = 0x7fff_f000;
/// So many buffers are given to the kernel at a time, of those that are left.
const AT_A_TIME: usize = 16;

/// How many bytes a call is to move in all.
///
/// # Safety
/// There are so many buffers.
pub(super) unsafe fn total(buffers: *const iovec, count: usize) -> usize {
    // SAFETY: by this function's contract; a null pointer has no buffers.
    let lengths = (0..count).map(|n| unsafe { (*buffers.add(n)).iov_len });
    lengths.fold(0, usize::saturating_add).min(MOST)
}

/// The first of the buffers that are left. The first one may be a part of a buffer.
pub(super) struct Rest {
    buffers: [iovec; AT_A_TIME],
    count: usize,
}

impl Rest {
    /// What is left of some buffers after the first `done` bytes.
    ///
    /// # Safety
    /// There are so many buffers.
    pub(super) unsafe fn of(buffers: *const iovec, count: usize, mut done: usize) -> Rest {
        let none = iovec {
            iov_base: ptr::null_mut(),
            iov_len: 0,
        };
        let mut rest = Rest {
            buffers: [none; AT_A_TIME],
            count: 0,
        };
        for n in 0..count {
            // SAFETY: by this function's contract.
            let mut buffer = unsafe { *buffers.add(n) };
            if rest.count == AT_A_TIME {
                break;
            }
            if rest.count == 0 {
                let skipped = done.min(buffer.iov_len);
                done -= skipped;
                if skipped == buffer.iov_len {
                    continue;
                }
                buffer.iov_base = buffer.iov_base.wrapping_byte_add(skipped);
                buffer.iov_len -= skipped;
            }
            rest.buffers[rest.count] = buffer;
            rest.count += 1;
        }
        rest
    }

    /// Leaves `len` bytes of them, at most.
    pub(super) fn cut(&mut self, mut len: usize) {
        for n in 0..self.count {
            let buffer = &mut self.buffers[n];
            buffer.iov_len = buffer.iov_len.min(len);
            len -= buffer.iov_len;
            if len == 0 {
                self.count = n + 1;
                break;
            }
        }
    }

    pub(super) fn buffers(&self) -> &[iovec] {
        &self.buffers[..self.count]
    }

    /// A message of these buffers, for this system call only.
    pub(super) fn message(&mut self) -> msghdr {
        message(self.buffers.as_ptr(), self.count as c_int)
    }
}

/// A message of buffers, without an address and without control data.
pub(super) fn message(buffers: *const iovec, count: c_int) -> msghdr {
    // SAFETY: a message is numbers and pointers, and null pointers say that something is not there.
    let mut message: msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = buffers.cast_mut();
    message.msg_iovlen = count as _;
    message
}
