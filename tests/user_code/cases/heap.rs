//! The inside of a priority queue, used by itself: whoever has it borrows it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::TestResult;
use crate::trap::{Case, Code, Trap, Value, ok};
use gevent::queue::{Heap, Storage};

type Shared = Rc<RefCell<Heap<Value>>>;

const NUMBERS: [u32; 4] = [12, 10, 13, 11];

fn heap_of(trapped: Option<(u32, Code, Trap)>) -> Shared {
    let plain = NUMBERS.map(Value::plain).into_iter();
    let trapped = trapped.map(|(number, code, trap)| Value::trapped(number, code, trap));
    Rc::new(RefCell::new(plain.chain(trapped).collect()))
}

fn plain(_: Trap) -> Shared {
    heap_of(None)
}

/// Everything that is possible while somebody else looks at it; nothing while it is changed.
fn look(heap: &Shared) {
    if let Ok(heap) = heap.try_borrow() {
        assert!(heap.qsize() >= NUMBERS.len());
    }
}

fn drain(heap: &Shared) -> Vec<u32> {
    let next = || heap.borrow_mut().get_item().map(|item| item.number);
    std::iter::from_fn(next).collect()
}

fn is_as_it_was(heap: &Shared) {
    assert_eq!(drain(heap), [10, 11, 12, 13]);
}

fn is_complete(heap: &Shared) {
    assert_eq!(drain(heap), [5, 10, 11, 12, 13]);
}

fn case(
    name: &'static [&'static str],
    make: fn(Trap) -> Shared,
    calls: Vec<fn(&Shared, Trap) -> TestResult>,
    after: fn(&Shared),
) {
    let others = look;
    Case {
        names: name,
        make,
        calls,
        others,
        waits: None,
        after,
    }
    .run();
}

#[test]
fn comparisons_in_heaps() {
    case(
        &["queue::Heap::put_item | Ord"],
        plain,
        vec![|heap, trap| {
            heap.borrow_mut().put_item(Value::trapped(5, Code::Ord, trap));
            Ok(())
        }],
        is_complete,
    );
    case(
        &["queue::Heap::{get_item, peek_item} | Ord"],
        |trap| heap_of(Some((5, Code::Ord, trap))),
        vec![
            |heap, _| {
                let item = heap.borrow_mut().get_item().expect("it has some");
                heap.borrow_mut().put_item(Value::plain(item.number));
                Ok(())
            },
            |heap, _| {
                let first = heap.borrow().peek_item().map(|item| item.number);
                assert_eq!(first, Some(5));
                Ok(())
            },
        ],
        is_complete,
    );
}

#[test]
fn copies_of_heaps() {
    case(
        &["queue::Heap::clone | Clone"],
        |trap| heap_of(Some((5, Code::Clone, trap))),
        vec![|heap, _| ok(heap.borrow().clone())],
        is_complete,
    );
    case(
        &["queue::Heap::fmt | Debug"],
        |trap| heap_of(Some((5, Code::Debug, trap))),
        vec![|heap, _| ok(format!("{:?}", heap.borrow()))],
        is_complete,
    );
    case(
        &["queue::Heap::from_iter | Iterator"],
        plain,
        vec![|_, trap| {
            let items = NUMBERS.into_iter().map(|number| {
                trap.spring();
                Value::plain(number)
            });
            ok(items.collect::<Heap<_>>())
        }],
        is_as_it_was,
    );
}

#[test]
fn ends_of_heaps() {
    case(
        &["queue::Heap::drop | Drop"],
        plain,
        vec![|_, trap| ok(heap_of(Some((5, Code::Drop, trap))))],
        is_as_it_was,
    );
}
