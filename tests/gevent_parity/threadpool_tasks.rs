//! The tasks of a pool of threads, its growth, and the order of the results.

use std::sync::{Arc, Condvar, Mutex};

use gevent::threadpool::{HubExt, PoolSizeError, ThreadPool};
use gevent::{Exception, get_hub, joinall, sleep, spawn, wait};

use super::common::{TestResult, ValueError, report_errors};

fn fail(what: &'static str) -> TestResult {
    Err(ValueError(what).into())
}

fn failed<T>(returned: Result<T, Exception>) {
    if let Err(error) = returned
        && error.is::<ValueError>()
    {
        println!("ValueError {error}");
    }
}

fn sizes(pool: &ThreadPool) {
    println!("size {}, tasks {}", pool.size(), pool.len());
}

pub(crate) fn main() -> TestResult {
    report_errors();
    let pool = ThreadPool::new(3);
    println!("size {}, maxsize {}, tasks {}", pool.size(), pool.maxsize(), pool.len());
    println!("{} {}", pool.apply(|| 6 * 7)?, pool.size());
    println!("{:?}", pool.map(|i| i * i, 0..6)?);
    println!("{:?}", pool.imap(|i: i32| -i, 0..4).collect::<Result<Vec<_>, _>>()?);
    let mut values = pool.imap_unordered(|i: i32| -i, 0..4).collect::<Result<Vec<_>, _>>()?;
    values.sort_unstable();
    println!("{values:?}");
    println!(
        "{:?}",
        pool.imap_maxsize(|i: i32| i, 0..4, 1).collect::<Result<Vec<_>, _>>()?
    );

    println!("tasks that fail");
    failed(pool.apply(|| fail("apply")));
    let result = pool.spawn(|| fail("spawn"))?;
    result.wait()?;
    if let Some(exception) = result.exception() {
        println!(
            "ready {}, successful {}, {exception}",
            result.ready(),
            result.successful()
        );
    }
    failed(pool.map(fail, ["map"]));
    if let Some(returned) = pool.imap(fail, ["imap"]).next() {
        failed(returned);
    }

    println!("callbacks");
    pool.apply_cb(|| "cb", |value| println!("{value}"))?;
    pool.map_cb(|i| i, [1, 2], |values| println!("{values:?}"))?;
    println!(
        "{}",
        pool.apply_async_cb(|| "async", |value| println!("{value}")).get()?
    );
    let map = pool.map_async_cb(|i| i, [3, 4], |values| println!("{values:?}"));
    println!("{:?}", map.get()?);

    println!("all busy");
    let go_on = Arc::new((Mutex::new(false), Condvar::new()));
    let mut busy = Vec::new();
    for _ in 0..3 {
        let go_on = go_on.clone();
        busy.push(pool.spawn(move || {
            let (set, wake) = &*go_on;
            let guard = set.lock().expect("nobody panics");
            drop(wake.wait_while(guard, |set| !*set).expect("nobody panics"));
        })?);
    }
    sizes(&pool);
    let queued = pool.spawn(|| "queued")?;
    sizes(&pool);
    let its = pool.clone();
    let waits = spawn(move || its.spawn(|| "waited"));
    sleep(0.01)?;
    println!("waits {}, tasks {}", !waits.ready(), pool.len());
    *go_on.0.lock().expect("nobody panics") = true;
    go_on.1.notify_all();
    println!("{} {}", waits.get()?.get()?, queued.get()?);
    wait(&busy)?;
    pool.join()?;
    sizes(&pool);

    println!("sizes");
    match pool.set_size(4) {
        Err(error) if error.is::<PoolSizeError>() => println!("{error}"),
        set => set?,
    }
    pool.set_size(1)?;
    println!("{}", pool.size());
    pool.set_maxsize(5)?;
    pool.set_size(5)?;
    println!("{} {}", pool.size(), pool.maxsize());
    pool.set_maxsize(2)?;
    while pool.size() > 2 {
        sleep(0.001)?;
    }
    println!("{:?} {}", pool.map(|i| i + 1, 0..3)?, pool.size());
    pool.kill()?;
    println!("{}", pool.size());
    println!("{} {}", pool.apply(|| "again")?, pool.size());
    pool.kill()?;

    println!("nested");
    let outer = get_hub().threadpool();
    let ident = get_hub().minimal_ident();
    let same = outer.apply(move || get_hub().minimal_ident() == ident)?;
    println!("{} {}", outer.maxsize(), if same { "True" } else { "False" });
    println!(
        "{}",
        if outer == get_hub().threadpool() {
            "True"
        } else {
            "False"
        }
    );
    let its = outer.clone();
    let greenlet = spawn(move || its.apply(|| "in a greenlet"));
    joinall([&greenlet])?;
    println!("{}", greenlet.get()?);
    Ok(())
}
