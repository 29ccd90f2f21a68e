//! Locals, timeouts, runs, and what is carried through other threads.

use std::error::Error;
use std::fmt;

use crate::support::LONG;
use crate::trap::{Case, Code, Trap, Value, ok};
use gevent::local::Local;
use gevent::{Except, ThreadBound, Timeout, run, run_in_thread, sleep, spawn, with_timeout};

gevent::local! {
    static KEY: std::cell::RefCell<Option<Value>> = {
        spring_init();
        std::cell::RefCell::new(None)
    };
}

thread_local! {
    static INIT: std::cell::Cell<Option<Trap>> = const { std::cell::Cell::new(None) };
}

fn spring_init() {
    if let Some(trap) = INIT.take() {
        trap.spring();
    }
}

type Values = Local<Option<Value>>;

fn use_it(local: &Values) {
    let _ = (local.is_set(), local.count(), format!("{local:?}"));
    local.set(Some(Value::plain(3)));
    assert_eq!(local.with(|value| value.as_ref().map(|value| value.number)), Some(3));
    drop(local.take());
}

fn works(local: &Values) {
    let local = local.clone();
    let other = spawn(move || {
        local.set(Some(Value::plain(4)));
        local.with(|value| value.as_ref().map(|value| value.number))
    });
    assert_eq!(other.get().expect("nobody kills it"), Some(4));
}

#[test]
fn values_of_locals() {
    Case {
        names: &["local::Local::{new, with} | Fn"],
        make: |trap| {
            Local::new(move || {
                trap.spring();
                Some(Value::plain(1))
            })
        },
        calls: vec![|local, _| {
            local.with(|value| assert!(value.is_some()));
            Ok(())
        }],
        others: use_it,
        waits: None,
        after: works,
    }
    .run();
    Case {
        names: &["local::Local::{copy, get} | Clone"],
        make: |_| Local::default(),
        calls: vec![
            |local: &Values, trap| {
                local.set(Some(Value::trapped(1, Code::Clone, trap)));
                ok(local.get())
            },
            |local, trap| {
                local.set(Some(Value::trapped(1, Code::Clone, trap)));
                ok(local.copy())
            },
        ],
        others: use_it,
        waits: None,
        after: works,
    }
    .run();
    Case {
        names: &["local::Local::{drop, set, take} | Drop"],
        make: |_| Local::default(),
        calls: vec![
            |local: &Values, trap| {
                // At the end of its greenlet.
                local.set(Some(Value::trapped(1, Code::Drop, trap)));
                Ok(())
            },
            |local, trap| {
                local.set(Some(Value::trapped(1, Code::Drop, trap)));
                local.set(None);
                Ok(())
            },
            |local, trap| {
                local.set(Some(Value::trapped(1, Code::Drop, trap)));
                drop(local.take());
                Ok(())
            },
            |_, trap| {
                let own = Local::<Option<Value>>::default();
                own.set(Some(Value::trapped(1, Code::Drop, trap)));
                drop(own);
                Ok(())
            },
        ],
        others: use_it,
        waits: None,
        after: works,
    }
    .run();
    Case {
        names: &["local::Local::with | FnOnce"],
        make: |_| Local::default(),
        calls: vec![|local: &Values, trap| {
            local.with(|_| trap.spring());
            Ok(())
        }],
        others: use_it,
        waits: None,
        after: works,
    }
    .run();
    Case {
        names: &["local::Local::default | Default"],
        make: |_| Local::<Defaults>::default(),
        calls: vec![|local, trap| {
            INIT.set(Some(trap));
            ok(local.value())
        }],
        others: |local| drop(local.value()),
        waits: None,
        after: |local| drop(local.value()),
    }
    .run();
}

struct Defaults;

impl Default for Defaults {
    fn default() -> Self {
        spring_init();
        Defaults
    }
}

