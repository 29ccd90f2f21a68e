//! The memory of blocks that are out of use: each carrier keeps some for its next virtual threads.
//!
//! The C library allocates a block together with a table of its own, the *vector*, which finds the thread-locals of
//! libraries that were loaded later. It can also make a new vector for memory that is there, and initialise the
//! thread-locals in it; it does so for the stacks that it keeps of real threads. What is kept here is the memory alone:
//! the vector and all that it refers to is freed when a virtual thread ends.

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;

use super::glibc::Glibc;

/// How many blocks a carrier keeps, of some kilobytes each.
const KEPT: usize = 128;

thread_local!(static POOL: RefCell<Pool> = const { RefCell::new(Pool(Vec::new())) });

/// Memory of blocks without vectors, by their thread pointers.
struct Pool(Vec<(usize, &'static Glibc)>);

/// A block with a vector, whose thread-locals are as the program and its libraries have initialised them. Of the C
/// library's data of a thread nothing is initialised but where the vector is. Returns the thread pointer; None if there
/// is no memory for it.
pub(super) fn take(glibc: &'static Glibc) -> Option<usize> {
    let kept = POOL.try_with(|pool| pool.borrow_mut().0.pop()).ok().flatten();
    let memory = kept.map_or(ptr::null_mut(), |(memory, _)| memory as *mut c_void);
    // SAFETY: the function allocates a block, or takes memory that it has allocated before, and makes a vector for it.
    let own = unsafe { (glibc.allocate)(memory) } as usize;
    if own == 0 {
        // There was no memory for the vector.
        if let Some(kept) = kept {
            let _ = POOL.try_with(|pool| pool.borrow_mut().0.push(kept));
        }
        return None;
    }
    Some(own)
}

/// Takes a block back.
///
/// # Safety
/// It is from [`take`], in whatever real thread, and this is called in one; nothing runs in it or refers to it any
/// more.
pub(super) unsafe fn give(glibc: &'static Glibc, own: usize) {
    let kept = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let has_room = pool.0.len() < KEPT;
        if has_room {
            pool.0.push((own, glibc));
        }
        has_room
    });
    let kept = kept.unwrap_or(false);
    // SAFETY: by this function's contract. The memory is freed, too, unless it is kept.
    unsafe { (glibc.deallocate)(own as *mut c_void, !kept) };
}

impl Drop for Pool {
    fn drop(&mut self) {
        for (own, glibc) in self.0.drain(..) {
            // SAFETY: the memory is out of use. Only together with a vector can it be freed; if there is no memory for
            // one, it stays.
            unsafe {
                let block = (glibc.allocate)(own as *mut c_void);
                if !block.is_null() {
                    (glibc.deallocate)(block, true);
                }
            }
        }
    }
}
