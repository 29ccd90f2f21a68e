//! The pool of one thread: stacks by size, the last one given back is the first to be reused,
//! because its pages are warm.
//!
//! Idle stacks keep their pages, for the next greenlets: to take memory from the system and to give it
//! back takes longer than all the rest of a greenlet's life. But what they keep is bounded: by what is in
//! use, or [`KEPT`], or in the second after a burst, for the next one, four times that; whatever is more.
//! When there are more, those that have been idle for longest give all their pages back, many of them by
//! one call. The second may be longer: nobody looks before another stack comes back. How many pages stacks have is found out by looking at one now and then; if it is more than
//! [`TRIM_TO`], it is [trimmed](Stack::trim) to that, so that a single deep recursion does not stay in
//! memory for ever. All this is for stacks of the default size: of larger ones more are looked at, in
//! proportion.

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::slab::Slab;
use super::{
    DEFAULT_STACK_SIZE, StackError, StackSize, advice, guard, page_size, room, usage, valgrind,
};

/// The smallest slab holds this many stacks, and each further one twice as many as the last,
const FIRST_SLAB: usize = 16;
/// up to this many: few mappings for a million stacks, little waste for a dozen. Fewer of stacks
/// that are larger than the default, and fewer when the system has no room for so many.
const LARGEST_SLAB: usize = 1024;

/// What idle stacks of each size may keep in memory always: so many bytes,
const KEPT: usize = 32 << 20;
/// or so many stacks.
const KEPT_STACKS: usize = 1024;
/// For so long they may keep so many times as much.
const LINGER: Duration = Duration::from_secs(1);
const LINGERING: usize = 4;
/// One in so many stacks that come back is looked at, and trimmed
const LOOK_EVERY: usize = 256;
/// to so many bytes below its top.
const TRIM_TO: usize = 32 * 1024;

/// In so many distances from the end,
const COLOURS: usize = 16;
/// so many bytes apart, first frames are placed: by the number of the
const COLOUR: usize = 128;
/// smallest page there is.
const SMALLEST_PAGE: usize = 4096;

/// The stack of one greenlet, on loan from the pool. Must go back by [`StackPool::give_back`]; a
/// stack that is dropped instead is lost to the process, which is what becomes of one that
/// still has frames on it.
#[derive(Debug)]
pub(crate) struct Stack {
    /// The lowest usable byte; the guard is below it.
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

