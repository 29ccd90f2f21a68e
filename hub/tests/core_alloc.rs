//! In steady state, waiting allocates nothing.

mod core_support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use core_support::{TestResult, new_loop};
use greenlet_core::{RawGreenlet, Value};
use hub::core::{Events, Loop};
use waiter::Park;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all calls are passed on to the system's allocator.
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

/// The number of allocations of the third call of `f`.
fn allocations(mut f: impl FnMut() -> TestResult) -> Result<usize, greenlet_core::Exception> {
    f()?;
    f()?;
    let before = ALLOCATIONS.get();
    f()?;
    Ok(ALLOCATIONS.get() - before)
}

/// A greenlet that runs the loop, which never ends.
fn hub_for(loop_: &Loop) -> Result<RawGreenlet, hub::core::Error> {
    loop_.ref_()?;
    let loop_ = loop_.clone();
    Ok(RawGreenlet::new(move |_| {
        loop_.run()?;
        Ok(Value::None)
    }))
}

#[test]
fn the_counter_counts() -> TestResult {
    assert_eq!(
        allocations(|| {
            drop(std::hint::black_box(Box::new(1)));
            Ok(())
        })?,
        1
    );
    Ok(())
}

#[test]
fn run_callback_resume_allocates_nothing() -> TestResult {
    let loop_ = new_loop()?;
    let hub = hub_for(&loop_)?;
    let count = allocations(|| {
        for _ in 0..1000 {
            let park = Park::begin();
            let resume = park.resume();
            loop_.run_callback_resume(resume.clone())?;
            assert!(resume.is_mine(&park.enter(&hub)?));
        }
        Ok(())
    })?;
    assert_eq!(count, 0);
    Ok(())
}

#[test]
fn waiting_for_a_timer_allocates_nothing() -> TestResult {
    let loop_ = new_loop()?;
    let hub = hub_for(&loop_)?;
    let timer = loop_.timer(0.0)?;
    let count = allocations(|| {
        for _ in 0..1000 {
            timer.set(0.0, 0.0)?;
            let park = Park::begin();
            let resume = park.resume();
            timer.start_resume(resume.clone())?;
            assert!(resume.is_mine(&park.enter(&hub)?));
            timer.stop()?;
        }
        Ok(())
    })?;
    assert_eq!(count, 0);
    Ok(())
}

#[test]
fn waiting_for_a_descriptor_allocates_nothing() -> TestResult {
    use std::os::fd::AsRawFd;
    let loop_ = new_loop()?;
    let hub = hub_for(&loop_)?;
    let (socket, _other) = std::os::unix::net::UnixStream::pair()?;
    let io = loop_.io(socket.as_raw_fd(), Events::WRITE)?;
    let count = allocations(|| {
        for _ in 0..1000 {
            let park = Park::begin();
            let resume = park.resume();
            io.start_resume(resume.clone())?;
            assert!(resume.is_mine(&park.enter(&hub)?));
            io.stop()?;
        }
        Ok(())
    })?;
    assert_eq!(count, 0);
    Ok(())
}
