//! User code that is called through objects that can be waited for, links, and rows.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::trap::{Case, Place, TestResult, Trap};

use greenlet_core::unwind::{Caught, catch};
use hub::{
    AsLink, Link, LinkKind, LinkResult, LinkSource, Linkable, Links, Row, Ticketed, Wait, get_hub, iwait,
    iwait_timeout, iwait_with, sleep, wait, wait_timeout, wait_with,
};

/// A user's object that can be waited for, and springs the trap in one of its methods.
#[derive(Clone)]
struct Thing(Rc<Inner>);

#[derive(Default)]
struct Inner {
    links: Links,
    ready: Cell<bool>,
    trap: RefCell<Option<(At, Trap)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Rawlink,
    Unlink,
    Debug,
    Ready,
    AsAny,
    Address,
}

impl Thing {
    fn new() -> Thing {
        Thing(Rc::default())
    }

    fn spring(&self, at: At) {
        let is_here = matches!(&*self.0.trap.borrow(), Some((its, _)) if *its == at);
        let trap = if is_here { self.0.trap.take() } else { None };
        trap.iter().for_each(|(_, trap)| trap.spring());
    }

    fn set_trap(&self, at: At, trap: &Trap) {
        self.0.trap.replace(Some((at, trap.clone())));
    }

    /// Makes the thing ready, so that the hub calls its links soon.
    fn set(&self) {
        self.0.ready.set(true);
        let its = self.clone();
        let hub = get_hub();
        let notify = move || {
            while let Some(link) = its.0.links.pop() {
                link.call(&its)?;
            }
            Ok(())
        };
        hub.loop_().run_callback(notify).expect("the loop is alive");
    }
}

impl fmt::Debug for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spring(At::Debug);
        f.write_str("a thing")
    }
}

impl Linkable for Thing {
    fn ready(&self) -> bool {
        self.spring(At::Ready);
        self.0.ready.get()
    }

    fn rawlink(&self, link: Link) {
        self.spring(At::Rawlink);
        self.0.links.push(link);
        if self.0.ready.get() {
            self.set();
        }
    }

    fn unlink(&self, link: &Link) {
        self.spring(At::Unlink);
        self.0.links.remove(link);
    }

    fn as_any(&self) -> Option<&dyn Any> {
        self.spring(At::AsAny);
        Some(self)
    }

    fn address(&self) -> usize {
        self.spring(At::Address);
        Rc::as_ptr(&self.0).addr()
    }
}

impl LinkSource for Thing {
    fn of(source: &dyn Any) -> Option<Self> {
        source.downcast_ref().cloned()
    }
}

/// Three things.
type Things = Rc<[Thing; 3]>;

fn case(name: &'static str, calls: &'static [fn(Things, Trap) -> TestResult]) -> Case<Things> {
    Case {
        name,
        place: Place::Greenlet,
        make: || Rc::new([Thing::new(), Thing::new(), Thing::new()]),
        calls,
        uses: |things| {
            let _ = format!("{things:?}");
            things[0].set();
            let ready = wait_timeout(&things[..1], 1).expect("nobody kills the test");
            assert_eq!(ready.len(), 1);
        },
        waits: Some(|things| {
            wait_timeout(&things[..1], 0.01)?;
            Ok(())
        }),
        after: |things, _| {
            things.iter().for_each(Thing::set);
            let ready = wait_timeout(&things[..], 1).expect("nobody kills the test");
            assert_eq!(ready.len(), 3);
            // No link is left.
            assert!(things.iter().all(|thing| thing.0.links.is_empty()), "links are left");
        },
    }
}

