//! Tests objects of `threadsafe` with hubs that end: a permit or item that was handed to a greenlet which cannot be
//! woken any more goes to the next one. Also tests links to such objects in threads with hubs.

use std::sync::mpsc::channel;
use std::thread;

use crate::support::{Log, TestResult, bounded, fail};
use gevent::exceptions::LoopExit;
use gevent::queue::{Empty, ShutDown};
use gevent::threadsafe::{AsyncResult, BoundedSemaphore, Event, Queue, Semaphore};
use gevent::{Exception, Greenlet, Linkable, get_hub, iwait, iwait_timeout, joinall, sleep, spawn};

/// The end of a thread, or of its hub, while some of its greenlets wait.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// The thread ends, and there are no handles of the greenlets.
    Forgotten,
    /// The thread ends.
    Thread,
    /// The hub ends; the thread and the handles remain.
    Hub,
    /// The hub ends after a permit or item was given to the first greenlet.
    GivenThenHub,
}

const ENDS: [End; 4] = [End::Forgotten, End::Thread, End::Hub, End::GivenThenHub];

/// Parks greenlets in another thread, ends the thread or its hub, gives the object for which they wait, and calls
/// `then` while the thread may still be there.
fn parked_for_ever(
    end: End,
    greenlets: usize,
    park: impl Fn() -> TestResult + Clone + Send + 'static,
    give: impl Fn(),
    then: impl FnOnce() -> TestResult,
) -> TestResult {
    let _bounded = bounded();
    let (parked, is_parked) = channel();
    let (given, is_given) = channel::<()>();
    let (over, is_over) = channel::<()>();
    let thread = thread::spawn(move || -> TestResult {
        let parks: Vec<_> = (0..greenlets).map(|_| spawn(park.clone())).collect();
        while get_hub().blocked_greenlets().len() < greenlets {
            sleep(0)?;
        }
        match end {
            End::Forgotten => drop(parks),
            End::Thread => std::mem::forget(parks),
            End::Hub => {
                get_hub().destroy(true)?;
                parked.send(()).expect("is waited for");
                let _ = is_over.recv();
                assert!(!parks.iter().any(Greenlet::ready));
            }
            End::GivenThenHub => {
                parked.send(()).expect("is waited for");
                let _ = is_given.recv();
                get_hub().destroy(true)?;
                let _ = is_over.recv();
                assert!(!parks.iter().any(Greenlet::ready));
            }
        }
        Ok(())
    });
    if let End::Forgotten | End::Thread = end {
        thread.join().expect("does not panic")?;
        give();
        return then();
    }
    is_parked.recv().expect("they park");
    give();
    drop(given);
    then()?;
    drop(over);
    thread.join().expect("does not panic")
}

#[test]
fn a_permit_is_not_lost_with_a_hub() -> TestResult {
    for end in ENDS {
        let semaphore = Semaphore::new(0);
        let (its, next) = (semaphore.clone(), semaphore.clone());
        parked_for_ever(
            end,
            3,
            move || its.acquire().map(drop),
            || {
                semaphore.release();
            },
            move || {
                next.acquire()?;
                assert_eq!(next.counter(), 0, "{end:?}");
                Ok(())
            },
        )?;
        assert_eq!((semaphore.counter(), semaphore.linkcount()), (0, 0));
    }
    Ok(())
}

#[test]
fn an_item_is_not_lost_with_a_hub() -> TestResult {
    for end in ENDS {
        let queue = Queue::new();
        let (its, next) = (queue.clone(), queue.clone());
        parked_for_ever(
            end,
            3,
            move || its.get().map(drop),
            || queue.put("item").expect("there is space"),
            move || {
                assert_eq!(next.get()?, "item", "{end:?}");
                assert!(next.get_nowait().unwrap_err().is::<Empty>());
                Ok(())
            },
        )?;
        assert_eq!((queue.qsize(), queue.getters()), (0, 0));
    }
    Ok(())
}

#[test]
fn space_is_not_lost_with_a_hub() -> TestResult {
    for end in ENDS {
        let queue = Queue::with_maxsize(1);
        queue.put(0)?;
        let (its, next) = (queue.clone(), queue.clone());
        parked_for_ever(
            end,
            3,
            move || its.put(1),
            || assert_eq!(queue.get_nowait().expect("it is full"), 0),
            move || next.put(2),
        )?;
        assert_eq!(queue.get()?, 2);
        assert_eq!((queue.qsize(), queue.putters()), (0, 0));
    }
    Ok(())
}

