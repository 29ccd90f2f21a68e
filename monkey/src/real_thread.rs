//! Calls that a real thread makes for a caller who parks meanwhile, and which may take any time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Builder;

use gevent_threading::Parker;

use crate::calls::threads::real_threads;
use crate::held::{Ended, give_up_if_unwound, hold};
use crate::stats::Parked;
use crate::wait::{Failed, errno, set_errno};

/// What the thread and the caller share.
struct Job<R> {
    answer: OnceLock<R>,
    is_done: AtomicBool,
    parker: Parker,
}

/// It makes one call.
const STACK: usize = 64 << 10;

/// Has a thread of its own call `job`, and parks the caller until that is done, whatever is thrown into it: that is
/// kept. The stack of the caller stays meanwhile.
pub(crate) fn by_real_thread<R: Copy + Send + Sync + 'static>(
    job: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Failed> {
    let ours = Arc::new(Job {
        answer: OnceLock::new(),
        is_done: AtomicBool::new(false),
        parker: Parker::new(),
    });
    let theirs = ours.clone();
    let (parked, errno) = (Parked::begin(), errno());
    let work = move || {
        let _ = theirs.answer.set(job());
        theirs.is_done.store(true, Ordering::Release);
        theirs.parker.unpark();
    };
    let ended = match real_threads(|| Builder::new().stack_size(STACK).spawn(work)) {
        Ok(_) => hold(&ours.parker, || None, || ours.is_done.load(Ordering::Acquire)),
        Err(_) => Ended::Over,
    };
    drop(parked);
    set_errno(errno);
    if let Ended::Stuck = ended {
        give_up_if_unwound();
        // The thread uses what is the caller's, who must not go on before it is done.
        while !ours.is_done.load(Ordering::Acquire) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    // The thread may still have its share. If there is no answer, there was no thread, and nothing was done.
    ours.answer.get().copied().ok_or(Failed::MustBlock)
}
