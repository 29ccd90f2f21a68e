//! The pool of one thread: stacks by size, the last one given back is the first to be reused,
//! because its pages are warm.
//!
//! What idle stacks may keep in memory is bounded: up to twice [`WARM`] of them per size are kept
//! as they are; when there are more, the older half gives its pages back to the system, all but the
//! topmost one of so many as are [`TEPID`]: that page is what most greenlets need, and all that
//! many of them ever touch. Of those kept as they are, every so often one that comes back is
//! [trimmed](Stack::trim) to its topmost pages, so that a single deep recursion does not stay in
//! memory for ever. All this is for stacks of the default size: of larger ones fewer are kept as
//! they are and more are trimmed, in proportion.

use std::io;
use std::ptr::NonNull;

use super::slab::Slab;
use super::{DEFAULT_STACK_SIZE, StackError, StackSize, guard, page_size, valgrind};

/// The smallest slab holds this many stacks, and each further one twice as many as the last,
const FIRST_SLAB: usize = 16;
/// up to this many: few mappings for a million stacks, little waste for a dozen. Fewer of stacks
/// that are larger than the default, and fewer when the system has no room for so many.
const LARGEST_SLAB: usize = 1024;

/// So many idle stacks of each size keep their pages always, and so many more for a while.
const WARM: usize = 512;
/// So many further ones keep their topmost page: 32 MiB at most.
const TEPID: usize = 8192;
/// One in so many stacks that come back is trimmed,
const TRIM_EVERY: usize = 256;
/// to so many bytes below its top.
const TRIM_TO: usize = 32 * 1024;

/// In so many distances from the end,
const COLOURS: usize = 16;
/// so many bytes apart, first frames are placed: by the number of the
const COLOUR: usize = 128;
/// smallest page there is.
const SMALLEST_PAGE: usize = 4096;

/// The stack of one greenlet, on loan from the pool. Must go back by [`Pool::give_back`]; a
/// stack that is dropped instead is lost to the process, which is what becomes of one that
/// still has frames on it.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The lowest usable byte; the guard page is below it.
    low: NonNull<u8>,
    size: usize,
}

impl Stack {
    /// Where the first frame goes: a little below the high end, by another distance on each of
    /// sixteen neighbouring stacks.
    ///
    /// Frames at the same place in their pages compete for the same few lines of the processor's
    /// caches. Yielding among 1,000 greenlets is a tenth faster this way. The distance stays
    /// within the topmost page, half of which is left for what a parked greenlet needs.
    #[inline]
    pub(crate) fn top(&self) -> NonNull<u8> {
        // SAFETY: `room` bytes upwards from `low` belong to this stack.
        unsafe { self.low.add(self.room()) }
    }

    /// How many bytes there are below the [top](Self::top).
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.size - (self.low.addr().get() / SMALLEST_PAGE) % COLOURS * COLOUR
    }

    /// The high end.
    #[inline]
    fn end(&self) -> NonNull<u8> {
        // SAFETY: `size` bytes upwards from `low` belong to this stack, so the end is in bounds
        // or one past them.
        unsafe { self.low.add(self.size) }
    }

    /// The low end: the lowest byte that can be used.
    #[inline]
    pub(crate) fn low(&self) -> NonNull<u8> {
        self.low
    }

    /// How many bytes it has.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Gives the pages back to the system, except for the topmost `keep` bytes. They read as
    /// zero when they are touched next.
    fn trim(&mut self, keep: usize) {
        let len = self.size.saturating_sub(keep);
        if len > 0 {
            // SAFETY: nobody runs on this stack, so nobody misses what is on it. Failing means
            // that the memory stays.
            unsafe { libc::madvise(self.low.as_ptr().cast(), len, libc::MADV_DONTNEED) };
        }
    }
}

/// All stacks of one thread.
pub(crate) struct Pool {
    classes: Vec<Class>,
}

/// The stacks of one size.
struct Class {
    size: usize,
    /// How many of the default size are as large as one of these: at least 1.
    weight: usize,
    slabs: Vec<Slab>,
    /// Slots of the last slab that were handed out already, of so many.
    carved: usize,
    slots: usize,
    /// Idle, with pages. The last one came back last.
    warm: Vec<Stack>,
    /// Idle, with one page.
    tepid: Vec<Stack>,
    /// Idle, without.
    cold: Vec<Stack>,
    on_loan: usize,
    until_trim: usize,
    valgrind: Vec<valgrind::Id>,
}

impl Pool {
    pub(crate) fn new() -> Pool {
        Pool {
            classes: Vec::new(),
        }
    }

    /// Takes a stack of at least `size` bytes.
    pub(crate) fn take(&mut self, size: StackSize) -> Result<Stack, StackError> {
        let page = page_size();
        let too_large = || StackError::Reserve {
            bytes: size.get(),
            source: io::ErrorKind::OutOfMemory.into(),
        };
        let size = size.get().max(2 * page);
        // No mapping is larger than what pointers can span, and there must be room for a guard.
        // Pages come in powers of two.
        if size > isize::MAX as usize - 2 * page {
            return Err(too_large());
        }
        let size = (size + page - 1) & !(page - 1);
        let class = match self.classes.iter().position(|class| class.size == size) {
            Some(index) => &mut self.classes[index],
            None => {
                self.classes.push(Class::new(size));
                self.classes.last_mut().expect("just pushed")
            }
        };
        let taken = class.take();
        if taken.is_err() {
            // Whoever tries sizes until one is possible leaves nothing behind.
            self.classes.retain(|class| !class.slabs.is_empty());
        }
        taken
    }

