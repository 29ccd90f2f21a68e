//! Results and events, of one thread and for several: the same cases for both.

/// A module of cases for the results and events of one of gevent's modules. `$also` looks afterwards at what only they
/// can.
macro_rules! cases_of_results {
    ($name:ident, $module:path, $also:expr) => {
        mod $name {
            use std::cell::Cell;
            use std::rc::Rc;

            use gevent::Exception;
            use gevent::hub::Source;
            use $module::{AsyncResult, Event};

            use crate::support::{ExpectedError, LONG, TestResult};
            use crate::trap::{Case, Code, Trap, Value, any, ok};

            fn others(result: &AsyncResult<Value>) {
                assert!(result.exception().is_none());
                let _ = (result.ready(), result.linkcount(), format!("{result:?}"));
                any(result.get());
                result.set(Value::plain(8));
                assert_eq!(result.get().expect("it was set").number, 8);
                assert_eq!(result.get_nowait().expect("it was set").number, 8);
            }

            fn after(result: &AsyncResult<Value>) {
                let got = result.get_timeout(LONG).expect("it was set");
                assert!([7, 8].contains(&got.number), "{}", got.number);
                let also: fn(&AsyncResult<Value>) = $also;
                also(result);
                result.set(Value::plain(9));
                assert_eq!(result.get().expect("it was set").number, 9);
            }

            fn waits(result: &AsyncResult<Value>) -> TestResult {
                result.get().map(drop)
            }

            fn run(
                names: &'static [&'static str],
                calls: Vec<fn(&AsyncResult<Value>, Trap) -> TestResult>,
                others: fn(&AsyncResult<Value>),
                after: fn(&AsyncResult<Value>),
            ) {
                Case {
                    names,
                    make: |_| AsyncResult::new(),
                    calls,
                    others,
                    waits: Some(waits),
                    after,
                }
                .run();
            }

            #[test]
            fn values_of_results() {
                run(
                    &["{event, threadsafe}::AsyncResult::{get, get_nowait, get_timeout, result, result_timeout, value, wait, wait_timeout} | Clone"],
                    vec![
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
                            r.result_timeout(LONG).map(drop)
                        },
                        |r, trap| {
                            r.set(Value::trapped(7, Code::Clone, trap));
                            r.wait_timeout(LONG).map(drop)
                        },
                        |r, trap| {
                            r.set(Value::trapped(7, Code::Clone, trap));
                            r.result().map(drop)
                        },
                        |r, trap| {
                            r.set(Value::trapped(7, Code::Clone, trap));
                            r.wait().map(drop)
                        },
                        |r, trap| {
                            r.set(Value::trapped(7, Code::Clone, trap));
                            ok(r.value())
                        },
                        |r, trap| {
                            r.set(Value::trapped(7, Code::Clone, trap));
                            assert!(Source::exit(r).is_none() && Source::exception(r).is_none());
                            ok(Source::value(r))
                        },
                    ],
                    others,
                    after,
                );
            }

            #[test]
            fn values_of_results_that_are_replaced() {
                run(
                    &["{event, threadsafe}::AsyncResult::{drop, set, set_exception} | Drop"],
                    vec![
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
                    |r| {
                        let _ = (r.ready(), r.exception(), r.linkcount());
                        r.set(Value::plain(8));
                        assert_eq!(r.get().expect("it was set").number, 8);
                    },
                    |r| {
                        r.set(Value::plain(9));
                        assert_eq!(r.get().expect("it was set").number, 9);
                    },
                );
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
                run(
                    &["{event, threadsafe}::AsyncResult::{as_link, call} | Source"],
                    vec![
                        |r, trap| {
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
                            source.join()
                        },
                    ],
                    |r| {
                        let _ = (r.ready(), format!("{r:?}"));
                        r.set(Value::plain(8));
                        any(r.get_nowait());
                    },
                    |r| {
                        // A panic of the source is the result's; a source that was unwound leaves nothing.
                        if r.ready() {
                            any(r.get());
                        }
                        r.set(Value::plain(9));
                        assert_eq!(r.get().expect("it was set").number, 9);
                    },
                );
            }

            type Linked<L> = (L, Rc<Cell<u32>>);

            #[test]
            fn links() {
                Case {
                    names: &["{event, threadsafe}::AsyncResult::rawlink | Fn"],
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
                    names: &["{event, threadsafe}::Event::rawlink | Fn"],
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
                    waits: Some(|(e, _)| e.wait().map(drop)),
                    after: |(e, calls)| {
                        assert_eq!(calls.get(), 1, "the other link");
                        assert!(e.wait_timeout(LONG).expect("nobody kills the test"));
                    },
                }
                .run();
            }
        }
    };
}

cases_of_results!(event, gevent::event, |_| ());
cases_of_results!(threadsafe, gevent::threadsafe, |result| {
    let its = result.clone();
    let thread = std::thread::spawn(move || its.get().map(|value| value.number));
    let got = thread.join().expect("it does not panic");
    assert!([7, 8].contains(&got.expect("it was set")));
});
