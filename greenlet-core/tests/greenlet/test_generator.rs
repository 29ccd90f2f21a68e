//! The counterpart of greenlet's test_generator.py and test_generator_nested.py, written anew:
//! generators that may yield from any depth of calls.

use std::cell::RefCell;
use std::rc::Rc;

use crate::common::TestResult;
use greenlet_core::{Exception, RawGreenlet, Value, getcurrent};

/// A greenlet as an iterator. Its values go to the greenlet that asks, which need not be the same one
/// every time.
struct Genlet<T> {
    greenlet: RawGreenlet,
    caller: Rc<RefCell<RawGreenlet>>,
    end: std::marker::PhantomData<T>,
}

/// The generator's side, which yields values.
struct Yielder(Rc<RefCell<RawGreenlet>>);

struct Item<T>(T);

impl Yielder {
    fn give<T: 'static>(&self, value: T) -> Result<(), Exception> {
        let caller = self.0.borrow().clone();
        caller.switch(Value::new(Item(value))).map(drop)
    }
}

impl<T: 'static> Genlet<T> {
    fn new(body: impl FnOnce(&Yielder) -> Result<(), Exception> + 'static) -> Self {
        let caller = Rc::new(RefCell::new(getcurrent()));
        let yielder = Yielder(caller.clone());
        let greenlet = RawGreenlet::new(move |_| body(&yielder).map(Value::from));
        let end = std::marker::PhantomData;
        Genlet { greenlet, caller, end }
    }
}

impl<T: 'static> Iterator for Genlet<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.greenlet.dead() {
            return None;
        }
        *self.caller.borrow_mut() = getcurrent();
        self.greenlet
            .set_parent(&getcurrent())
            .expect("no generator asks itself");
        let got = self.greenlet.switch(()).expect("these generators do not fail");
        got.downcast::<Item<T>>().ok().map(|item| item.0)
    }
}

#[test]
fn test_generator() {
    let g = || {
        Genlet::new(|y| {
            for i in 0..4 {
                y.give(i)?;
            }
            Ok(())
        })
    };
    for _ in 0..3 {
        assert_eq!(g().collect::<Vec<i32>>(), [0, 1, 2, 3]);
    }
}

#[test]
fn test_genlet_bad() {
    // A generator that is left half-way is unwound when it is dropped.
    let mut endless = Genlet::new(|y| {
        for i in 0_u64.. {
            y.give(i)?;
        }
        Ok(())
    });
    assert_eq!(endless.by_ref().take(3).collect::<Vec<u64>>(), [0, 1, 2]);
    drop(endless);
    assert_eq!(greenlet_core::live_greenlets(), 0);
}

#[test]
fn test_permutations() {
    // Every level of the recursion is a generator that asks the one below it.
    fn permutations(items: Vec<u8>) -> Genlet<Vec<u8>> {
        Genlet::new(move |y| {
            if items.len() <= 1 {
                return y.give(items);
            }
            for i in 0..items.len() {
                let mut rest = items.clone();
                let first = rest.remove(i);
                for mut tail in permutations(rest) {
                    tail.insert(0, first);
                    y.give(tail)?;
                }
            }
            Ok(())
        })
    }
    let all: Vec<_> = permutations(b"abcd".to_vec()).collect();
    assert_eq!(all.len(), 24);
    assert!(all.is_sorted());
}

#[test]
fn test_nested_genlets() -> TestResult {
    // The values come from several calls deep, without generators in between.
    fn give_deep(y: &Yielder, depth: u32) -> Result<(), Exception> {
        if depth == 0 {
            return y.give(depth);
        }
        give_deep(y, depth - 1)?;
        y.give(depth)
    }
    let values: Vec<u32> = Genlet::new(|y| give_deep(y, 9)).collect();
    assert_eq!(values, (0..10).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn test_layered_genlets() {
    let mut layer: Genlet<i32> = Genlet::new(|y| (1..5).try_for_each(|i| y.give(i)));
    for _ in 0..10 {
        let below = layer;
        layer = Genlet::new(move |y| {
            for value in below {
                y.give(value + 1)?;
            }
            Ok(())
        });
    }
    assert_eq!(layer.collect::<Vec<_>>(), [11, 12, 13, 14]);
}
