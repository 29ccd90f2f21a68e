//! The cases with tokio's current-thread runtime.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use ::tokio::runtime::{Builder, Runtime};
use ::tokio::sync::Notify;
use ::tokio::task::{LocalSet, spawn_local};

use super::baton::{Baton, wake_once};
use crate::Result;
use crate::turns::Measure;

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "ready" => |count, _| {
            let runtime = runtime()?;
            for i in 0..count {
                runtime.block_on(std::future::ready(i));
            }
            Ok(())
        },
        "self-wake" => |count, _| {
            let runtime = runtime()?;
            for _ in 0..count {
                runtime.block_on(wake_once());
            }
            Ok(())
        },
        "wake" => |count, _| LocalSet::new().block_on(&runtime()?, wake(count)),
        "threads" => |count, _| threads(count),
        "spawn" => |count, _| {
            LocalSet::new().block_on(&runtime()?, async {
                for i in 0..count {
                    spawn_local(async move { i }).await?;
                }
                Ok(())
            })
        },
        _ => return None,
    })
}

/// As ours, it can wait for descriptors and times too.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

async fn wake(count: u32) -> Result {
    let (there, back) = (Rc::new(Baton::default()), Rc::new(Baton::default()));
    let (t, b) = (there.clone(), back.clone());
    let other = spawn_local(async move {
        for _ in 0..count {
            t.take().await;
            b.pass();
        }
    });
    let one = spawn_local(async move {
        for _ in 0..count {
            there.pass();
            back.take().await;
        }
    });
    one.await?;
    Ok(other.await?)
}

fn threads(count: u32) -> Result {
    let (there, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (t, b) = (there.clone(), back.clone());
    let runtime_there = runtime()?;
    let other = thread::spawn(move || {
        for _ in 0..count {
            runtime_there.block_on(t.notified());
            b.notify_one();
        }
    });
    let runtime = runtime()?;
    for _ in 0..count {
        there.notify_one();
        runtime.block_on(back.notified());
    }
    other.join().map_err(|_| "the other thread has panicked".into())
}
