//! The cases with may, on one worker. may's channels have no limit.

use std::sync::Arc;

use ::may::sync::{Semphore, mpsc};
use ::may::{config, go};

use crate::Result;
use crate::turns::Measure;

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "channel" | "queue" => |count, _| in_coroutine(move || channel(count)),
        "semaphore" => |count, _| in_coroutine(move || semaphore(count)),
        "pool-map" => |count, _| in_coroutine(move || pool_map(count)),
        "result" => |count, _| in_coroutine(move || result(count)),
        _ => return None,
    })
}

/// Runs the case in a coroutine, so that a wait parks a coroutine and not a thread.
fn in_coroutine(case: impl FnOnce() + Send + 'static) -> Result {
    config().set_workers(1);
    go!(case).join().map_err(|_| "may's case failed".into())
}

fn channel(count: u32) {
    let (there, there_end) = mpsc::channel();
    let (back, back_end) = mpsc::channel();
    let other = go!(move || {
        for _ in 0..count {
            there_end.recv().expect("the other end is there");
            back.send(()).expect("the other end is there");
        }
    });
    for _ in 0..count {
        there.send(()).expect("the other end is there");
        back_end.recv().expect("the other end is there");
    }
    other.join().expect("it does not fail");
}

fn semaphore(count: u32) {
    let (there, back) = (Arc::new(Semphore::new(0)), Arc::new(Semphore::new(0)));
    let (t, b) = (there.clone(), back.clone());
    let other = go!(move || {
        for _ in 0..count {
            t.wait();
            b.post();
        }
    });
    for _ in 0..count {
        there.post();
        back.wait();
    }
    other.join().expect("it does not fail");
}

fn result(count: u32) {
    for i in 0..count {
        let (setter, result) = mpsc::channel();
        go!(move || setter.send(i).expect("the other end is there"));
        assert_eq!(result.recv(), Ok(i));
    }
}

/// Runs a coroutine for each of `count`, a hundred at a time.
fn pool_map(count: u32) {
    let places = Arc::new(Semphore::new(100));
    let tasks: Vec<_> = (0..count)
        .map(|i| {
            places.wait();
            let places = places.clone();
            go!(move || {
                places.post();
                i.wrapping_mul(i)
            })
        })
        .collect();
    let squares: Vec<_> = tasks.into_iter().map(|task| task.join()).collect();
    assert_eq!(squares.len(), count as usize);
}
