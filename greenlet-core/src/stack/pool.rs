//! The pool of one thread: its stacks by size. The stack that was given back last is reused first, because
//! its pages are warm.
//!
//! Idle stacks keep their pages for the next greenlets: to take memory from the system and to give it
//! back takes longer than all the rest of a greenlet's life. But their number is bounded: by the number of
//! stacks in use, or by [`KEPT`], whichever is more, and in the second after a burst by four times `KEPT`.
//! If there are more, those that have been idle for longest give all their pages back, many of them by
//! one call. The second may be longer, as the clock is only read when a stack comes back.
//!
//! How many pages stacks have is found out by looking at one now and then. If it has more than
//! [`TRIM_TO`], it is [trimmed](Stack::trim) to that, so that a single deep recursion does not stay in
//! memory for ever. All numbers are for stacks of the default size: of larger ones fewer are kept, and
//! more are looked at, in proportion.

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::slab::Slab;
use super::{DEFAULT_STACK_SIZE, StackError, StackSize, advice, guard, page_size, room, usage, valgrind};

/// The number of stacks in the first slab. Each further slab holds twice as many as the one before.
const FIRST_SLAB: usize = 16;
/// The number of stacks in the largest slab: few mappings for a million stacks, little waste for a dozen.
/// It is smaller for stacks that are larger than the default, and when the system has no room for so many.
const LARGEST_SLAB: usize = 1024;

/// The number of bytes that the idle stacks of each size may always keep in memory.
const KEPT: usize = 32 << 20;
/// The number of idle stacks of each size that may always keep their pages, even if these are more than [`KEPT`].
const KEPT_STACKS: usize = 1024;
/// The time after a burst for which idle stacks may keep [`LINGERING`] times as much.
const LINGER: Duration = Duration::from_secs(1);
/// How many times as much idle stacks may keep for the time of [`LINGER`].
const LINGERING: usize = 4;
/// One in so many stacks that come back is looked at, and trimmed if it has too many pages.
const LOOK_EVERY: usize = 256;
/// The number of bytes below its top that a stack keeps when it is trimmed.
const TRIM_TO: usize = 32 * 1024;

/// The number of different distances between a first frame and the end of its stack, see [`Stack::top`].
const COLOURS: usize = 16;
/// The difference between these distances, in bytes.
const COLOUR: usize = 128;
/// The size of the smallest page there is: the number of a stack's page selects its distance.
const SMALLEST_PAGE: usize = 4096;

/// The stack of one greenlet, on loan from the pool, to which it goes back by [`StackPool::give_back`]. A
/// stack that is dropped instead is never used again: that is done with one that still has frames on it.
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
            // Failing means that the memory stays.
            // SAFETY: nothing runs on this stack, so nobody needs its contents.
            unsafe { libc::madvise(self.low.as_ptr().cast(), len, libc::MADV_DONTNEED) };
        }
    }
}

/// What frames of this file and of the system's libraries may have below the frame that calls [`trim_below_here`].
const OWN_FRAMES: usize = 1024;

/// [`trim_below`] for a caller that runs on the stack. Does nothing on another stack.
#[inline(never)]
pub(crate) fn trim_below_here(stack: &Stack) {
    let frame = 0_u8;
    let frame = (&raw const frame).addr();
    let low = stack.low.addr().get();
    if (low..low + stack.size).contains(&frame) {
        // SAFETY: what lies below the frames of this greenlet holds nothing, but for the frames of this call, which
        // are in the bytes that are left out.
        unsafe { trim_below(stack, frame.saturating_sub(OWN_FRAMES)) };
    }
}

