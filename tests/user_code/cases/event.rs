//! Events and results.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::support::{ExpectedError, LONG};
use crate::trap::{Case, Code, Trap, Value, any, ok};
use gevent::abstract_linkable::{AbstractLinkable, Waitable};
use gevent::event::{AsyncResult, Event};
use gevent::hub::Source;
use gevent::{Exception, Linkable};

fn others(result: &AsyncResult<Value>) {
    assert!(result.exception().is_none());
    let _ = (result.ready(), result.linkcount(), format!("{result:?}"));
    result.set(Value::plain(8));
    assert_eq!(result.get().expect("it was set").number, 8);
    assert_eq!(result.get_nowait().expect("it was set").number, 8);
}

fn after(result: &AsyncResult<Value>) {
    let got = result.get_timeout(LONG).expect("it was set");
    assert!([7, 8].contains(&got.number), "{}", got.number);
    result.set(Value::plain(9));
    assert_eq!(result.get().expect("it was set").number, 9);
}

fn waits(result: &AsyncResult<Value>) -> Result<(), Exception> {
    result.get().map(drop)
}

#[test]
fn values_of_results() {
    Case {
        names: &["event::AsyncResult::{get, get_nowait, get_timeout, result, value, wait} | Clone"],
        make: |_| AsyncResult::new(),
        calls: vec![
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.get().map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.get_nowait().map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.get_timeout(LONG).map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.result(LONG).map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                r.wait(LONG).map(drop)
            },
            |r, trap| {
                r.set(Value::trapped(7, Code::Clone, trap));
                ok(r.value())
            },
        ],
        others,
        waits: Some(waits),
        after,
    }
    .run();
    Case {
        names: &["event::AsyncResult::value | Clone"],
        make: |_| AsyncResult::new(),
        calls: vec![|r, trap| {
            r.set(Value::trapped(7, Code::Clone, trap));
            assert!(Source::exit(r).is_none() && Source::exception(r).is_none());
            ok(Source::value(r))
        }],
        others,
        waits: Some(waits),
        after,
    }
    .run();
}

#[test]
fn values_of_results_that_are_replaced() {
    Case {
        names: &["event::AsyncResult::{drop, set, set_exception} | Drop"],
        make: |_| AsyncResult::new(),
        calls: vec![
            |r, trap| {
                r.set(Value::trapped(7, Code::Drop, trap));
                r.set(Value::plain(7));
                Ok(())
            },
            |r, trap| {
                r.set_exception(Value::trapped(7, Code::Drop, trap));
                r.set(Value::plain(7));
                r.set_exception(ExpectedError("another"));
                Ok(())
            },
            |r, trap| {
                let own = AsyncResult::new();
                own.set(Value::trapped(7, Code::Drop, trap));
                drop(own);
                r.set(Value::plain(7));
                Ok(())
            },
        ],
        others: |r| {
            let _ = (r.ready(), r.exception(), r.linkcount());
            r.set(Value::plain(8));
            assert_eq!(r.get().expect("it was set").number, 8);
        },
        waits: Some(waits),
        after: |r| {
            r.set(Value::plain(9));
            assert_eq!(r.get().expect("it was set").number, 9);
        },
    }
    .run();
}

/// A source of the user's own.
struct Own(Trap);

impl Source<Value> for Own {
    fn exception(&self) -> Option<Exception> {
        None
    }

    fn value(&self) -> Option<Value> {
        self.0.spring();
        Some(Value::plain(7))
    }
}

#[test]
fn sources_of_results() {
    Case {
        names: &["event::AsyncResult::{as_link, call} | Source"],
        make: |_| AsyncResult::new(),
        calls: vec![
            |r: &AsyncResult<Value>, trap| {
                r.call(&Own(trap));
                Ok(())
            },
            |r, trap| {
                r.as_link()(&Own(trap));
                Ok(())
            },
            |r, trap| {
                let source = gevent::spawn(move || Value::trapped(7, Code::Clone, trap));
                source.link(r.as_link());
                source.join(None)
            },
        ],
        others: |r| {
            let _ = (r.ready(), format!("{r:?}"));
            r.set(Value::plain(8));
            any(r.get_nowait());
        },
        waits: Some(|r| r.get().map(drop)),
        after: |r| {
            // A panic of the source is the result's; a source that was unwound leaves nothing.
            if r.ready() {
                any(r.get());
            }
            r.set(Value::plain(9));
            assert_eq!(r.get().expect("it was set").number, 9);
        },
    }
    .run();
}