#[test]
fn values_of_keys() {
    Case {
        names: &[
            "local::LocalKey::new | Fn",
            "local::LocalKey::with | FnOnce",
            "local::LocalKey::drop | Drop",
        ],
        make: |_| (),
        calls: vec![
            |(), trap| {
                INIT.set(Some(trap));
                KEY.with(|value| drop(value.take()));
                Ok(())
            },
            |(), trap| {
                KEY.with(|_| trap.spring());
                Ok(())
            },
            |(), trap| {
                KEY.set(std::cell::RefCell::new(Some(Value::trapped(1, Code::Drop, trap))));
                Ok(())
            },
        ],
        others: |()| KEY.with(|value| drop(value.take())),
        waits: None,
        after: |()| KEY.with(|value| drop(value.replace(Some(Value::plain(1))))),
    }
    .run();
    Case {
        names: &["local::LocalKey::get | Clone"],
        make: |_| (),
        calls: vec![|(), trap| {
            let value = Value::trapped(1, Code::Clone, trap);
            KEY.set(std::cell::RefCell::new(Some(value)));
            ok(KEY.get())
        }],
        others: |()| KEY.with(|value| drop(value.replace(Some(Value::plain(2))))),
        waits: None,
        after: |()| KEY.with(|value| drop(value.take())),
    }
    .run();
}

#[test]
fn functions_with_a_time_limit() {
    Case {
        names: &[
            "timeout::Timeout::{with, silent} | FnOnce",
            "timeout::with_timeout | FnOnce",
        ],
        make: |_| std::rc::Rc::new(Timeout::new(LONG)),
        calls: vec![
            |timeout, trap| {
                timeout.with(|| {
                    trap.spring();
                    Ok(())
                })
            },
            |_, trap| {
                let silent = Timeout::new(LONG).silent(|| {
                    trap.spring();
                    Ok(())
                });
                silent.map(drop)
            },
            |_, trap| {
                with_timeout(
                    LONG,
                    || {
                        trap.spring();
                        Ok(())
                    },
                    (),
                )
            },
        ],
        others: |timeout| {
            let _ = (timeout.pending(), format!("{timeout:?} {timeout}"));
            timeout.cancel();
        },
        waits: None,
        after: |timeout| {
            assert!(!timeout.pending(), "it would strike later");
            timeout.start().expect("it is not started");
            timeout.cancel();
        },
    }
    .run();
}

/// An error that springs a trap when it is asked for its source.
struct WithSource(ThreadBound<Trap>);

impl fmt::Debug for WithSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithSource")
    }
}

impl fmt::Display for WithSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl Error for WithSource {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.get().expect("it is used in its thread only").spring();
        None
    }
}

#[test]
fn functions_of_threads() {
    Case {
        names: &[
            "run::{run, run_in_thread} | FnOnce",
            "outcome::io | FnOnce",
            "except::Except::except | FnOnce",
            "except::Except::except | Error",
        ],
        make: |_| (),
        calls: vec![
            |(), trap| {
                // In a greenlet it is an error, for which nothing is called.
                assert!(run(move || trap.spring()).is_err());
                let thread = run_in_thread(move || trap.spring())?;
                while !thread.is_finished() {
                    sleep(0.0001)?;
                }
                drop(thread.join());
                Ok(())
            },
            |(), trap| {
                gevent::io(|| {
                    trap.spring();
                    Ok(())
                })
            },
            |(), trap| {
                let failed: Result<(), _> = Err(std::io::Error::other("no"));
                failed.except(|_: &std::io::Error| trap.spring())
            },
            |(), trap| {
                let failed: Result<(), _> = Err(WithSource(ThreadBound::new(trap)));
                failed.except(|_: &std::io::Error| ()).except(|_: &WithSource| ())
            },
        ],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}

#[test]
fn what_is_bound_to_a_thread() {
    Case {
        names: &["thread_bound::{ThreadBound, IntoInnerError}::drop | Drop"],
        make: |_| (),
        calls: vec![
            |(), trap| {
                drop(ThreadBound::new(Value::trapped(1, Code::Drop, trap)));
                Ok(())
            },
            |(), trap| {
                let bound = ThreadBound::new(Value::trapped(1, Code::Drop, trap));
                let thread = std::thread::spawn(move || bound.into_inner().err());
                drop(thread.join().expect("it does not panic"));
                Ok(())
            },
        ],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}
