//! Waits for words that processes may share: who wakes may be another process, which knows the kernel only. So a real
//! thread waits in the caller's place.

use libc::c_long;

use super::Call;
use crate::real_thread::by_real_thread;
use crate::wait::{errno, set_errno};

/// None if the caller has to wait by itself.
pub(super) fn wait(call: Call) -> Option<c_long> {
    let waited = by_real_thread(move || {
        // SAFETY: the arguments are the caller's, whose stack stays until this is over.
        let answer = unsafe { call.by_kernel() };
        (answer, errno())
    });
    let (answer, errno) = waited.ok()?;
    if answer < 0 {
        set_errno(errno);
    }
    Some(answer)
}