/// Gives the whole pages of the stack below an address back to the system. Does nothing if the address is not in the
/// stack: its greenlet runs on another one then, as functions that make a stack longer have it.
///
/// # Safety
/// Nobody needs what lies below the address, in the stack.
pub(crate) unsafe fn trim_below(stack: &Stack, address: usize) {
    let (low, end) = (stack.low.addr().get(), address & !(page_size() - 1));
    if end > low && end <= low + stack.size {
        // Failing means that the memory stays.
        // SAFETY: the pages are the stack's, and hold nothing.
        unsafe { libc::madvise(stack.low.as_ptr().cast(), end - low, libc::MADV_DONTNEED) };
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
    /// How many stacks of the default size are as large as one of these: at least 1.
    weight: usize,
    slabs: Vec<Slab>,
    /// How many slots of the last slab were handed out already.
    carved: usize,
    /// How many slots the last slab has.
    slots: usize,
    /// How many slots of the last slab have their guards.
    guarded: usize,
    /// The idle stacks that have pages; the last of them came back last.
    warm: Vec<Stack>,
    /// The idle stacks that have no pages.
    cold: Vec<Stack>,
    /// So many stacks may be warm, however few are in use.
    kept: usize,
    /// The time since which more stacks are warm than that, and than are in use.
    excess: Option<Instant>,
    on_loan: usize,
    /// How many more stacks come back until one is looked at.
    until_look: usize,
    /// About how many bytes a stack has touched.
    touched: usize,
    valgrind: Vec<valgrind::Id>,
}

impl StackPool {
    pub(crate) fn new() -> StackPool {
        StackPool { classes: Vec::new() }
    }

    /// How many stacks are in use and idle, and how many bytes of address space all slabs have.
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let classes = self.classes.iter();
        classes.fold((0, 0, 0), |(in_use, idle, mapped), class| {
            let slabs: usize = class.slabs.iter().map(Slab::len).sum();
            (
                in_use + class.on_loan,
                idle + class.warm.len() + class.cold.len(),
                mapped + slabs,
            )
        })
    }

    /// Takes a stack of at least `size` bytes.
    pub(crate) fn take(&mut self, size: StackSize) -> Result<Stack, StackError> {
        let page = page_size();
        let too_large = || StackError::Reserve {
            bytes: size.get(),
            source: io::ErrorKind::OutOfMemory.into(),
        };
        let size = size.get().max(2 * page);
        // No mapping is larger than this. Rounding and adding the guard cannot overflow below it.
        if size > isize::MAX as usize {
            return Err(too_large());
        }
        // The size of a page is a power of two.
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
            // A program that tries sizes until one is possible leaves no classes behind.
            self.classes.retain(|class| !class.slabs.is_empty());
        }
        taken
    }

    /// Takes back a stack on which nothing runs any more.
    pub(crate) fn give_back(&mut self, stack: Stack) {
        let class = self.classes.iter_mut().find(|class| class.size == stack.size);
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
        // The clock is read as seldom as stacks are looked at.
        let looked = self.until_look == (LOOK_EVERY / self.weight).max(1);
        idle > LINGERING * self.kept || looked && since.elapsed() > LINGER
    }

    /// Finds out how many pages stacks have, and how many stacks may keep theirs.
    #[cold]
    fn look(&mut self, stack: &mut Stack) {
        self.until_look = (LOOK_EVERY / self.weight).max(1);
        let touched = usage::touched(stack);
        // A huge stack was not looked at as a whole. To trim it takes no time where it has no pages.
        if touched > TRIM_TO || stack.size > usage::SURE {
            stack.trim(TRIM_TO);
        }
        // This is a mean of the last few.
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
        // Stacks that lie side by side are often idle together, as their greenlets were started together:
        // they become one piece, with the guards between them, which stay in force.
        cooling.sort_unstable_by_key(|stack| stack.low);
        let pieces = cooling
            .chunk_by(|one, next| next.low.addr().get() - one.low.addr().get() == slot)
            .map(|run| (run[0].low, (run.len() - 1) * slot + size));
        // SAFETY: nothing runs on these stacks, so nobody needs their contents, and between them are only
        // their guards.
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
            // SAFETY: the guards are the lowest pages of fresh slots in our own mapping, so nobody uses them.
            self.guarded += unsafe { guard::install(&guards[..count])? };
        }
        let low = slab.slot(slot, self.carved);
        self.carved += 1;
        let stack = Stack {
            // SAFETY: the slot is larger than the guard.
            low: unsafe { low.add(guard) },
            size: self.size,
        };
        if valgrind::ON {
            self.valgrind.push(valgrind::register(stack.low(), stack.end()));
        }
        Ok(stack)
    }
}

/// Reserves a slab of `wanted` slots, or of as many as there is room for. Returns how many it has.
fn reserve(slot: usize, wanted: usize) -> Result<(Slab, usize), StackError> {
    let mut slots = wanted;
    loop {
        match Slab::reserve(slot, slots) {
            Ok(slab) if room::is_left() => return Ok((slab, slots)),
            // SAFETY: the slab has just been made, and no stack was cut from it.
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
                // A stack still has frames, which may be referred to: the slabs stay.
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

    /// More stacks than may be idle if each has touched four pages; a quarter of them may be idle for a while.
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
