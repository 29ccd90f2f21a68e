//! The cases with tokio's current-thread runtime. tokio has no channel without a buffer.

use std::sync::Arc;

use ::tokio::runtime::Builder;
use ::tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use ::tokio::task::{spawn, spawn_blocking, yield_now};

use crate::Result;
use crate::turns::Measure;

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "queue" => |count, _| block_on(queue(count)),
        "event" => |count, _| block_on(event(count)),
        "event-many" => |count, _| block_on(event_many(count)),
        "semaphore" => |count, _| block_on(semaphore(count)),
        "result" => |count, _| block_on(result(count)),
        "pool-map" => |count, _| block_on(pool_map(count)),
        "threadpool" => |count, _| block_on(threadpool(count)),
        _ => return None,
    })
}

fn block_on(case: impl Future<Output = Result> + Send + 'static) -> Result {
    let runtime = Builder::new_current_thread().build()?;
    // The case runs in a task, as ours runs in a greenlet.
    runtime.block_on(async { spawn(async { case.await.map_err(|e| e.to_string()) }).await })??;
    Ok(())
}

async fn queue(count: u32) -> Result {
    let (there, mut there_end) = mpsc::channel(1);
    let (back, mut back_end) = mpsc::channel(1);
    let other = spawn(async move {
        for _ in 0..count {
            there_end.recv().await;
            let _ = back.send(()).await;
        }
    });
    for _ in 0..count {
        there.send(()).await?;
        back_end.recv().await;
    }
    Ok(other.await?)
}

async fn event(count: u32) -> Result {
    let (there, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (t, b) = (there.clone(), back.clone());
    let other = spawn(async move {
        for _ in 0..count {
            t.notified().await;
            b.notify_one();
        }
    });
    for _ in 0..count {
        there.notify_one();
        back.notified().await;
    }
    Ok(other.await?)
}

async fn event_many(count: u32) -> Result {
    for _ in 0..count / 10_000 {
        let event = Arc::new(Notify::new());
        let waiters: Vec<_> = (0..10_000)
            .map(|_| {
                let event = event.clone();
                spawn(async move { event.notified().await })
            })
            .collect();
        yield_now().await;
        event.notify_waiters();
        for waiter in waiters {
            waiter.await?;
        }
    }
    Ok(())
}

async fn semaphore(count: u32) -> Result {
    let (there, back) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (t, b) = (there.clone(), back.clone());
    let other = spawn(async move {
        for _ in 0..count {
            if let Ok(permit) = t.acquire().await {
                permit.forget();
            }
            b.add_permits(1);
        }
    });
    for _ in 0..count {
        there.add_permits(1);
        back.acquire().await?.forget();
    }
    Ok(other.await?)
}

async fn result(count: u32) -> Result {
    for i in 0..count {
        let (setter, result) = oneshot::channel();
        spawn(async move { setter.send(i) });
        assert_eq!(result.await?, i);
    }
    Ok(())
}

/// Runs a task for each of `count`, a hundred at a time.
async fn pool_map(count: u32) -> Result {
    let places = Arc::new(Semaphore::new(100));
    let mut tasks = Vec::with_capacity(count as usize);
    for i in 0..count {
        let place = places.clone().acquire_owned().await?;
        tasks.push(spawn(async move {
            let square = i.wrapping_mul(i);
            drop(place);
            square
        }));
    }
    let mut squares = Vec::with_capacity(count as usize);
    for task in tasks {
        squares.push(task.await?);
    }
    assert_eq!(squares.len(), count as usize);
    Ok(())
}

async fn threadpool(count: u32) -> Result {
    for i in 0..count {
        assert_eq!(spawn_blocking(move || i).await?, i);
    }
    Ok(())
}