    /// Takes back a stack on which nothing runs any more.
    pub(crate) fn give_back(&mut self, stack: Stack) {
        let class = self
            .classes
            .iter_mut()
            .find(|class| class.size == stack.size);
        let class = class.expect("a stack comes back to the pool it came from");
        class.give_back(stack);
    }

    /// Gives the pages of all idle stacks back to the system.
    pub(crate) fn trim(&mut self) {
        for class in &mut self.classes {
            class.tepid.append(&mut class.warm);
            let idle = std::mem::take(&mut class.tepid);
            class.freeze(idle);
        }
    }
}

impl Class {
    fn new(size: usize) -> Class {
        let weight = (size / DEFAULT_STACK_SIZE).max(1);
        Class {
            size,
            weight,
            slabs: Vec::new(),
            carved: 0,
            slots: 0,
            warm: Vec::new(),
            tepid: Vec::new(),
            cold: Vec::new(),
            on_loan: 0,
            until_trim: (TRIM_EVERY / weight).max(1),
            valgrind: Vec::new(),
        }
    }

    fn take(&mut self) -> Result<Stack, StackError> {
        let stack = match self.warm.pop() {
            Some(stack) => stack,
            None => match self.tepid.pop().or_else(|| self.cold.pop()) {
                Some(stack) => stack,
                None => self.carve()?,
            },
        };
        self.on_loan += 1;
        Ok(stack)
    }

    fn give_back(&mut self, mut stack: Stack) {
        self.on_loan -= 1;
        self.until_trim -= 1;
        if self.until_trim == 0 {
            self.until_trim = (TRIM_EVERY / self.weight).max(1);
            stack.trim(TRIM_TO);
        }
        self.warm.push(stack);
        let keep = (WARM / self.weight).max(1);
        if self.warm.len() == 2 * keep {
            self.cool(keep);
        }
    }

    /// Gives the pages of the `count` stacks that have been idle for longest to the system, if there
    /// is room among the tepid ones all but the topmost.
    #[cold]
    fn cool(&mut self, count: usize) {
        let mut cooling: Vec<Stack> = self.warm.drain(..count).collect();
        let tepid = cooling.len().min(TEPID - self.tepid.len());
        for mut stack in cooling.drain(..tepid) {
            stack.trim(page_size());
            self.tepid.push(stack);
        }
        self.freeze(cooling);
    }

    /// Gives all pages of these stacks to the system.
    ///
    /// Stacks that were started together end together often enough, and then lie side by side:
    /// one call for all of them, guards included, which stay in force.
    fn freeze(&mut self, mut cooling: Vec<Stack>) {
        let slot = self.size + page_size();
        cooling.sort_unstable_by_key(|stack| stack.low);
        for run in
            cooling.chunk_by(|one, next| next.low.addr().get() - one.low.addr().get() == slot)
        {
            let len = (run.len() - 1) * slot + self.size;
            // SAFETY: nobody runs on these stacks, so nobody misses what is on them, and between
            // them are only their guards. Failing means that the memory stays.
            unsafe { libc::madvise(run[0].low.as_ptr().cast(), len, libc::MADV_DONTNEED) };
        }
        self.cold.append(&mut cooling);
    }

    /// Cuts a new stack from the last slab, or from a new one.
    #[cold]
    fn carve(&mut self) -> Result<Stack, StackError> {
        let guard = page_size();
        let slot = self.size + guard;
        if self.carved == self.slots {
            let largest = (LARGEST_SLAB / self.weight).max(1);
            let wanted = (self.slots * 2).max(FIRST_SLAB).min(largest);
            let (slab, slots) = reserve(slot, wanted)?;
            self.slabs.push(slab);
            (self.carved, self.slots) = (0, slots);
        }
        let slab = self.slabs.last().expect("a slab was just made sure of");
        let low = slab.slot(slot, self.carved);
        // SAFETY: the slot is fresh: nobody uses its lowest page, inside our own mapping.
        unsafe { guard::install(low, guard)? };
        self.carved += 1;
        let stack = Stack {
            // SAFETY: the slot is one page larger than the stack.
            low: unsafe { low.add(guard) },
            size: self.size,
        };
        if valgrind::ON {
            self.valgrind
                .push(valgrind::register(stack.low(), stack.end()));
        }
        Ok(stack)
    }
}

/// A slab of so many slots, or as many as there is room for. Says how many they are.
fn reserve(slot: usize, wanted: usize) -> Result<(Slab, usize), StackError> {
    let mut slots = wanted;
    loop {
        match Slab::reserve(slot, slots) {
            Ok(slab) => return Ok((slab, slots)),
            Err(_) if slots > 1 => slots /= 2,
            Err(error) => return Err(error),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for class in &mut self.classes {
            if class.on_loan > 0 {
                // Somebody's frames are still there, and may be referred to: leave them be.
                continue;
            }
            class.valgrind.drain(..).for_each(valgrind::deregister);
            for slab in class.slabs.drain(..) {
                // SAFETY: no stack is on loan, and the pool, which alone could lend one, ends.
                unsafe { slab.unmap() };
            }
        }
    }
}
