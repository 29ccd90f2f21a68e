//! A full pool: the greenlets that wait for a place, and the order in which they go on.

use gevent::pool::{Pool, PoolFull};
use gevent::{Greenlet, sleep, spawn};

use super::common::TestResult;

fn worker(name: &str) -> TestResult {
    println!("{name} begins");
    sleep(0)?;
    println!("{name} ends");
    Ok(())
}

fn spawner(name: &'static str, pool: &Pool) -> TestResult {
    pool.spawn(move || worker(name))?;
    println!("{name} is spawned, free {}", pool.free_count());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let pool = Pool::new(2);

    println!(
        "free {}, full {}, available {}",
        pool.free_count(),
        pool.full(),
        pool.wait_available()?
    );
    for name in ["a", "b", "c", "d"] {
        let pool = pool.clone();
        spawn(move || spawner(name, &pool));
    }
    sleep(0)?;
    println!("free {}, full {}, size {}", pool.free_count(), pool.full(), pool.len());
    if let Err(PoolFull) = pool.try_add(Greenlet::new(|| worker("x"))) {
        println!("PoolFull");
    }
    sleep(0)?;
    pool.spawn(|| worker("e"))?;
    println!("main has spawned e");
    println!("join {}, size {}", pool.join()?, pool.len());

    let empty = Pool::new(0);
    println!("available {}", empty.wait_available_timeout(0.01)?);
    let any = Pool::new(None);
    println!(
        "no limit: {} {} {}",
        any.free_count(),
        any.full(),
        any.wait_available()?
    );
    Ok(())
}
