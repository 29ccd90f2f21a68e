//! Where the thread's own stack is, for the sanitizer and for those who watch the thread.

use std::mem::MaybeUninit;
use std::ops::Range;

/// The addresses of the calling thread's stack; an empty range if the system does not tell.
pub(crate) fn thread_stack() -> Range<usize> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call, if it returns 0, and destroyed
    // by the last.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return 0..0;
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    low.addr()..low.addr() + size
}
