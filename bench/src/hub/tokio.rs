//! The cases with tokio's current-thread runtime.

use std::time::Duration;

use ::tokio::runtime::Builder;
use ::tokio::task::{spawn, yield_now};
use ::tokio::time::sleep;

use crate::Result;
use crate::turns::{Measure, Stopwatch};

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "spawn" => |count, _| block_on(spawn_and_join(count)),
        "spawn-many" => |count, _| block_on(spawn_many(count)),
        "yield" => |count, _| block_on(yields(count)),
        "timers" => |count, _| block_on(timers(count)),
        "kill" => |count, watch| block_on(kill(count, watch)),
        _ => return None,
    })
}

fn block_on(case: impl Future<Output = Result>) -> Result {
    Builder::new_current_thread().enable_time().build()?.block_on(case)
}

async fn spawn_and_join(count: u32) -> Result {
    for _ in 0..count {
        spawn(async {}).await?;
    }
    Ok(())
}

async fn spawn_many(count: u32) -> Result {
    let tasks: Vec<_> = (0..count).map(|_| spawn(async {})).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn yields(count: u32) -> Result {
    let one = move || async move {
        for _ in 0..count / 1000 {
            yield_now().await;
        }
    };
    let tasks: Vec<_> = (0..1000).map(|_| spawn(one())).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn timers(count: u32) -> Result {
    let tasks: Vec<_> = (0..u64::from(count))
        .map(|i| spawn(sleep(Duration::from_micros(i * 7919 % 100_000))))
        .collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn kill(count: u32, watch: &mut Stopwatch) -> Result {
    let tasks: Vec<_> = (0..count).map(|_| spawn(sleep(Duration::from_secs(3600)))).collect();
    yield_now().await;
    watch.restart();
    for task in tasks {
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }
    Ok(())
}