/// Any number of such greenlets is passed over without a deep recursion.
#[test]
fn a_permit_passes_a_long_line_of_the_lost() -> TestResult {
    let semaphore = Semaphore::new(0);
    let (its, next) = (semaphore.clone(), semaphore.clone());
    parked_for_ever(
        End::Hub,
        2000,
        move || its.acquire().map(drop),
        || {
            let last = spawn({
                let semaphore = semaphore.clone();
                move || semaphore.acquire()
            });
            while semaphore.linkcount() < 2001 {
                sleep(0).expect("yields");
            }
            semaphore.release();
            last.get().expect("it was handed the permit");
        },
        move || {
            assert_eq!((next.counter(), next.linkcount()), (0, 0));
            Ok(())
        },
    )
}

/// Threads end at any moment while permits are handed to their greenlets. Each permit must be used, or still be there.
#[test]
fn threads_that_end_lose_no_permits() -> TestResult {
    let _bounded = bounded();
    for round in 0..60 {
        let semaphore = Semaphore::new(0);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let semaphore = semaphore.clone();
                thread::spawn(move || -> Result<usize, Exception> {
                    let greenlets: Vec<_> = (0..3)
                        .map(|_| {
                            let semaphore = semaphore.clone();
                            spawn(move || semaphore.acquire())
                        })
                        .collect();
                    sleep(0)?;
                    sleep(f64::from(round % 10) * 1e-4)?;
                    Ok(greenlets.iter().filter(|g| g.ready()).count())
                })
            })
            .collect();
        for _ in 0..20 {
            semaphore.release();
        }
        let mut used = 0;
        for thread in threads {
            used += thread.join().expect("does not panic")?;
        }
        assert_eq!((semaphore.counter() + used, semaphore.linkcount()), (20, 0));
    }
    Ok(())
}

mod links {
    use super::*;

    /// gevent's `iwait`, over objects that another thread makes ready.
    #[test]
    fn test_iwait_for_another_thread() -> TestResult {
        let _bounded = bounded();
        let (result, semaphore, event) = (AsyncResult::new(), Semaphore::new(0), Event::new());
        let (first, second, third) = (result.clone(), semaphore.clone(), event.clone());
        let (goes_on, go_on) = channel::<()>();
        let thread = thread::spawn(move || {
            first.set(7);
            go_on.recv().expect("is sent");
            second.release();
            go_on.recv().expect("is sent");
            third.set();
        });
        let objects: [&dyn Linkable; 3] = [&event, &semaphore, &result];
        let mut came = Vec::new();
        for object in iwait(objects)? {
            came.push(format!("{:?}", object?));
            let _ = goes_on.send(());
        }
        thread.join().expect("does not panic");
        let names = ["AsyncResult", "Semaphore", "Event"].map(|name| format!("<threadsafe::{name}"));
        assert!(
            came.iter().zip(&names).all(|(came, name)| came.starts_with(name)),
            "{came:?}"
        );
        assert_eq!(semaphore.counter(), 1, "waiting takes nothing");
        assert_eq!(event.linkcount() + semaphore.linkcount() + result.linkcount(), 0);
        Ok(())
    }

    #[test]
    fn test_iwait_gives_up() -> TestResult {
        let _bounded = bounded();
        let (event, semaphore) = (Event::new(), BoundedSemaphore::new(1));
        semaphore.acquire()?;
        let objects: [&dyn Linkable; 2] = [&event, &semaphore];
        assert_eq!(iwait_timeout(objects, 0.001)?.count(), 0);
        assert_eq!(event.linkcount() + semaphore.linkcount(), 0);
        // Nothing keeps the loop running any more.
        let waits = spawn(|| gevent::event::Event::new().wait().map(drop));
        assert!(waits.get().unwrap_err().is::<LoopExit>());
        Ok(())
    }

