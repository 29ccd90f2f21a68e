//! The cases with gevent for Rust.

use gevent::event::{AsyncResult, Event};
use gevent::lock::Semaphore;
use gevent::pool::Pool;
use gevent::queue::{Channel, Queue};
use gevent::threadpool::HubExt;
use gevent::{Exception, get_hub, joinall, sleep, spawn};

use crate::Result;
use crate::turns::Measure;

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "channel" => |count, _| {
            let (there, back) = (Channel::new(), Channel::new());
            let (t, b) = (there.clone(), back.clone());
            there_and_back(
                count,
                move || there.put(()).and_then(|()| back.get()),
                move || t.get().and_then(|()| b.put(())),
            )
        },
        "queue" => |count, _| {
            let (there, back) = (Queue::with_maxsize(1), Queue::with_maxsize(1));
            let (t, b) = (there.clone(), back.clone());
            there_and_back(
                count,
                move || there.put(()).and_then(|()| back.get()),
                move || t.get().and_then(|()| b.put(())),
            )
        },
        "event" => |count, _| {
            let (there, back) = (Event::new(), Event::new());
            let (t, b) = (there.clone(), back.clone());
            let wait = |event: &Event| event.wait().map(|_| event.clear());
            there_and_back(
                count,
                move || {
                    there.set();
                    wait(&back)
                },
                move || wait(&t).map(|()| b.set()),
            )
        },
        "event-many" => |count, _| event_many(count),
        "semaphore" => |count, _| {
            let (there, back) = (Semaphore::new(0), Semaphore::new(0));
            let (t, b) = (there.clone(), back.clone());
            there_and_back(
                count,
                move || {
                    there.release();
                    back.acquire().map(drop)
                },
                move || {
                    t.acquire()?;
                    b.release();
                    Ok(())
                },
            )
        },
        "result" => |count, _| result(count),
        "pool-map" => |count, _| {
            let squares = Pool::new(100).map(|i: u32| i.wrapping_mul(i), 0..count)?;
            assert_eq!(squares.len(), count as usize);
            Ok(())
        },
        "threadpool" => |count, _| {
            let pool = get_hub().threadpool();
            for i in 0..count {
                assert_eq!(pool.apply(move || i)?, i);
            }
            Ok(())
        },
        _ => return None,
    })
}

fn there_and_back(
    count: u32,
    one: impl Fn() -> std::result::Result<(), Exception> + 'static,
    other: impl Fn() -> std::result::Result<(), Exception> + 'static,
) -> Result {
    let greenlets = [
        spawn(move || (0..count).try_for_each(|_| one())),
        spawn(move || (0..count).try_for_each(|_| other())),
    ];
    for greenlet in greenlets {
        greenlet.get()?;
    }
    Ok(())
}

fn event_many(count: u32) -> Result {
    for _ in 0..count / 10_000 {
        let event = Event::new();
        let waiters: Vec<_> = (0..10_000)
            .map(|_| {
                let event = event.clone();
                spawn(move || event.wait())
            })
            .collect();
        sleep(0)?;
        while event.linkcount() < 10_000 {
            sleep(0)?;
        }
        event.set();
        joinall(&waiters)?;
    }
    Ok(())
}

fn result(count: u32) -> Result {
    for i in 0..count {
        let result = AsyncResult::new();
        let setter = result.clone();
        spawn(move || setter.set(i));
        assert_eq!(result.get()?, i);
    }
    Ok(())
}
