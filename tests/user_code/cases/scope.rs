//! Scopes.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::LONG;
use crate::trap::{Case, Code, SetOnDrop, Value, ok};
use gevent::event::Event;
use gevent::{scope, sleep};

type Ended = (Event, Rc<Cell<u32>>);

#[test]
fn functions_of_scopes() {
    Case {
        names: &[
            "scope::scope | FnOnce",
            "scope::Scope::spawn | FnOnce",
            "scope::ScopedGreenlet::drop | Drop",
        ],
        make: |_| -> Ended { Default::default() },
        calls: vec![
            |(event, left): &Ended, trap| {
                // Nobody leaves the scope while a greenlet borrows.
                let lent = Value::plain(1);
                let inside = Cell::new(0);
                let ended = OnDrop(left);
                let scoped = scope(|s| {
                    s.spawn(|| {
                        inside.set(inside.get() + 1);
                        let _in = Inside(&inside);
                        assert_eq!(lent.number, 1);
                        event.wait_timeout(LONG).map(drop)
                    });
                    sleep(0)?;
                    trap.spring();
                    event.set();
                    Ok(())
                });
                assert_eq!(inside.get(), 0);
                drop(ended);
                scoped
            },
            |(event, left), trap| {
                let lent = Value::plain(1);
                let _ended = OnDrop(left);
                scope(|s| {
                    s.spawn(|| event.wait_timeout(LONG).map(drop));
                    s.spawn(|| {
                        assert_eq!(lent.number, 1);
                        let _told = SetOnDrop(event.clone());
                        trap.spring();
                    });
                    Ok(())
                })
            },
            |(event, left), trap| {
                let _ended = OnDrop(left);
                scope(|s| {
                    let value = Value::trapped(2, Code::Drop, trap);
                    s.spawn(move || {
                        let _told = SetOnDrop(event.clone());
                        drop(value);
                    });
                    s.spawn(|| event.wait_timeout(LONG).map(drop));
                    Ok(())
                })
            },
        ],
        others: |(event, _)| event.set(),
        waits: Some(|(event, _)| event.wait().map(drop)),
        after: |(event, left)| {
            assert_eq!(left.get(), 1, "the scope was left once");
            event.set();
        },
    }
    .run();
    Case {
        names: &[
            "scope::ScopedGreenlet::clone | Clone",
            "scope::ScopedGreenlet::fmt | Debug",
        ],
        make: |_| (),
        calls: vec![|(), trap| {
            scope(|s| {
                let greenlet = s.spawn(move || Value::trapped(7, Code::Clone, trap));
                let copy = greenlet.clone();
                assert!(format!("{greenlet:?}").contains("Greenlet"));
                ok(copy.get()?)
            })
        }],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}

struct OnDrop<'a>(&'a Rc<Cell<u32>>);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

struct Inside<'a>(&'a Cell<u32>);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