    /// Links are called once, in their order, by the hub of the thread that has added them.
    #[test]
    fn test_links() -> TestResult {
        let _bounded = bounded();
        let (event, log) = (Event::new(), Log::<String>::new());
        let add = |name: &'static str| {
            let log = log.clone();
            let here = thread::current().id();
            event.rawlink(move |event| {
                assert_eq!(thread::current().id(), here);
                log.add(format!("{name} {}", event.is_set()));
            })
        };
        let (_a, b, _c) = (add("a"), add("b"), add("c"));
        event.unlink(&b);
        assert_eq!(event.linkcount(), 2);
        let its = event.clone();
        thread::spawn(move || its.set()).join().expect("does not panic");
        assert!(log.is_empty());
        sleep(0)?;
        assert_eq!(log.take(), ["a true", "c true"]);
        let late = add("late");
        assert!(log.is_empty());
        sleep(0)?;
        assert_eq!(log.take(), ["late true"]);
        event.unlink(&late);
        event.set();
        sleep(0)?;
        assert!(log.is_empty());
        Ok(())
    }

    #[test]
    fn test_an_error_of_a_link_goes_to_the_hub() -> TestResult {
        let _bounded = bounded();
        let reports = crate::support::Reports::new();
        let (result, log) = (AsyncResult::new(), Log::<i32>::new());
        result.rawlink(|_| -> TestResult { fail("a link") });
        result.rawlink({
            let log = log.clone();
            move |result| log.add(result.value().unwrap_or(0))
        });
        result.set(5);
        sleep(0)?;
        reports.one_with("a link");
        assert_eq!(log.take(), [5]);
        Ok(())
    }

    /// A link keeps the loop running, as another thread may still make the object ready.
    #[test]
    fn test_the_hub_waits_for_links() -> TestResult {
        let _bounded = bounded();
        let (event, log) = (Event::new(), Log::<&str>::new());
        event.rawlink({
            let log = log.clone();
            move |_| log.add("set")
        });
        let thread = thread::spawn(move || event.set());
        get_hub().join()?;
        assert_eq!(log.take(), ["set"]);
        thread.join().expect("does not panic");
        Ok(())
    }

    /// A greenlet that only watches a semaphore, by `wait`, takes no permit.
    #[test]
    fn test_watching_a_semaphore() -> TestResult {
        let _bounded = bounded();
        let (semaphore, log) = (Semaphore::new(0), Log::<String>::new());
        let spawn_in_line = |name: &'static str, acquires: bool| {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            spawn(move || {
                if acquires {
                    semaphore.acquire()?;
                    log.add(name);
                } else {
                    let counter = semaphore.wait()?;
                    log.add(format!("{name} {counter}"));
                }
                Ok(())
            })
        };
        let waits = [
            spawn_in_line("first watches:", false),
            spawn_in_line("second acquires", true),
            spawn_in_line("third watches:", false),
        ];
        while semaphore.linkcount() < 3 {
            sleep(0)?;
        }
        semaphore.release();
        joinall(&waits[..2])?;
        assert_eq!(log.take(), ["first watches: 0", "second acquires"]);
        assert_eq!((semaphore.counter(), semaphore.linkcount()), (0, 1));
        semaphore.release();
        waits[2].get()?;
        assert_eq!(log.take(), ["third watches: 1"]);
        assert_eq!((semaphore.counter(), semaphore.linkcount()), (1, 0));
        assert_eq!(semaphore.wait_timeout(0)?, 1);
        semaphore.acquire()?;
        assert_eq!(semaphore.wait_timeout(0.001)?, 0);
        Ok(())
    }
}

mod tasks {
    use super::*;

    #[test]
    fn test_join_and_task_done() -> TestResult {
        let _bounded = bounded();
        let queue = Queue::new();
        assert!(queue.join()?);
        let worker = thread::spawn({
            let queue = queue.clone();
            move || -> TestResult {
                for task in &queue {
                    let _: i32 = task?;
                    queue.task_done()?;
                }
                Ok(())
            }
        });
        for task in 0..100 {
            queue.put(task)?;
        }
        assert!(queue.join()?);
        assert_eq!((queue.unfinished_tasks(), queue.qsize()), (0, 0));
        assert!(queue.task_done().is_err());
        queue.shutdown(false);
        worker.join().expect("does not panic")
    }

    #[test]
    fn test_shutdown_immediate_with_join() -> TestResult {
        let _bounded = bounded();
        let queue = Queue::new();
        for task in 0..3 {
            queue.put(task)?;
        }
        queue.get()?;
        assert!(!queue.join_timeout(0.001)?);
        let joins = spawn({
            let queue = queue.clone();
            move || queue.join()
        });
        sleep(0)?;
        queue.shutdown(true);
        assert_eq!(queue.unfinished_tasks(), 1);
        sleep(0)?;
        assert!(!joins.ready());
        queue.task_done()?;
        assert!(joins.get()?);
        Ok(())
    }

    #[test]
    fn test_peek() -> TestResult {
        let _bounded = bounded();
        let queue = Queue::new();
        assert!(queue.peek_nowait().unwrap_err().is::<Empty>());
        assert!(queue.peek_timeout(0.001).unwrap_err().is::<Empty>());
        let peeks = spawn({
            let queue = queue.clone();
            move || queue.peek()
        });
        sleep(0)?;
        let putter = thread::spawn({
            let queue = queue.clone();
            move || queue.put(1)
        });
        assert_eq!(peeks.get()?, 1);
        putter.join().expect("does not panic")?;
        assert_eq!((queue.peek()?, queue.qsize()), (1, 1));
        assert_eq!(queue.get()?, 1);
        let peeks = spawn({
            let queue = queue.clone();
            move || queue.peek()
        });
        sleep(0)?;
        queue.shutdown(false);
        assert!(peeks.get().unwrap_err().is::<ShutDown>());
        Ok(())
    }
}
