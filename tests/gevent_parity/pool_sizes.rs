//! Pools of no, one and any number of greenlets: how many fit, and which calls wait.

use gevent::pool::{Group, Pool, PoolFull};
use gevent::{Exception, Greenlet, Timeout, joinall, sleep, spawn};

use super::common::TestResult;

fn show(pool: &Pool) -> TestResult {
    let (len, full, free) = (pool.len(), pool.full(), pool.free_count());
    let available = pool.wait_available_timeout(0)?;
    println!("len {len}, full {full}, free {free}, {available} available");
    Ok(())
}

fn add(
    pool: &Pool,
    how: impl FnOnce(&Pool, &Greenlet<()>) -> Result<(), Exception>,
) -> Result<Greenlet<()>, Exception> {
    let greenlet = Greenlet::new(|| sleep(100));
    match how(pool, &greenlet) {
        Ok(()) => println!("added"),
        Err(error) if error.is::<PoolFull>() => println!("PoolFull"),
        Err(error) => return Err(error),
    }
    Ok(greenlet)
}

fn not_blocking(pool: &Pool, greenlet: &Greenlet<()>) -> TestResult {
    Ok(pool.try_add(greenlet)?)
}

fn in_time(pool: &Pool, greenlet: &Greenlet<()>) -> TestResult {
    pool.add_timeout(greenlet, 0.01)
}

fn blocking(pool: &Pool, greenlet: &Greenlet<()>) -> TestResult {
    pool.add(greenlet)
}

pub(crate) fn main() -> TestResult {
    println!("0");
    let pool = Pool::new(0);
    show(&pool)?;
    add(&pool, not_blocking)?;
    add(&pool, in_time)?;
    Timeout::new(0.01).silent(|| {
        pool.spawn(|| println!("never"))?;
        println!("never");
        Ok(())
    })?;
    println!("joined {}", pool.join()?);
    show(&pool)?;

    println!("None");
    let pool = Pool::new(None);
    for _ in 0..3 {
        pool.spawn(|| sleep(100))?;
    }
    show(&pool)?;
    add(&pool, not_blocking)?;
    show(&pool)?;
    pool.kill()?;
    show(&pool)?;

    println!("2");
    let pool = Pool::new(2);
    show(&pool)?;
    let (first, second) = (add(&pool, blocking)?, add(&pool, blocking)?);
    show(&pool)?;
    add(&pool, not_blocking)?;
    add(&pool, in_time)?;
    pool.discard(&first);
    show(&pool)?;
    let third = add(&pool, blocking)?;
    show(&pool)?;
    pool.killone(&second)?;
    show(&pool)?;
    let [one, two, three] = [&first, &second, &third].map(|greenlet| pool.contains(greenlet));
    println!("first {one}, second {two}, third {three}");

    println!("three that wait for one place, one of which is killed");
    let spawners = ["a", "b", "c", "d"].map(|what| {
        let pool = pool.clone();
        spawn(move || {
            pool.spawn(move || println!("{what}"))?;
            println!("{what} is spawned, len {}", pool.len());
            Ok(())
        })
    });
    sleep(0)?;
    sleep(0)?;
    show(&pool)?;
    let waiting: Vec<_> = spawners.iter().filter(|spawner| !spawner.ready()).collect();
    println!("{} wait", waiting.len());
    for spawner in waiting.iter().take(1) {
        spawner.kill()?;
    }
    pool.kill()?;
    joinall(&spawners)?;
    println!("joined {}", pool.join()?);
    show(&pool)?;

    println!("available, in time or not");
    let pool = Pool::new(1);
    pool.spawn(|| sleep(0.03))?;
    println!("{}", pool.wait_available_timeout(0.001)?);
    println!("{}", pool.wait_available()?);

    println!("a group");
    let group = Group::new();
    println!("full {}, joined {}", group.full(), group.join()?);
    group.spawn(|| sleep(100))?;
    println!("joined {}", group.join_timeout(0.001)?);
    group.kill()?;
    println!("joined {}", group.join()?);
    Ok(())
}
