//! Why leaks do not count in some programs: rustc never drops what a function is returning when a destructor of one of
//! its locals panics (rust-lang/rust#47949). A compiler without that fault fails here, and needs no [`FORGETS`] any
//! more.
//!
//! [`FORGETS`]: crate::program::FORGETS

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        resume_unwind(Box::new("from a destructor"));
    }
}

struct Counted<'a>(&'a Cell<u32>);

impl<'a> Counted<'a> {
    fn new(alive: &'a Cell<u32>) -> Counted<'a> {
        alive.update(|n| n + 1);
        Counted(alive)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.update(|n| n - 1);
    }
}

#[test]
fn rustc_forgets_what_is_being_returned_when_a_destructor_panics() {
    let alive = Cell::new(0);
    let before_the_end_of_the_block = || {
        let (panics, returned) = (Panics, Counted::new(&alive));
        drop(panics);
        returned
    };
    assert!(catch_unwind(AssertUnwindSafe(before_the_end_of_the_block)).is_err());
    assert_eq!(alive.get(), 0);
    let by_the_end_of_the_block = || {
        let _panics = Panics;
        Counted::new(&alive)
    };
    assert!(catch_unwind(AssertUnwindSafe(by_the_end_of_the_block)).is_err());
    assert_eq!(alive.get(), 1);
}