    /// The addresses of the guard below it.
    pub(crate) fn guard(&self) -> Range<usize> {
        let low = self.low.addr().get();
        low - guard::len(self.size)..low
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
pub(crate) struct StackPool {
    classes: Vec<Class>,
}

/// The stacks of one size.
struct Class {
    size: usize,
    /// The size of the guard below each.
    guard: usize,
    /// How many of the default size are as large as one of these: at least 1.
    weight: usize,
    slabs: Vec<Slab>,
    /// Slots of the last slab that were handed out already, of so many,
    carved: usize,
    slots: usize,
    /// and those that have their guards.
    guarded: usize,
    /// Idle, with pages. The last one came back last.
    warm: Vec<Stack>,
    /// Idle, without.
    cold: Vec<Stack>,
    /// So many may be warm whatever is in use.
    kept: usize,
    /// Since when more than that are, and more than are in use.
    excess: Option<Instant>,
    on_loan: usize,
    until_look: usize,
    /// How many bytes stacks have touched, about.
    touched: usize,
    valgrind: Vec<valgrind::Id>,
}

impl StackPool {
    pub(crate) fn new() -> StackPool {
        StackPool {
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
        // No mapping is so large. Less leaves room for rounding, and for the guard.
        if size > isize::MAX as usize {
            return Err(too_large());
        }
        // Pages come in powers of two.
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
            class.cool(0);
        }
    }
}

impl Class {
    fn new(size: usize) -> Class {
        let weight = (size / DEFAULT_STACK_SIZE).max(1);
        Class {
            size,
            guard: guard::len(size),
            weight,
            slabs: Vec::new(),
            carved: 0,
            slots: 0,
            guarded: 0,
            warm: Vec::new(),
            cold: Vec::new(),
            kept: (KEPT_STACKS / weight).max(1),
            excess: None,
            on_loan: 0,
            until_look: (LOOK_EVERY / weight).max(1),
            touched: 0,
            valgrind: Vec::new(),
        }
    }

    fn take(&mut self) -> Result<Stack, StackError> {
        let stack = match self.warm.pop() {
            Some(stack) => {
                if self.warm.len() < self.kept {
                    self.excess = None;
                }
                stack
            }
            None => match self.cold.pop() {
                Some(stack) => stack,
                None => self.carve()?,
            },
        };
        self.on_loan += 1;
        Ok(stack)
    }

    fn give_back(&mut self, mut stack: Stack) {
        self.on_loan -= 1;
        self.until_look -= 1;
        if self.until_look == 0 {
            self.look(&mut stack);
        }
        self.warm.push(stack);
        let idle = self.warm.len();
        if idle > self.kept && idle > self.on_loan && self.is_excess(idle) {
            self.cool(self.kept / 2);
        }
    }

    /// Whether so many idle stacks are too many now.
    #[cold]
    fn is_excess(&mut self, idle: usize) -> bool {
        let since = *self.excess.get_or_insert_with(Instant::now);
        // The clock is looked at as often as the stacks are.
        let looked = self.until_look == (LOOK_EVERY / self.weight).max(1);
        idle > LINGERING * self.kept || looked && since.elapsed() > LINGER
    }

    /// Finds out how many pages stacks have, and how many stacks may keep theirs.
    #[cold]
    fn look(&mut self, stack: &mut Stack) {
        self.until_look = (LOOK_EVERY / self.weight).max(1);
        let touched = usage::touched(stack);
        // Of a huge one not everything was looked at, and that it has no pages is said in no time.
        if touched > TRIM_TO || stack.size > usage::SURE {
            stack.trim(TRIM_TO);
        }
        // A mean of the last few.
        self.touched = match self.touched {
            0 => touched,
            mean => (3 * mean + touched) / 4,
        };
        let least = (KEPT_STACKS / self.weight).max(1);
        self.kept = (KEPT / self.touched.max(page_size())).max(least);
    }

    /// Gives the pages of all idle stacks back to the system but those of the `keep` that came back
    /// last.
    #[cold]
    fn cool(&mut self, keep: usize) {
        self.excess = None;
        let (slot, size) = (self.slot(), self.size);
        let count = self.warm.len().saturating_sub(keep);
        let first = self.cold.len();
        self.cold.extend(self.warm.drain(..count));
        let cooling = &mut self.cold[first..];
        // Stacks that were started together end together often enough, and then lie side by side: one
        // piece for all of them, guards included, which stay in force.
        cooling.sort_unstable_by_key(|stack| stack.low);
        let pieces = cooling
            .chunk_by(|one, next| next.low.addr().get() - one.low.addr().get() == slot)
            .map(|run| (run[0].low, (run.len() - 1) * slot + size));
        // SAFETY: nobody runs on these stacks, so nobody misses what is on them, and between them are
        // only their guards.
        unsafe { advice::give_pages_back(pieces) };
    }

    /// How much address space a stack takes.
    fn slot(&self) -> usize {
        self.guard + self.size
    }

    /// Cuts a new stack from the last slab, or from a new one.
    #[cold]
    fn carve(&mut self) -> Result<Stack, StackError> {
        let (slot, guard) = (self.slot(), self.guard);
        if self.carved == self.slots {
            let largest = (LARGEST_SLAB / self.weight).max(1);
            let wanted = (self.slots * 2).max(FIRST_SLAB).min(largest);
            let (slab, slots) = reserve(slot, wanted)?;
            self.slabs.push(slab);
            (self.carved, self.guarded, self.slots) = (0, 0, slots);
        }
        let slab = self.slabs.last().expect("a slab was just made sure of");
        if self.carved == self.guarded {
            let mut guards = [(NonNull::dangling(), guard); advice::MOST];
            let count = advice::MOST.min(self.slots - self.carved);
            for (index, (low, _)) in guards[..count].iter_mut().enumerate() {
                *low = slab.slot(slot, self.carved + index);
            }
            // SAFETY: the slots are fresh: nobody uses their lowest pages, inside our own mapping.
            self.guarded += unsafe { guard::install(&guards[..count])? };
        }
        let low = slab.slot(slot, self.carved);
        self.carved += 1;
        let stack = Stack {
            // SAFETY: the slot is so much larger than the stack.
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
            Ok(slab) if room::is_left() => return Ok((slab, slots)),
            // SAFETY: it has just been made.
            Ok(slab) => unsafe { slab.unmap() },
            Err(error) if slots == 1 => return Err(error),
            Err(_) => {}
        }
        slots /= 2;
        if slots == 0 {
            return Err(StackError::Reserve {
                bytes: slot,
                source: io::ErrorKind::OutOfMemory.into(),
            });
        }
    }
}

impl Drop for StackPool {
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

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::super::{StackSize, usage};
    use super::{KEPT, KEPT_STACKS, LINGER, LINGERING, LOOK_EVERY, Stack, StackPool, page_size};

    /// More than may be idle if each has touched four pages, and a quarter of it may be for a while.
    const COUNT: usize = 12_000;

    /// Uses the topmost bytes, as a greenlet would.
    fn touch(stack: &Stack, bytes: usize) {
        for depth in (8..=bytes).step_by(page_size()) {
            // SAFETY: the stack is ours, and larger than that.
            unsafe { stack.end().sub(depth).write(1) };
        }
    }

    fn take(pool: &mut StackPool, count: usize, bytes: usize) -> Vec<Stack> {
        let take = |_| {
            let stack = pool.take(StackSize::default()).unwrap();
            touch(&stack, bytes);
            stack
        };
        (0..count).map(take).collect()
    }

    /// How many idle stacks have pages, and how many have none.
    fn idle(pool: &StackPool) -> (usize, usize) {
        let class = &pool.classes[0];
        assert!(class.cold.iter().all(|stack| usage::touched(stack) == 0));
        assert!(class.warm.iter().all(|stack| usage::touched(stack) > 0));
        (class.warm.len(), class.cold.len())
    }

    #[test]
    fn a_burst_leaves_its_pages_to_the_next_one() {
        let mut pool = StackPool::new();
        for _ in 0..2 {
            for stack in take(&mut pool, 3000, 8) {
                pool.give_back(stack);
            }
            assert_eq!(idle(&pool), (3000, 0));
        }
    }

    #[test]
    fn what_a_burst_leaves_does_not_stay_for_ever() {
        let mut pool = StackPool::new();
        let pages = 4 * page_size();
        for stack in take(&mut pool, COUNT / 4, pages) {
            pool.give_back(stack);
        }
        assert_eq!(idle(&pool), (COUNT / 4, 0));
        let since = &mut pool.classes[0].excess;
        *since = since.and_then(|since| since.checked_sub(2 * LINGER));
        assert!(since.is_some());
        for _ in 0..LOOK_EVERY {
            let stack = pool.take(StackSize::default()).unwrap();
            pool.give_back(stack);
        }
        assert!(idle(&pool).0 <= KEPT / pages);
    }

    #[test]
    fn idle_stacks_are_not_more_than_those_in_use_but_for_some() {
        let mut pool = StackPool::new();
        let pages = 4 * page_size();
        let mut stacks = take(&mut pool, COUNT, pages);
        // In no order: they lie side by side no more.
        for index in 0..stacks.len() {
            stacks.swap(index, (index * 7919) % COUNT);
        }
        while let Some(stack) = stacks.pop() {
            pool.give_back(stack);
            let (warm, in_use) = (pool.classes[0].warm.len(), stacks.len());
            assert!(warm <= in_use.max(LINGERING * KEPT / pages));
        }
        let (warm, cold) = idle(&pool);
        assert!(warm + cold == COUNT && cold >= COUNT - LINGERING * KEPT / pages);
        pool.trim();
        assert_eq!(idle(&pool), (0, COUNT));
    }

    #[test]
    fn of_deep_stacks_fewer_are_kept() {
        let mut pool = StackPool::new();
        for stack in take(&mut pool, 8000, 24 * 1024) {
            pool.give_back(stack);
        }
        assert!(idle(&pool).0 <= LINGERING * KEPT / (24 * 1024) + KEPT_STACKS);
    }
}
