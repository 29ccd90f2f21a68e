//! Those who join and kill many greenlets.

use std::cell::Cell;
use std::rc::Rc;

use super::greenlet::use_it;
use crate::support::{LONG, TestResult};
use crate::trap::{Case, Code, Trap, Value};
use gevent::event::Event;
use gevent::greenlet::{AsGreenlet, Killable, Victim};
use gevent::{
    AnyGreenlet, Greenlet, JoinAll, Kill, joinall, joinall_timeout, joinall_with, kill, killall, killall_with, sleep,
    spawn,
};

/// A greenlet by a handle of the user's own.
#[derive(Clone)]
struct Own(AnyGreenlet, Trap);

impl AsGreenlet for Own {
    fn as_greenlet(&self) -> AnyGreenlet {
        self.1.spring();
        self.0.clone()
    }
}

impl Killable for Own {
    fn victim(&self) -> Victim {
        self.1.spring();
        self.0.victim()
    }
}

type Several = Rc<(Event, Vec<Greenlet<()>>, Trap)>;

fn several(trap: Trap) -> Several {
    let end = Event::new();
    let greenlets = (0..3).map(|_| {
        let its = end.clone();
        spawn(move || its.wait().map(drop))
    });
    let greenlets = greenlets.collect();
    sleep(0).expect("nobody kills the test");
    Rc::new((end, greenlets, trap))
}

fn own(all: &Several) -> Vec<Own> {
    (all.1.iter()).map(|g| Own(g.any(), all.2)).collect()
}

#[test]
fn handles_of_users_and_iterators() {
    let others: fn(&Several) = |all| all.1.iter().for_each(use_it);
    let waits: fn(&Several) -> TestResult = |all| joinall(&all.1).map(drop);
    let after: fn(&Several) = |all| {
        all.0.set();
        joinall(&all.1).expect("nobody kills the test");
        assert!(all.1.iter().all(Greenlet::ready));
        assert!(all.1.iter().all(|greenlet| greenlet.linkcount() == 0));
    };
    Case {
        names: &[
            "greenlet::{joinall, joinall_timeout, joinall_with} | AsGreenlet",
            "greenlet::AsGreenlet::as_greenlet | AsGreenlet",
        ],
        make: several,
        calls: vec![
            |all, _| {
                all.0.set();
                joinall(own(all)).map(drop)
            },
            |all, _| {
                all.0.set();
                joinall_timeout(own(all), LONG).map(drop)
            },
            |all, _| {
                all.0.set();
                let settings = JoinAll::default().raise_error();
                joinall_with(own(all), settings).map(drop)
            },
        ],
        others,
        waits: Some(waits),
        after,
    }
    .run();
    Case {
        names: &["greenlet::{joinall, joinall_timeout, joinall_with} | Iterator"],
        make: several,
        calls: vec![
            |all, trap| {
                all.0.set();
                joinall(all.1.iter().inspect(|_| trap.spring())).map(drop)
            },
            |all, trap| {
                all.0.set();
                joinall_timeout(all.1.iter().inspect(|_| trap.spring()), LONG).map(drop)
            },
            |all, trap| {
                all.0.set();
                let greenlets = all.1.iter().inspect(|_| trap.spring());
                joinall_with(greenlets, JoinAll::default()).map(drop)
            },
        ],
        others,
        waits: Some(waits),
        after,
    }
    .run();
    Case {
        names: &[
            "greenlet::{kill, killall, killall_with} | Killable",
            "greenlet::Killable::victim | Killable",
        ],
        make: several,
        calls: vec![
            |all, _| kill(&own(all)[0], gevent::GreenletExit),
            |all, _| killall(own(all)),
            |all, _| killall_with(own(all), Kill::default()),
        ],
        others,
        waits: Some(waits),
        after,
    }
    .run();
    Case {
        names: &["greenlet::{killall, killall_with} | Iterator"],
        make: several,
        calls: vec![
            |all, trap| killall(all.1.iter().inspect(|_| trap.spring())),
            |all, trap| {
                let greenlets = all.1.iter().inspect(|_| trap.spring());
                killall_with(greenlets, Kill::default())
            },
        ],
        others,
        waits: Some(waits),
        after,
    }
    .run();
}

#[test]
fn what_the_killed_ones_own() {
    Case {
        names: &["greenlet::killall_with | Drop"],
        make: |trap| {
            let mut greenlets = Vec::new();
            for begins in [true, false, true] {
                let value = Value::trapped(1, Code::Drop, trap);
                let function = move || {
                    let _value = value;
                    sleep(LONG)
                };
                greenlets.push(match begins {
                    true => spawn(function),
                    false => Greenlet::new(function),
                });
            }
            sleep(0).expect("nobody kills the test");
            Rc::new(greenlets)
        },
        calls: vec![
            |all: &Rc<Vec<Greenlet<()>>>, _| killall_with(&**all, Kill::default()),
            |all, _| killall(&**all),
        ],
        others: |all| all.iter().for_each(use_it),
        waits: Some(|all| joinall(&**all).map(drop)),
        after: |all| {
            killall(&**all).expect("nobody kills the test");
            assert!(all.iter().all(Greenlet::ready));
        },
    }
    .run();
}

/// All are killed, whoever's destructor panics.
#[test]
fn killing_many_goes_on_after_a_panic() -> TestResult {
    struct Counted(Rc<Cell<u32>>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            assert!(self.0.get() != 2, "the second");
        }
    }
    gevent::get_hub().set_exception_stream(gevent::hub::ExceptionStream::Discard);
    let dropped = Rc::new(Cell::new(0));
    let greenlets: Vec<_> = (0..5)
        .map(|i| {
            let counted = Counted(dropped.clone());
            let function = move || {
                let _counted = counted;
                sleep(LONG)
            };
            // Some have begun when they are killed.
            if i % 2 == 0 {
                spawn(function)
            } else {
                Greenlet::new(function)
            }
        })
        .collect();
    sleep(0)?;
    killall(&greenlets)?;
    assert!(greenlets.iter().all(Greenlet::ready));
    assert_eq!(dropped.get(), 5);
    Ok(())
}
