//! The thread-locals of glibc's `malloc`: its cache of free pieces, and the arena that the thread uses.
//!
//! A virtual thread shares them with its carrier, by copies of the two words. Only one of them runs at a time, and none
//! is interrupted in `malloc` but by signal handlers, which may not call it. Otherwise each virtual thread would fill a
//! cache of its own, and be counted as a user of an arena, and nothing would undo that: the function that does so when
//! a thread ends is not to be reached from outside. The words have no names, so they are found by watching what the
//! first allocation of a fresh block changes.

use std::sync::OnceLock;

use super::block::Block;
use super::glibc::{Glibc, glibc, libc_locals};
use super::processor::{LOCALS, thread_pointer};
use crate::unsupported::Unsupported;

/// Bytes from the thread pointer, for each of the words.
pub(super) fn malloc_words() -> Result<&'static [isize], Unsupported> {
    static FOUND: OnceLock<Result<Vec<isize>, Unsupported>> = OnceLock::new();
    // In a thread of its own, beside this one: while there is one thread, newer versions of the C library allocate
    // without that word.
    let found = FOUND.get_or_init(|| {
        let finder = std::thread::Builder::new().spawn(find);
        let found = finder.ok().and_then(|finder| finder.join().ok());
        found.unwrap_or(Err(Unsupported::SelfTest("there is no thread for it")))
    });
    found.as_deref().map_err(|error| *error)
}

fn find() -> Result<Vec<isize>, Unsupported> {
    let glibc = glibc()?;
    let me = thread_pointer();
    let locals = libc_locals(glibc.init_ctype as usize).ok_or(Unsupported::Layout("the C library's thread-locals"))?;
    let first = locals.start.wrapping_sub(me).cast_signed();
    let place = |word: usize| first.wrapping_add_unsigned(word * 8);
    if !LOCALS.contains(&first) || !LOCALS.contains(&place(locals.words)) {
        return Err(Unsupported::Layout("the C library's thread-locals"));
    }
    // Another allocator may be in the place of all functions of this one, which nobody uses then.
    let replaced = libc_locals(glibc.malloc as usize).is_none_or(|its| its.start != locals.start);
    if replaced {
        return Ok(Vec::new());
    }
    // The carrier's own words are set by this at the latest.
    allocate(glibc);
    let block = Block::of_words(&[]).ok_or(Unsupported::SelfTest("there is no memory for it"))?;
    // The memory for what is read is there before, as nothing may allocate in between.
    let (mut before, mut after) = (vec![0; locals.words], vec![0; locals.words]);
    let watched = block.inside(|| {
        let start = thread_pointer().wrapping_add_signed(first);
        read(start, &mut before);
        allocate(glibc);
        read(start, &mut after);
    });
    watched.map_err(|_| Unsupported::SelfTest("it panicked"))?;
    let changed = (0..locals.words).filter(|word| before[*word] != after[*word]);
    let words: Vec<isize> = changed.map(place).collect();
    // SAFETY: these are words of the calling thread's own thread-locals.
    let set = words
        .iter()
        .all(|place| unsafe { (me.wrapping_add_signed(*place) as *const usize).read_volatile() } != 0);
    if words.len() != 2 || !set {
        return Err(Unsupported::Layout("the words of malloc"));
    }
    Ok(words)
}

fn allocate(glibc: &Glibc) {
    // SAFETY: the piece is given back at once.
    unsafe { (glibc.free)(std::hint::black_box((glibc.malloc)(24))) };
}

fn read(start: usize, to: &mut [usize]) {
    for (word, value) in to.iter_mut().enumerate() {
        // SAFETY: the block has as many words of the C library as the carrier.
        *value = unsafe { ((start + word * 8) as *const usize).read_volatile() };
    }
}