#[test]
fn things_to_wait_for() {
    case(
        "hub::iwait::{iwait, iwait_timeout, iwait_with, wait, wait_timeout, wait_with}, hub::iwait::WaitIterator::{next, drop}, \
         hub::linkable::Linkable::{rawlink, unlink, ready, exception, as_any, address} | Linkable",
        &[
            |things, trap| {
                things[1].set_trap(At::Rawlink, &trap);
                wait_timeout(&things[..], 0.01).map(drop)
            },
            |things, trap| {
                things[1].set_trap(At::Unlink, &trap);
                wait_timeout(&things[..], 0.001).map(drop)
            },
            |things, trap| {
                things[1].set_trap(At::Unlink, &trap);
                things[0].set();
                wait_with(&things[..], Wait::default().count(1)).map(drop)
            },
            |things, trap| {
                things[1].set_trap(At::Rawlink, &trap);
                things.iter().for_each(Thing::set);
                wait(&things[..]).map(drop)
            },
            |things, trap| {
                things[2].set_trap(At::Rawlink, &trap);
                things.iter().for_each(Thing::set);
                iwait(&things[..])?.try_for_each(|ready| ready.map(drop))
            },
            |things, trap| {
                things[2].set_trap(At::Unlink, &trap);
                things[0].set();
                iwait_with(&things[..], Wait::default().count(1))?.try_for_each(|ready| ready.map(drop))
            },
            |things, trap| {
                things[0].set_trap(At::Rawlink, &trap);
                things.iter().for_each(Thing::set);
                for ready in iwait_timeout(&things[..], 1)? {
                    ready?;
                }
                Ok(())
            },
            // The iterator is dropped half-way.
            |things, trap| {
                things[1].set_trap(At::Unlink, &trap);
                things[0].set();
                let mut ready = iwait_timeout(&things[..], 1)?;
                ready.next().expect("one is ready")?;
                drop(ready);
                Ok(())
            },
            |things, trap| {
                things[1].set_trap(At::AsAny, &trap);
                let thing: &dyn Linkable = &&things[1];
                assert!(thing.as_any().and_then(<Thing as LinkSource>::of).is_some());
                Ok(())
            },
            |things, trap| {
                let (first, second, clone) = (&things[0], &things[1], things[1].clone());
                second.set_trap(At::Address, &trap);
                let thing: &dyn Linkable = &second;
                assert!(thing.is(&clone));
                assert!(!thing.is(first));
                Ok(())
            },
            |things, trap| {
                things[1].set_trap(At::Ready, &trap);
                let thing: &dyn Linkable = &&things[1];
                assert!(thing.exception().is_none());
                thing.ready();
                Ok(())
            },
        ],
    )
    .run();
}

#[test]
fn iterators_of_things() {
    case(
        "hub::iwait::{iwait, iwait_timeout, iwait_with, wait, wait_timeout, wait_with} | Iterator",
        &[
            |things, trap| {
                let all = things.iter().inspect(|_| trap.spring());
                wait_timeout(all, 0.001).map(drop)
            },
            |things, trap| {
                things.iter().for_each(Thing::set);
                wait(things.iter().inspect(|_| trap.spring())).map(drop)
            },
            |things, trap| {
                let all = things.iter().inspect(|_| trap.spring());
                wait_with(all, Wait::default().count(0)).map(drop)
            },
            |things, trap| {
                things.iter().for_each(Thing::set);
                iwait(things.iter().inspect(|_| trap.spring()))?.try_for_each(|ready| ready.map(drop))
            },
            |things, trap| {
                let all = things.iter().inspect(|_| trap.spring());
                iwait_with(all, Wait::default().count(0))?.try_for_each(|ready| ready.map(drop))
            },
            |things, trap| {
                let all = things.iter().inspect(|_| trap.spring());
                iwait_timeout(all, 0.001)?.try_for_each(|ready| ready.map(drop))
            },
        ],
    )
    .run();
}

#[test]
fn things_are_shown() {
    case(
        "hub::iwait::WaitIterator::fmt | Debug",
        &[|things, trap| {
            things[1].set_trap(At::Debug, &trap);
            let mut ready = iwait_timeout(&things[..], 0.001)?;
            let _ = format!("{ready:?}");
            ready.next().transpose().map(drop)
        }],
    )
    .run();
}

/// A thing that the iterator owns.
#[derive(Debug)]
struct Owned(Thing, #[expect(dead_code, reason = "is dropped")] Dropped);

struct Dropped(Trap);

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a trap")
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.spring();
    }
}

impl Linkable for Owned {
    fn ready(&self) -> bool {
        self.0.ready()
    }

    fn rawlink(&self, link: Link) {
        self.0.rawlink(link);
    }

    fn unlink(&self, link: &Link) {
        self.0.unlink(link);
    }
}

#[test]
fn things_are_dropped() {
    case(
        "hub::iwait::WaitIterator::drop | Drop",
        &[
            |things, trap| {
                let owned = things.iter().map(|thing| Owned(thing.clone(), Dropped(trap.clone())));
                wait_timeout(owned, 0.001).map(drop)
            },
            |things, trap| {
                let owned = things.iter().map(|thing| Owned(thing.clone(), Dropped(trap.clone())));
                things[0].set();
                let mut ready = iwait_with(owned, Wait::default().timeout(1).count(2))?;
                let first = ready.next();
                drop(ready);
                drop(first);
                Ok(())
            },
        ],
    )
    .run();
}

