//! A pool's add and start, with a time limit and without waiting, while it is full and while it is not.

use gevent::pool::{Group, Pool, PoolFull};
use gevent::{Exception, Greenlet, sleep};

use super::common::TestResult;

fn task(name: &'static str) -> TestResult {
    println!("{name} runs");
    sleep(0)?;
    println!("{name} is over");
    Ok(())
}

type Start = fn(&Pool, &Greenlet<()>) -> Result<(), Exception>;

fn start(pool: &Pool, name: &'static str, how: Start) -> TestResult {
    let greenlet = Greenlet::new(move || task(name));
    let started = how(pool, &greenlet);
    let (is_started, member) = (greenlet.started(), pool.contains(&greenlet));
    match started {
        Err(error) if error.is::<PoolFull>() => println!("{name}: full, started: {is_started}, a member: {member}"),
        other => {
            other?;
            println!("{name}: started: {is_started}, a member: {member}");
        }
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let pool = Pool::new(1);
    let busy = pool.spawn(|| sleep(100))?;
    start(&pool, "a", |pool, greenlet| pool.try_start(greenlet))?;
    start(&pool, "b", |pool, greenlet| pool.start_timeout(greenlet, 0))?;
    start(&pool, "c", |pool, greenlet| pool.start_timeout(greenlet, 0.001))?;
    busy.kill()?;
    start(&pool, "d", |pool, greenlet| pool.try_start(greenlet))?;
    start(&pool, "e", |pool, greenlet| pool.start_timeout(greenlet, 100))?;
    start(&pool, "f", |pool, greenlet| pool.start(greenlet))?;
    pool.join()?;
    println!("free: {}", pool.free_count());

    // One that was refused can be started later.
    pool.spawn(|| task("g"))?;
    let late = Greenlet::new(|| task("late"));
    if let Err(PoolFull) = pool.try_add(&late) {
        println!("late: full");
    }
    pool.join()?;
    pool.try_add(&late)?;
    println!("added, started: {}, free: {}", late.started(), pool.free_count());
    late.start()?;
    pool.join()?;

    // A group has no limit.
    let group = Group::new();
    for name in ["x", "y"] {
        group.start(&Greenlet::new(move || task(name)))?;
    }
    group.join()?;
    println!("left: {}", group.len());
    Ok(())
}
