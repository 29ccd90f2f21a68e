//! Greenlets: their functions, values, links, and those who start, join and kill them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::support::{LONG, TestResult};
use crate::trap::{Case, Code, Trap, Value, any, ok};
use gevent::event::Event;
use gevent::greenlet::SpawnTreeLocals;
use gevent::greenlet_core::unwind::{Caught, catch};
use gevent::hub::Source;
use gevent::{AnyGreenlet, Exception, Greenlet, Link, Linkable, Plain, joinall, sleep, spawn, spawn_later, spawn_raw};
use rustix::process::{Signal, getpid, kill_process};

type One = Greenlet<Value>;

fn ended(code: Code, trap: Trap) -> One {
    let greenlet = spawn(move || Value::trapped(7, code, trap));
    greenlet.join_timeout(LONG).expect("nobody kills the test");
    greenlet
}

pub(super) fn use_it<T: 'static>(greenlet: &Greenlet<T>) {
    let _ = (greenlet.ready(), greenlet.successful(), greenlet.has_links());
    let _ = (greenlet.exception(), greenlet.exc_info(), format!("{greenlet:?}"));
    let _ = (greenlet.name(), greenlet.minimal_ident(), greenlet.dead());
}

#[test]
fn values_of_greenlets() {
    Case {
        names: &["greenlet::Greenlet::{get, get_nowait, get_timeout, value} | Clone"],
        make: |trap| ended(Code::Clone, trap),
        calls: vec![
            |g, _| g.get().map(drop),
            |g, _| g.get_nowait().map(drop),
            |g, _| g.get_timeout(LONG).map(drop),
            |g, _| ok(g.value()),
        ],
        others: |g| {
            use_it(g);
            assert_eq!(g.get().expect("it has one").number, 7);
            // While somebody clones it, it stays.
            assert!(g.take().is_none());
        },
        waits: None,
        after: |g| {
            assert_eq!(g.get().expect("it has one").number, 7);
            assert_eq!(g.take().expect("nobody clones it").number, 7);
            assert!(g.take().is_none() && g.value().is_none());
        },
    }
    .run();
    Case {
        names: &["greenlet::Greenlet::value | Clone"],
        make: |trap| ended(Code::Clone, trap),
        calls: vec![|g, _| {
            assert!(Source::exit(g).is_none() && Source::exception(g).is_none());
            ok(Source::value(g))
        }],
        others: |g| use_it(g),
        waits: None,
        after: |g| assert_eq!(g.get().expect("it has one").number, 7),
    }
    .run();
    Case {
        names: &["greenlet::Greenlet::drop | Drop"],
        make: |_| Rc::new(RefCell::new(None::<One>)),
        calls: vec![
            |place: &Rc<RefCell<Option<One>>>, trap| {
                place.replace(Some(ended(Code::Drop, trap)));
                drop(place.take());
                Ok(())
            },
            |_, trap| {
                // A function that never runs.
                let value = Value::trapped(7, Code::Drop, trap);
                drop(Greenlet::new(move || value.number));
                Ok(())
            },
            |_, trap| {
                let value = Value::trapped(7, Code::Drop, trap);
                spawn(move || value.number).kill()
            },
            |_, trap| {
                let value = Value::trapped(7, Code::Drop, trap);
                let greenlet = spawn(move || {
                    let slept = sleep(LONG);
                    // Not by the end of the block: what is being returned is forgotten when a destructor panics.
                    drop(value);
                    slept
                });
                sleep(0)?;
                greenlet.kill()
            },
        ],
        others: |place| drop(place.take()),
        waits: None,
        after: |place| assert!(place.take().is_none()),
    }
    .run();
}

/// Whoever waits for a greenlet learns of its end, whatever its function does.
struct Ends {
    end: Event,
    greenlets: RefCell<Vec<AnyGreenlet>>,
}

fn ends(_: Trap) -> Rc<Ends> {
    Rc::new(Ends {
        end: Event::new(),
        greenlets: RefCell::default(),
    })
}

fn note<T: 'static>(ends: &Ends, greenlet: Greenlet<T>) -> TestResult {
    ends.greenlets.borrow_mut().push(greenlet.any());
    ends.end.set();
    greenlet.join_timeout(LONG)
}

/// What its `Outcome` does is the user's code, too.
struct OwnOutcome(Trap);