/// A thing whose links are functions.
#[test]
fn links() {
    let case = Case {
        place: Place::Hub,
        after: |things: Things, action| {
            let counted = &things[2].0.ready;
            // The others were called, and the thing calls more.
            assert!(counted.get(), "{action:?}");
            let called = Rc::new(Cell::new(false));
            let calls = called.clone();
            things[0].rawlink(Link::new(move |_| calls.set(true)));
            things[0].set();
            sleep(0).expect("nobody kills the test");
            sleep(0).expect("nobody kills the test");
            assert!(called.get());
        },
        waits: None,
        uses: |things| {
            let _ = format!("{:?} {:?}", things, things[0].0.links);
            things[0].rawlink(Link::new(|_| ()));
            things[0].unlink(&Link::new(|_| ()));
            things[0].set();
        },
        ..case(
            "hub::linkable::Link::{new, of, keep} | Fn; hub::linkable::Link::call | Linkable",
            &[
                |things, trap| {
                    let call = trap.call();
                    let link = Link::keep(move |_: &Thing| call());
                    LinkResult::rawlink(&link, &things[0]);
                    let others = things[2].clone();
                    let link = Link::of(move |_: &Thing| others.0.ready.set(true));
                    LinkResult::rawlink(|_| &link, &things[1]);
                    things[0].set();
                    things[1].set();
                    sleep(0)?;
                    sleep(0)
                },
                |things, trap| {
                    let call = trap.call();
                    things[0].rawlink(Link::new(move |_| call()));
                    let others = things[2].clone();
                    // This link comes next, if the first has panicked.
                    things[1].rawlink(Link::new(move |_| others.0.ready.set(true)));
                    things[0].set();
                    things[1].set();
                    sleep(0)?;
                    sleep(0)
                },
                |things, trap| {
                    let call = trap.call();
                    things[0].rawlink(
                        Link::new(move |thing| {
                            thing.ready();
                            call();
                        })
                        .with_kind(LinkKind::Spawned),
                    );
                    let others = things[2].clone();
                    things[1].rawlink(Link::new(move |_| others.0.ready.set(true)));
                    things[0].set();
                    things[1].set();
                    sleep(0)?;
                    sleep(0)
                },
            ],
        )
    };
    case.run();
}

/// A callback that names a link is called before anything else.
#[test]
fn links_that_are_named() {
    case(
        "hub::link_source::LinkResult::{link, rawlink}, hub::link_source::AsLink::as_link, hub::linkable::Link::link | Fn; \
         hub::link_source::LinkResult::rawlink | Linkable",
        &[
            |things, trap| {
                let (call, link) = (trap.call(), Link::new(|_| ()));
                let named = |_: &Thing| {
                    call();
                    &link
                };
                LinkResult::link(named, &things[0]);
                Ok(())
            },
            |things, trap| {
                let (call, link) = (trap.call(), Link::new(|_| ()));
                let named = |_: &Thing| {
                    call();
                    link.clone()
                };
                LinkResult::rawlink(&named, &things[0]);
                things[0].unlink(&named.as_link(&things[0]));
                Ok(())
            },
            |things, trap| {
                let link = Link::keep(|_: &Thing| ());
                things[0].set_trap(At::Rawlink, &trap);
                LinkResult::rawlink(&link, &things[0]);
                Ok(())
            },
        ],
    )
    .run();
}

/// The values that a link owns are dropped with it.
#[test]
fn links_are_dropped() {
    case(
        "hub::linkable::Links::{clear, remove, drop} | Drop",
        &[
            |things, trap| {
                let owned = trap.on_drop();
                things[0].rawlink(Link::new(move |_| owned.touch()));
                things[0].0.links.clear();
                Ok(())
            },
            |things, trap| {
                let owned = trap.on_drop();
                let link = Link::new(move |_| owned.touch());
                things[0].rawlink(link.clone());
                let unlinked = link.clone();
                drop(link);
                things[0].unlink(&unlinked);
                drop(unlinked);
                Ok(())
            },
            |_, trap| {
                let (links, dropped) = (Links::default(), Rc::new(Cell::new(0)));
                for _ in 0..3 {
                    let owned = (trap.on_drop(), CountsOnDrop(dropped.clone()));
                    links.push(Link::new(move |_| owned.0.touch()));
                }
                let result = catch(|| drop(links));
                assert_eq!(dropped.get(), 3);
                match result {
                    Ok(()) => Ok(()),
                    Err(Caught::Panic(_)) => std::panic::resume_unwind(Box::new("a trap")),
                    Err(Caught::Forced(unwind)) => unwind.resume(),
                }
            },
        ],
    )
    .run();
}

struct CountsOnDrop(Rc<Cell<u32>>);

impl Drop for CountsOnDrop {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A hasher that springs the trap.
struct Springs(Trap);

impl Hasher for Springs {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, _: &[u8]) {
        self.0.spring();
    }
}

