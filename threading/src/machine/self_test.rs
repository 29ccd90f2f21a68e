//! [`supported`]: a first block is made and tried out.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::block::Block;
use super::forks;
use super::glibc::glibc;
use super::malloc_words::malloc_words;
use super::processor::{stack_guard, thread_pointer};
use super::stack_attributes::{note_places, place};
use super::user_ids;
use crate::unsupported::Unsupported;

thread_local! {
    static MARK: Cell<u32> = const { Cell::new(0) };
    static DROPPED: CountsItsDrop = const { CountsItsDrop };
}

/// How many values of the thread-local, and of the key, were destroyed.
static DROPS: AtomicUsize = AtomicUsize::new(0);
static KEY_DROPS: AtomicUsize = AtomicUsize::new(0);

struct CountsItsDrop;

impl Drop for CountsItsDrop {
    fn drop(&mut self) {
        DROPS.fetch_add(1, Ordering::Relaxed);
    }
}

unsafe extern "C" {
    fn isalpha(c: c_int) -> c_int;
}

/// Whether there can be virtual threads here. To be called in a real thread.
pub(crate) fn supported() -> Result<(), Unsupported> {
    static TRIED: OnceLock<Result<(), Unsupported>> = OnceLock::new();
    *TRIED.get_or_init(|| {
        malloc_words()?;
        try_out()?;
        if !forks::install() {
            return Err(Unsupported::SelfTest("forks are not told"));
        }
        if !user_ids::install() {
            return Err(Unsupported::Layout("the signal for user ids"));
        }
        Ok(())
    })
}

/// What is seen in a thread.
#[derive(PartialEq, Eq)]
struct Seen {
    mark: u32,
    errno: usize,
    itself: usize,
    guard: usize,
    value: usize,
}

fn see(key: libc::pthread_key_t) -> Seen {
    // SAFETY: the calls have no preconditions.
    unsafe {
        Seen {
            mark: MARK.get(),
            errno: libc::__errno_location() as usize,
            itself: libc::pthread_self() as usize,
            guard: stack_guard(),
            value: libc::pthread_getspecific(key) as usize,
        }
    }
}

/// Changes what [`see`] sees.
fn change(key: libc::pthread_key_t, mark: u32) {
    MARK.set(mark);
    // SAFETY: the key exists, and its destructor takes any value.
    unsafe { libc::pthread_setspecific(key, mark as usize as *const c_void) };
}

unsafe extern "C" fn destroy_value(_: *mut c_void) {
    KEY_DROPS.fetch_add(1, Ordering::Relaxed);
}

fn try_out() -> Result<(), Unsupported> {
    const fn wrong(what: &'static str) -> Unsupported {
        Unsupported::SelfTest(what)
    }
    let glibc = glibc()?;
    let mut key = 0;
    // SAFETY: the key is written, and the function stays.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(destroy_value)) } != 0 {
        return Err(wrong("there is no key for it"));
    }
    let block = Block::new().ok_or(wrong("there is no memory for it"))?;
    change(key, 1);
    let before = see(key);
    let tried = block.inside(|| {
        let fresh = see(key);
        change(key, 2);
        let changed = see(key);
        DROPPED.with(|_| ());
        // SAFETY: the function takes every letter.
        let letters = unsafe { isalpha(c_int::from(b'a')) != 0 && isalpha(c_int::from(b'0')) == 0 };
        block.run_destructors();
        (fresh, changed, letters, thread_pointer(), place())
    });
    let after = see(key);
    change(key, 0);
    drop(block);
    // SAFETY: the key was made above.
    unsafe { libc::pthread_key_delete(key) };
    let (fresh, changed, letters, pointer, in_block) = tried.map_err(|_| wrong("it panicked"))?;
    let checks = [
        (fresh.mark == 0 && fresh.value == 0, "it is not fresh"),
        (changed.mark == 2 && changed.value == 2, "it forgets its values"),
        (
            fresh.itself == glibc.data_of(pointer) && fresh.errno != before.errno,
            "it is not itself",
        ),
        (fresh.guard == before.guard, "it has another stack guard"),
        (letters, "it knows no letters"),
        (
            before.mark == 1 && before.value == 1 && before == after,
            "its carrier is not as before",
        ),
        (
            DROPS.load(Ordering::Relaxed) == 1,
            "its thread-locals are not destroyed",
        ),
        (
            KEY_DROPS.load(Ordering::Relaxed) == 1,
            "its values by key are not destroyed",
        ),
    ];
    match checks.into_iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(wrong(what)),
        None => {
            note_places(place(), in_block);
            Ok(())
        }
    }
}