impl gevent::core::Outcome for OwnOutcome {
    type Value = ();

    fn into_result(self) -> Result<(), Exception> {
        self.0.spring();
        Ok(())
    }
}

#[test]
fn functions_of_greenlets() {
    Case {
        names: &[
            "greenlet::Builder::{build, spawn, spawn_later} | FnOnce",
            "greenlet::{spawn, spawn_later} | FnOnce",
            "greenlet::Greenlet::{new, spawn, spawn_later} | FnOnce",
        ],
        make: ends,
        calls: vec![
            |e, trap| note(e, spawn(move || trap.spring())),
            |e, trap| note(e, spawn(move || OwnOutcome(trap))),
            |e, trap| note(e, spawn_later(0.0, move || trap.spring())),
            |e, trap| {
                let greenlet = Greenlet::new(move || trap.spring());
                greenlet.start()?;
                note(e, greenlet)
            },
            |e, trap| note(e, Greenlet::spawn(move || trap.spring())),
            |e, trap| note(e, Greenlet::spawn_later(0.0, move || trap.spring())),
            |e, trap| {
                let greenlet = Greenlet::builder().build(move || trap.spring());
                greenlet.start()?;
                note(e, greenlet)
            },
            |e, trap| note(e, Greenlet::builder().spawn(move || trap.spring())),
            |e, trap| {
                let builder = Greenlet::builder();
                note(e, builder.spawn_later(0.0, move || trap.spring()))
            },
        ],
        others: |e| {
            for greenlet in e.greenlets.borrow().clone() {
                let _ = (greenlet.ready(), format!("{greenlet:?}"));
            }
        },
        waits: Some(|e| {
            e.end.wait()?;
            let greenlets = e.greenlets.borrow().clone();
            joinall(greenlets).map(drop)
        }),
        after: |e| {
            e.end.set();
            for greenlet in e.greenlets.take() {
                greenlet.join_timeout(LONG).expect("nobody kills the test");
                assert!(greenlet.ready(), "its joiners would wait for ever");
            }
        },
    }
    .run();
    Case {
        names: &["greenlet::spawn_raw | FnOnce", "greenlet::Greenlet::with | FnOnce"],
        make: ends,
        calls: vec![
            |e, trap| {
                let raw = spawn_raw(move || trap.spring())?;
                e.end.set();
                while !raw.dead() {
                    sleep(0)?;
                }
                Ok(())
            },
            |e, trap| {
                let greenlet = spawn(|| sleep(0));
                e.greenlets.borrow_mut().push(greenlet.any());
                e.end.set();
                greenlet.with(|_| {
                    trap.spring();
                    Ok(())
                })
            },
        ],
        others: |e| drop(e.greenlets.borrow().clone()),
        waits: Some(|e| e.end.wait().map(drop)),
        after: |e| {
            e.end.set();
            joinall(e.greenlets.take()).expect("nobody kills the test");
        },
    }
    .run();
}

type Linked = (Greenlet<u32>, Event, Rc<Cell<u32>>);

fn linked(_: Trap) -> Linked {
    let end = Event::new();
    let its = end.clone();
    let greenlet = spawn(move || {
        its.wait()?;
        Ok(7_u32)
    });
    (greenlet, end, Rc::default())
}

/// After a link with a trap, and whatever becomes of that, another one is called.
fn count((greenlet, end, count): &Linked) -> TestResult {
    let its = count.clone();
    greenlet.rawlink(move |_| its.set(its.get() + 1));
    end.set();
    while count.get() == 0 {
        sleep(0)?;
    }
    Ok(())
}

