//! The cases with gevent for Rust.

use gevent::{Exception, joinall, sleep, spawn};

use crate::Result;
use crate::turns::{Measure, Stopwatch};

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "spawn" => spawn_and_join,
        "spawn-many" => spawn_many,
        "yield" => yields,
        "timers" => timers,
        "kill" => kill,
        _ => return None,
    })
}

fn spawn_and_join(count: u32, _: &mut Stopwatch) -> Result {
    for _ in 0..count {
        spawn(|| ()).join()?;
    }
    Ok(())
}

fn spawn_many(count: u32, _: &mut Stopwatch) -> Result {
    let greenlets: Vec<_> = (0..count).map(|_| spawn(|| ())).collect();
    joinall(&greenlets)?;
    Ok(())
}

fn yields(count: u32, _: &mut Stopwatch) -> Result {
    let greenlets: Vec<_> = (0..1000)
        .map(|_| spawn(move || (0..count / 1000).try_for_each(|_| sleep(0))))
        .collect();
    joinall(&greenlets)?;
    Ok(())
}

fn timers(count: u32, _: &mut Stopwatch) -> Result {
    let greenlets: Vec<_> = (0..u64::from(count))
        .map(|i| spawn(move || sleep((i * 7919 % 100_000) as f64 / 1e6)))
        .collect();
    joinall(&greenlets)?;
    Ok(())
}

fn kill(count: u32, watch: &mut Stopwatch) -> Result {
    let greenlets: Vec<_> = (0..count)
        .map(|_| spawn(|| -> std::result::Result<(), Exception> { sleep(3600) }))
        .collect();
    sleep(0)?;
    watch.restart();
    for greenlet in &greenlets {
        greenlet.kill()?;
    }
    assert!(greenlets.iter().all(|greenlet| greenlet.ready()));
    Ok(())
}