#[test]
fn hashers() {
    case(
        "hub::linkable::Link::hash, hub::hub::Hub::hash, hub::core::Watcher::hash, \
         greenlet_core::core::RawGreenlet::hash | Hash",
        &[
            |_, trap| {
                Link::new(|_| ()).hash(&mut Springs(trap));
                Ok(())
            },
            |_, trap| {
                greenlet_core::getcurrent().hash(&mut Springs(trap));
                Ok(())
            },
            |_, trap| {
                hub::get_hub().hash(&mut Springs(trap));
                Ok(())
            },
            |_, trap| {
                hub::get_hub().loop_().timer(1)?.hash(&mut Springs(trap));
                Ok(())
            },
        ],
    )
    .run();
}

/// A waiter in a row, which springs the trap when its ticket is asked for.
struct One {
    ticket: u64,
    looked_at: Option<Trap>,
    dropped: Rc<Cell<u32>>,
}

impl One {
    fn plain(ticket: u64) -> One {
        One {
            ticket,
            looked_at: None,
            dropped: Rc::default(),
        }
    }

    fn trapped(ticket: u64, trap: &Trap) -> One {
        let mut one = One::plain(ticket);
        one.looked_at = Some(trap.clone());
        one
    }
}

impl Ticketed for One {
    fn ticket(&self) -> u64 {
        self.looked_at.iter().for_each(Trap::spring);
        self.ticket
    }
}

impl fmt::Debug for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.looked_at.iter().for_each(Trap::spring);
        f.write_str("one")
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}

/// Each method of a row borrows it, so other greenlets cannot change it meanwhile. It remains to test that a panic
/// leaves the row as it was before the call, or as it is after it.
#[test]
fn rows() {
    fn consistent(row: &mut Row<One>, len: std::ops::RangeInclusive<usize>) {
        assert!(len.contains(&row.len()), "{} of {len:?}", row.len());
        let mut found = 0;
        while !row.is_empty() {
            found += usize::from(row.pop().is_some());
        }
        assert!(len.contains(&found) && row.is_empty());
        row.push(One::plain(1));
        assert_eq!(row.remove(1, |_| true).map(|one| one.ticket), Some(1));
    }
    fn tried(row: Row<One>, f: impl FnOnce(&mut Row<One>), len: std::ops::RangeInclusive<usize>) -> TestResult {
        let mut row = row;
        let panic = catch(|| f(&mut row));
        consistent(&mut row, len);
        match panic {
            Ok(()) => Ok(()),
            Err(Caught::Panic(_)) => std::panic::resume_unwind(Box::new("a trap")),
            Err(Caught::Forced(unwind)) => unwind.resume(),
        }
    }
    fn row() -> Row<One> {
        let mut row = Row::default();
        (0..10).for_each(|ticket| row.push(One::plain(ticket)));
        row
    }
    case(
        "hub::row::Row::{append, pop, push, push_front, remove, take_first} | Ticketed; \
         hub::row::Row::{remove, take_first} | Fn; hub::row::Row::fmt | Debug; hub::row::Row::drop | Drop",
        &[
            |_, trap| tried(row(), |row| row.push(One::trapped(10, &trap)), 10..=11),
            |_, trap| tried(row(), |row| row.push_front(One::trapped(0, &trap)), 10..=11),
            |_, trap| {
                let mut others = Row::default();
                others.push(One::trapped(11, &trap));
                others.push(One::plain(12));
                tried(row(), |row| row.append(&mut others), 10..=12)
            },
            |_, trap| {
                tried(
                    row(),
                    |row| {
                        drop(row.remove(5, |_| {
                            trap.spring();
                            true
                        }))
                    },
                    9..=10,
                )
            },
            |_, trap| {
                tried(
                    row(),
                    |row| {
                        drop(row.take_first(|one| {
                            trap.spring();
                            one.ticket == 5
                        }))
                    },
                    9..=10,
                )
            },
            |_, trap| {
                let mut row = row();
                row.push(One::trapped(11, &trap));
                // The waiter is in the middle of the row, and is asked for its ticket when it leaves.
                row.push(One::plain(12));
                tried(row, |row| drop(row.take_first(|one| one.ticket == 11)), 11..=12)
            },
            |_, trap| {
                let mut row = row();
                row.push_front(One::trapped(0, &trap));
                row.push(One::plain(3));
                tried(row, |row| drop(row.pop()), 10..=12)
            },
            |_, trap| {
                let mut row = row();
                row.push_front(One::trapped(0, &trap));
                tried(row, |row| _ = format!("{row:?}"), 11..=11)
            },
        ],
    )
    .run();
}
