//! A round trip between greenlets allocates nothing, whatever the runtime sends.
//!
//! This is a binary of its own, because it replaces the global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;

use greenlet_core::{Exception, Park, RawGreenlet, Value, getcurrent};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: by this function's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: by this function's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(f: impl FnOnce() -> Result<(), Exception>) -> Result<usize, Exception> {
    let before = ALLOCATIONS.get();
    f()?;
    Ok(ALLOCATIONS.get() - before)
}

#[test]
fn test_a_round_trip_allocates_nothing() -> Result<(), Exception> {
    let main = getcurrent();
    let ticket = Rc::new(Cell::new(None));
    let its = ticket.clone();
    // This is done as a hub does it: a token goes there, nothing comes back, and handles are cloned on the way.
    let g = RawGreenlet::new(move |_| {
        loop {
            let park = Park::begin(None);
            its.set(Some(park.ticket()));
            park.enter(&main)?;
        }
    });
    g.switch(())?;
    let switches = allocations(|| {
        for _ in 0..1000 {
            let before = ticket.get().expect("it has parked");
            g.clone().wake(before)?;
            assert_ne!(ticket.get(), Some(before), "it has parked again");
        }
        Ok(())
    })?;
    assert_eq!(switches, 0);
    let boxed = allocations(|| g.switch(Value::new(1)).map(drop))?;
    assert_eq!(boxed, 1, "the counter counts");
    Ok(())
}

#[test]
fn test_a_pooled_greenlet_allocates_once() -> Result<(), Exception> {
    let one = || RawGreenlet::new(|_| Ok(Value::None)).switch(()).map(drop);
    fn capturing<const SIZE: usize>() -> Result<(), Exception> {
        let captured = [1_u8; SIZE];
        let function = move |_| Ok(Value::Token(captured[0].into()));
        RawGreenlet::new(function).switch(()).map(drop)
    }
    one()?;
    // The greenlet is one allocation, and its function another one if it captures a lot.
    assert_eq!(allocations(one)?, 1);
    assert_eq!(allocations(capturing::<200>)?, 1);
    assert_eq!(allocations(capturing::<1000>)?, 2);
    Ok(())
}