#[test]
fn links_of_greenlets() {
    Case {
        names: &["greenlet::{AnyGreenlet, Greenlet}::{link, link_exception, link_value, rawlink} | Fn"],
        make: linked,
        calls: vec![
            |l, trap| {
                l.0.rawlink(move |_| trap.spring());
                count(l)
            },
            |l, trap| {
                l.0.link(move |_| trap.spring());
                count(l)
            },
            |l, trap| {
                l.0.link_value(move |_| trap.spring());
                count(l)
            },
            |l, trap| {
                let failed = spawn(|| Err::<u32, _>(gevent::TimeoutError::default().into()));
                failed.link_exception(move |_| trap.spring());
                count(l)
            },
            |l, trap| {
                l.0.any().rawlink(move |_| trap.spring());
                count(l)
            },
            |l, trap| {
                l.0.any().link(move |_| trap.spring());
                count(l)
            },
            |l, trap| {
                l.0.any().link_value(move |_| trap.spring());
                count(l)
            },
            |l, trap| {
                let failed = spawn(|| Err::<u32, _>(gevent::TimeoutError::default().into()));
                failed.any().link_exception(move |_| trap.spring());
                count(l)
            },
            |l, trap| {
                // A callback that names a link, and is called at once.
                count(l)?;
                let link = Link::new(|_| ());
                l.0.rawlink(|_| {
                    trap.spring();
                    &link
                });
                Ok(())
            },
            |l, trap| {
                let link = Link::keep(move |_: &Greenlet<u32>| trap.spring());
                l.0.link(&link);
                l.0.rawlink(&link);
                count(l)
            },
            |l, trap| {
                // The destructor of what a link owns.
                let value = Value::trapped(7, Code::Drop, trap);
                l.0.rawlink(move |_| assert_eq!(value.number, 7));
                count(l)
            },
        ],
        others: |(greenlet, end, _)| {
            use_it(greenlet);
            end.set();
            greenlet.rawlink(|_| ());
        },
        waits: Some(|(greenlet, ..)| greenlet.join()),
        after: |(greenlet, end, count)| {
            end.set();
            greenlet.join_timeout(LONG).expect("nobody kills the test");
            sleep(0).expect("nobody kills the test");
            assert_eq!((count.get(), greenlet.get().ok()), (1, Some(7)));
        },
    }
    .run();
}

#[test]
fn callbacks_for_spawns() {
    type Called = (Rc<Cell<u32>>, Rc<Cell<u32>>);
    type Callback = Rc<dyn Fn(&AnyGreenlet)>;
    thread_local! {
        static CALLBACKS: RefCell<Vec<Callback>> = RefCell::default();
    }
    Case {
        names: &["greenlet::{AnyGreenlet, Greenlet}::{add_spawn_callback, remove_spawn_callback} | Fn"],
        make: |_| -> Called { (Rc::default(), Rc::default()) },
        calls: vec![|(called, own): &Called, trap| {
            let (count, me) = (called.clone(), gevent::getcurrent().id());
            let mine = move || gevent::getcurrent().id() == me;
            let springs = mine;
            let callbacks: [Callback; 2] = [
                Rc::new(move |_| {
                    if springs() {
                        trap.spring();
                    }
                }),
                Rc::new(move |_| {
                    if mine() {
                        count.set(count.get() + 1);
                    }
                }),
            ];
            for callback in &callbacks {
                Greenlet::add_spawn_callback(callback.clone());
            }
            CALLBACKS.set(callbacks.into());
            own.set(1);
            spawn(|| ()).join()
        }],
        others: |(called, own)| own.set(called.get()),
        waits: None,
        after: |(called, _)| {
            for callback in CALLBACKS.take() {
                Greenlet::remove_spawn_callback(&callback);
            }
            // By whoever was unwound, it was not.
            assert!(called.get() <= 4);
        },
    }
    .run();
    for callback in CALLBACKS.take() {
        AnyGreenlet::remove_spawn_callback(&callback);
    }
    let called = Rc::new(Cell::new(0));
    let count = called.clone();
    let callbacks: [Callback; 2] = [
        Rc::new(|_| panic!("the first")),
        Rc::new(move |_| count.set(count.get() + 1)),
    ];
    for callback in &callbacks {
        AnyGreenlet::add_spawn_callback(callback.clone());
    }
    let spawned = std::panic::catch_unwind(|| spawn(|| ()));
    for callback in &callbacks {
        AnyGreenlet::remove_spawn_callback(callback);
    }
    assert!(spawned.is_err());
    assert_eq!(called.get(), 1, "the other one");
}

#[test]
fn what_describes_a_greenlet() {
    Case {
        names: &["greenlet::Builder::{formatinfo, switch_out} | Fn"],
        make: ends,
        calls: vec![
            |e, trap| {
                let describes = move || {
                    trap.spring();
                    "it".to_owned()
                };
                let builder = Greenlet::builder().formatinfo(describes);
                let greenlet = builder.spawn(|| ());
                let shown = format!("{greenlet:?}");
                assert!(shown.contains("it"));
                note(e, greenlet)
            },
            |e, trap| {
                let builder = Greenlet::builder().switch_out(move || trap.spring());
                note(e, builder.spawn(|| sleep(0)))
            },
        ],
        others: |e| drop(e.greenlets.borrow().clone()),
        waits: Some(|e| e.end.wait().map(drop)),
        after: |e| {
            e.end.set();
            joinall(e.greenlets.take()).expect("nobody kills the test");
        },
    }
    .run();
}

