//! The pool of one thread: stacks by size, the last one given back is the first to be reused,
//! because its pages are warm.

use std::io;
use std::ptr::NonNull;

use super::slab::Slab;
use super::{StackError, StackSize, guard, page_size};

/// The smallest slab holds this many stacks, and each further one twice as many as the last,
const FIRST_SLAB: usize = 16;
/// up to this many: few mappings for a million stacks, little waste for a dozen.
const LARGEST_SLAB: usize = 1024;

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
    /// The high end, where the first frame goes.
    pub(crate) fn top(&self) -> NonNull<u8> {
        // SAFETY: `size` bytes upwards from `low` belong to this stack, so the end is in bounds
        // or one past them.
        unsafe { self.low.add(self.size) }
    }

    /// The low end: the lowest byte that can be used.
    #[cfg(feature = "asan")]
    pub(crate) fn low(&self) -> NonNull<u8> {
        self.low
    }

    /// How many bytes can be used.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

/// All stacks of one thread.
pub(crate) struct Pool {
    classes: Vec<Class>,
}

/// The stacks of one size.
struct Class {
    size: usize,
    slabs: Vec<Slab>,
    /// Slots of the last slab that were handed out already, of so many.
    carved: usize,
    slots: usize,
    free: Vec<Stack>,
    on_loan: usize,
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
        let size = size.checked_next_multiple_of(page).ok_or_else(too_large)?;
        let class = match self.classes.iter().position(|class| class.size == size) {
            Some(index) => &mut self.classes[index],
            None => {
                self.classes.push(Class::new(size));
                self.classes.last_mut().expect("just pushed")
            }
        };
        class.take()
    }

    /// Takes back a stack on which nothing runs any more.
    pub(crate) fn give_back(&mut self, stack: Stack) {
        let class = self
            .classes
            .iter_mut()
            .find(|class| class.size == stack.size);
        let class = class.expect("a stack comes back to the pool it came from");
        class.on_loan -= 1;
        class.free.push(stack);
    }
}

impl Class {
    fn new(size: usize) -> Class {
        Class {
            size,
            slabs: Vec::new(),
            carved: 0,
            slots: 0,
            free: Vec::new(),
            on_loan: 0,
        }
    }

    fn take(&mut self) -> Result<Stack, StackError> {
        let stack = match self.free.pop() {
            Some(stack) => stack,
            None => self.carve()?,
        };
        self.on_loan += 1;
        Ok(stack)
    }

    /// Cuts a new stack from the last slab, or from a new one.
    #[cold]
    fn carve(&mut self) -> Result<Stack, StackError> {
        let guard = page_size();
        let slot = self.size + guard;
        if self.carved == self.slots {
            let slots = (self.slots * 2).clamp(FIRST_SLAB, LARGEST_SLAB);
            self.slabs.push(Slab::reserve(slot, slots)?);
            (self.carved, self.slots) = (0, slots);
        }
        let slab = self.slabs.last().expect("a slab was just made sure of");
        let low = slab.slot(slot, self.carved);
        // SAFETY: the slot is fresh: nobody uses its lowest page, inside our own mapping.
        unsafe { guard::install(low, guard)? };
        self.carved += 1;
        Ok(Stack {
            // SAFETY: the slot is one page larger than the stack.
            low: unsafe { low.add(guard) },
            size: self.size,
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for class in &mut self.classes {
            if class.on_loan > 0 {
                // Somebody's frames are still there, and may be referred to: leave them be.
                continue;
            }
            for slab in class.slabs.drain(..) {
                // SAFETY: no stack is on loan, and the pool, which alone could lend one, ends.
                unsafe { slab.unmap() };
            }
        }
    }
}