type Linked<L> = (L, Rc<Cell<u32>>);

#[test]
fn links() {
    Case {
        names: &["event::AsyncResult::rawlink | Fn"],
        make: |_| (AsyncResult::new(), Rc::default()),
        calls: vec![|(r, calls): &Linked<AsyncResult<Value>>, trap| {
            let count = calls.clone();
            r.rawlink(move |_| trap.spring());
            r.rawlink(move |_| count.set(count.get() + 1));
            r.set(Value::plain(7));
            while calls.get() == 0 {
                gevent::sleep(0)?;
            }
            Ok(())
        }],
        others: |(r, _)| others(r),
        waits: Some(|(r, _)| waits(r)),
        after: |(r, calls)| {
            assert_eq!(calls.get(), 1, "the other link");
            after(r);
        },
    }
    .run();
    Case {
        names: &["event::Event::rawlink | Fn"],
        make: |_| (Event::new(), Rc::default()),
        calls: vec![|(e, calls): &Linked<Event>, trap| {
            let count = calls.clone();
            e.rawlink(move |_| trap.spring());
            e.rawlink(move |_| count.set(count.get() + 1));
            e.set();
            while calls.get() == 0 {
                gevent::sleep(0)?;
            }
            Ok(())
        }],
        others: |(e, _)| {
            let _ = (e.is_set(), e.linkcount(), format!("{e:?}"));
            e.set();
        },
        waits: Some(|(e, _)| e.wait(None).map(drop)),
        after: |(e, calls)| {
            assert_eq!(calls.get(), 1, "the other link");
            assert!(e.wait(LONG).expect("nobody kills the test"));
        },
    }
    .run();
}

/// A state whose code is the user's.
struct Door(Cell<bool>, Option<(Code, Trap)>);

impl Door {
    fn spring(&self, code: Code) {
        if let Some((its, trap)) = self.1
            && its == code
        {
            trap.spring();
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spring(Code::Debug);
        f.write_str("a door")
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.spring(Code::Drop);
    }
}

impl Waitable for Door {
    const KIND: &'static str = "Door";

    fn ready(&self) -> bool {
        if self.0.get() {
            // Stands for the code of `ready`.
            self.spring(Code::Ord);
        }
        self.0.get()
    }
}

type Doors = AbstractLinkable<Door>;

fn open(door: &Doors) {
    door.state().0.set(true);
    door.check_and_notify();
}

#[test]
fn states_of_users() {
    let others: fn(&Doors) = |door| {
        let _ = (door.linkcount(), door.address(), format!("{door:?}"));
        assert!(door.same(door) && Linkable::exception(door).is_none());
        open(door);
        any(door.wait(LONG));
    };
    let after: fn(&Doors) = |door| {
        open(door);
        assert!(door.wait(LONG).expect("nobody kills the test"));
    };
    Case {
        names: &["abstract_linkable::AbstractLinkable::{check_and_notify, ready, rawlink, wait} | Waitable"],
        make: |trap| AbstractLinkable::new(Door(Cell::new(false), Some((Code::Ord, trap)))),
        calls: vec![
            |door, _| {
                open(door);
                Ok(())
            },
            |door, _| {
                door.state().0.set(true);
                ok(Linkable::ready(door))
            },
            |door, _| {
                door.state().0.set(true);
                door.wait(LONG).map(drop)
            },
            |door, _| {
                door.state().0.set(true);
                let link = gevent::hub::Link::new(|_| ());
                Linkable::rawlink(door, link.clone());
                Linkable::unlink(door, &link);
                Ok(())
            },
        ],
        others,
        waits: Some(|door| door.wait(None).map(drop)),
        after,
    }
    .run();
    Case {
        names: &["abstract_linkable::AbstractLinkable::{exception, fmt} | Waitable"],
        make: |trap| AbstractLinkable::new(Door(Cell::new(false), Some((Code::Debug, trap)))),
        calls: vec![|door, _| ok(format!("{door:?}"))],
        others,
        waits: Some(|door| door.wait(None).map(drop)),
        after,
    }
    .run();
    Case {
        names: &["abstract_linkable::AbstractLinkable::drop | Drop"],
        make: |_| (),
        calls: vec![|(), trap| {
            let door = AbstractLinkable::new(Door(Cell::new(true), Some((Code::Drop, trap))));
            door.check_and_notify();
            Ok(())
        }],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}