#[test]
fn values_of_a_tree() {
    Case {
        names: &["greenlet::SpawnTreeLocals::{clear, remove, set} | Drop"],
        make: |_| SpawnTreeLocals::default(),
        calls: vec![
            |tree, trap| {
                tree.set("value", Value::trapped(1, Code::Drop, trap));
                tree.set("value", Value::plain(2));
                Ok(())
            },
            |tree, trap| {
                tree.set("value", Value::trapped(1, Code::Drop, trap));
                tree.remove("value");
                Ok(())
            },
            |tree, trap| {
                let other = Rc::new(());
                tree.set("value", Value::trapped(1, Code::Drop, trap));
                tree.set("other", other.clone());
                tree.clear();
                assert_eq!(Rc::strong_count(&other), 1);
                Ok(())
            },
        ],
        others: |tree| {
            let _ = format!("{tree:?}");
            tree.set("value", Value::plain(3));
            assert_eq!(tree.get::<Value>("value").expect("it was set").number, 3);
            tree.remove("value");
        },
        waits: None,
        after: |tree| {
            tree.set("value", Value::plain(4));
            assert_eq!(tree.get::<Value>("value").expect("it was set").number, 4);
        },
    }
    .run();
}

/// A name whose making sets another value of the same tree.
#[test]
fn names_in_a_tree() -> TestResult {
    struct Name(SpawnTreeLocals);
    impl From<Name> for String {
        fn from(name: Name) -> String {
            name.0.set("inner", 1);
            "outer".into()
        }
    }
    let tree = spawn(|| Ok(SpawnTreeLocals::of(&gevent::getcurrent())));
    tree.join()?;
    let tree = tree.take().expect("it has ended");
    tree.set(Name(tree.clone()), 2);
    let both = (tree.get::<i32>("inner"), tree.get::<i32>("outer"));
    assert_eq!(both, (Some(Rc::new(1)), Some(Rc::new(2))));
    any(Ok::<_, Exception>(tree));
    Ok(())
}

impl Plain for Keeps {}

/// A value that keeps a greenlet's handle.
struct Keeps(#[allow(dead_code, reason = "it is there to be dropped")] AnyGreenlet);

#[test]
fn a_value_may_keep_its_own_greenlet() -> TestResult {
    let greenlet = spawn(|| Keeps(AnyGreenlet::of(&gevent::getcurrent()).expect("it is one")));
    greenlet.join()?;
    assert!(Linkable::ready(&greenlet));
    drop(greenlet.take());
    Ok(())
}

/// The handler of a signal runs in a greenlet of its own.
#[test]
fn handlers_of_signals() {
    type Called = (Event, Rc<Cell<u32>>);
    Case {
        names: &["signal::signal_handler | Fn"],
        make: |_| -> Called { (Event::new(), Rc::default()) },
        calls: vec![|(event, called): &Called, trap| {
            let (its, count) = (event.clone(), called.clone());
            // No other test of this process watches this signal, which belongs to one loop.
            let handler = gevent::signal_handler(libc::SIGURG, move || {
                count.set(count.get() + 1);
                its.set();
                // A panic would arrive in the main greenlet, which runs the case.
                match catch(|| trap.spring()) {
                    Err(Caught::Forced(unwind)) => unwind.resume(),
                    Ok(()) | Err(Caught::Panic(_)) => {}
                }
            })?;
            let _cancels = Cancels(handler);
            kill_process(getpid(), Signal::URG)?;
            while called.get() == 0 {
                sleep(0.0001)?;
            }
            (0..10).try_for_each(|_| sleep(0))
        }],
        others: |(event, _)| event.set(),
        waits: Some(|(event, _)| event.wait().map(drop)),
        after: |(event, called)| {
            event.set();
            assert_eq!(called.get(), 1);
        },
    }
    .run();
}

struct Cancels(gevent::SignalHandler);

impl Drop for Cancels {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
